"""What a machine must have for a node, and what of it can be installed."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .. import progress
from ..errors import DevStackError
from ..process import complete
from . import cgroups

CNI_PLUGINS = Path("/usr/lib/cni")

UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Runs a command in namespaces of its own, as the first of its processes: with it all others end."""

_DEBIAN_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "unshare": "util-linux",
    str(CNI_PLUGINS / "ptp"): "containernetworking-plugins",
}
"""The Debian package of each program."""

_APT_TIMEOUT = 600


@functools.cache
def missing_rights() -> list[str]:
    """What the machine does not let us do that a node needs; nothing can be installed against it."""
    if cgroups.VARIABLE in os.environ:
        return []  # it was asked before the namespaces were made that this runs in
    if sys.platform != "linux":
        return ["Linux"]
    lacking = []
    if os.geteuid() != 0:
        lacking.append("root")
    elif not _may_unshare():
        lacking.append("namespaces (unshare)")
    elif not _may_make_cgroups():
        lacking.append("cgroups that can be written to (/sys/fs/cgroup)")
    return lacking


def missing_programs() -> list[str]:
    """The Debian packages of the programs that are not there."""
    return sorted({package for program, package in _DEBIAN_PACKAGES.items() if shutil.which(program) is None})


def check_rights() -> None:
    """Raise an error that names what the machine does not let us do, if it is anything."""
    if lacking := missing_rights():
        raise DevStackError(
            f"A real node cannot run here: {', '.join(lacking)} is lacking. Run it as root on a machine, or in a "
            "privileged container, that lets it."
        )


def check() -> None:
    """Raise an error that names what is lacking, rights or programs, if anything is."""
    check_rights()
    if packages := missing_programs():
        raise DevStackError(
            f"A real node needs programs of the Debian packages {', '.join(packages)}, which are not installed. "
            "`make e2e` installs them where apt-get can."
        )


def install() -> None:
    """Install the Debian packages of the programs that are not there, where that can be done."""
    packages = missing_programs()
    if not packages or missing_rights() or shutil.which("apt-get") is None:
        return check()
    with progress.task(f"installing the Debian packages {', '.join(packages)}"):
        # the list of packages may be older than what the mirrors still have
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", *packages)
    return check()


def _apt_get(*words: str) -> None:
    # RUNLEVEL: packages are not to start their services
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "--quiet", "--option=Acquire::Retries=3", *words]
    complete(f"`apt-get {' '.join(words)}`", command, _APT_TIMEOUT, environment)


def _may_unshare() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _may_make_cgroups() -> bool:
    try:
        found = cgroups.hierarchies()
        with cgroups.own() as name:
            return bool(found) and all((hierarchy / name.lstrip("/")).exists() for hierarchy in found)
    except OSError:
        return False
