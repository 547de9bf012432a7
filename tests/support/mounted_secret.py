"""Secrets in a folder, as the kubelet mounts them: each key is a link into a folder that is changed as a whole."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def mount(secret: Mapping[str, Any], folder: Path) -> None:
    """Put what a Secret has into a folder, in place of what it had before."""
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / f"..{uuid.uuid4().hex}"
    version.mkdir()
    for key, value in secret["data"].items():
        file = version / key
        file.write_bytes(base64.b64decode(value))
        file.chmod(0o444)
    fresh = folder / "..data_tmp"
    fresh.symlink_to(version.name)
    fresh.rename(folder / "..data")
    for key in secret["data"]:
        if not (folder / key).is_symlink():
            (folder / key).symlink_to(Path("..data") / key)
