"""The cgroups that pods are put under: made for one node, and removed after it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")

VARIABLE = "KAFKADE_NODE_CGROUP"
"""Has the name of the cgroup, as a path from the root of each hierarchy, where a node may start."""

_PREFIX = "kafkade-node-"
_REMOVAL_TIMEOUT = 20.0
_POLL = 0.1


def hierarchies(root: Path = ROOT) -> list[Path]:
    """The folders that a cgroup must be made in: one for each controller (v1), or the only one there is (v2)."""
    if (root / "cgroup.controllers").exists():
        return [root]
    # cpu,cpuacct and its like are symbolic links to one hierarchy
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.is_symlink())


@contextmanager
def own() -> Iterator[str]:
    """Make a cgroup in each hierarchy; its name. Removed at the end, when its processes have ended."""
    _sweep()
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        for hierarchy in hierarchies():
            _make(hierarchy / name)
        yield f"/{name}"
    finally:
        _remove(name)


def _make(cgroup: Path) -> None:
    cgroup.mkdir()
    # a new cpuset (v1) has no processors and takes no process until it has
    for file in ("cpuset.cpus", "cpuset.mems"):
        own_file, of_parent = cgroup / file, cgroup.parent / file
        if own_file.exists() and of_parent.exists():
            own_file.write_text(of_parent.read_text())


def _remove(name: str) -> None:
    deadline = time.monotonic() + _REMOVAL_TIMEOUT
    while left := [hierarchy / name for hierarchy in hierarchies() if (hierarchy / name).exists()]:
        for cgroup in left:
            _remove_tree(cgroup)
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL)


def _remove_tree(cgroup: Path) -> None:
    """Remove what of the tree has no process in it; its files go with a cgroup and cannot be removed."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()


def _sweep() -> None:
    """Remove what a killed process left."""
    for hierarchy in hierarchies():
        for cgroup in hierarchy.glob(f"{_PREFIX}*"):
            owner = cgroup.name.removeprefix(_PREFIX).partition("-")[0]
            if not Path("/proc", owner).exists():
                _remove_tree(cgroup)
