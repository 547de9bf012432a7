"""The cache on disk: made once, whole or not at all, shared by all processes of a user.

Layout: ``${XDG_CACHE_HOME:-~/.cache}/kafkade/<part>/<version>/…``. What lies under its final name
is complete and verified, since everything is made under another name first and renamed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import parallel, progress
from .errors import DevStackError

PARTIAL = ".partial"
"""Suffix of what is not finished yet."""


def root() -> Path:
    """The folder that everything downloaded or built is kept in."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "kafkade"


def folder(part: str, version: str) -> Path:
    """The folder of one version of one part."""
    return root() / part / version


def digest(text: str) -> str:
    """A part of a folder's name that changes with the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keep other processes from making ``path`` at the same time; waits for one that does."""
    lock_file = path.with_name(path.name + ".lock")
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        handle = lock_file.open("w")
    except OSError as error:
        raise DevStackError(
            f"The cache folder {lock_file.parent} cannot be written to ({error}). "
            "Set XDG_CACHE_HOME to a folder that can."
        ) from error
    with handle:
        _acquire(handle.fileno(), path)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def _acquire(descriptor: int, path: Path) -> None:
    if _try_to_acquire(descriptor):
        return
    with progress.task(f"waiting for another process that makes {path.name}"):
        while not _try_to_acquire(descriptor):
            parallel.check()
            time.sleep(0.2)


def _try_to_acquire(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return ``target``, made by ``make(folder)`` if it isn't there yet.

    ``make`` fills an empty folder beside the target, which is then renamed; if it raises, or the
    process dies, no target appears.
    """
    if target.exists():
        return target
    with lock(target):
        if target.exists():
            return target
        _sweep(target)
        made = Path(tempfile.mkdtemp(prefix=target.name + PARTIAL, dir=target.parent))
        try:
            make(made)
            made.chmod(0o755)
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return target


def _sweep(target: Path) -> None:
    """Remove what a killed process left; the lock is held, so nobody is at work on it."""
    for left in target.parent.glob(target.name + PARTIAL + "*"):
        shutil.rmtree(left, ignore_errors=True)
