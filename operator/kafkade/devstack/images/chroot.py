"""Runs commands in a root file system, with mounts that end with them."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..process import complete

_TIMEOUT = 900

# what a command may need to reach package registries as the machine does
_PASSED_ON = re.compile(r"PIP_\w+|\w+_proxy", re.IGNORECASE)

_CERTIFICATES = "/run/machine/certificates.pem"

# Nothing of the machine is mounted in there, only copies: a command that runs as root, such as a package's
# installation, may write whatever it finds.
_ENTER = """
set -e
root="$1" copies="$2"
shift 2
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/machine"
cp "$copies/certificates.pem" "$root/run/machine/"
rm -f "$root/etc/resolv.conf"
touch "$root/etc/resolv.conf"
mount --bind "$copies/resolv.conf" "$root/etc/resolv.conf"
exec env --ignore-environment "$@" chroot "$root" /bin/sh -c 'cd "$FOLDER" && eval "$RUN"'
"""


def run(root: Path, script: str, environment: Mapping[str, str], folder: str = "/") -> None:
    """Run a shell's script in there, as root; an error has the end of what it printed.

    It looks names up and checks certificates as the machine does, which may know authorities of its own.
    """
    passed_on = {key: value for key, value in os.environ.items() if _PASSED_ON.fullmatch(key)}
    trusted = {"PIP_CERT": _CERTIFICATES, "SSL_CERT_FILE": _CERTIFICATES}
    given = {"HOME": "/root"} | passed_on | trusted | dict(environment) | {"FOLDER": folder, "RUN": script}
    pairs = [f"{key}={value}" for key, value in given.items()]
    with tempfile.TemporaryDirectory(prefix="kafkade-chroot-") as copies:
        _copy_trust(Path(copies))
        command = ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(root), copies, *pairs]
        complete(f"`{script}`", command, _TIMEOUT)


def _copy_trust(folder: Path) -> None:
    shutil.copy("/etc/resolv.conf", folder / "resolv.conf")
    certificates = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
    if certificates and Path(certificates).exists():
        shutil.copy(certificates, folder / "certificates.pem")
    else:
        (folder / "certificates.pem").touch()
