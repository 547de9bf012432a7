"""Packs a root file system as an image that container runtimes import (a docker-archive of one layer)."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..process import output

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Settings:
    """How containers of an image start."""

    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    folder: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def pack(root: Path, settings: Settings, name: str, file: Path) -> None:
    """Write ``file``, an archive of the image ``name`` (``repository:tag``)."""
    with tempfile.TemporaryDirectory(prefix="kafkade-image-", dir=file.parent) as folder:
        layer = Path(folder, "layer.tar")
        # tar, not tarfile: it keeps owners, links and special files, and is several times as fast
        output(["tar", "--create", "--numeric-owner", f"--file={layer}", f"--directory={root}", "."])
        with layer.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        config = json.dumps(_config(settings, digest)).encode()
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        layer_name = f"{digest}/layer.tar"
        manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]).encode()
        with tarfile.open(file, "w") as archive:
            archive.add(layer, layer_name)
            for member, content_bytes in ((config_name, config), ("manifest.json", manifest)):
                info = tarfile.TarInfo(member)
                info.size = len(content_bytes)
                archive.addfile(info, io.BytesIO(content_bytes))


def _config(settings: Settings, layer_digest: str) -> dict[str, object]:
    machine = platform.machine()
    return {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            "Env": [f"{key}={value}" for key, value in settings.environment.items()],
            "Entrypoint": list(settings.entrypoint) or None,
            "Cmd": list(settings.command) or None,
            "User": settings.user,
            "WorkingDir": settings.folder,
            "Labels": dict(settings.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }
