"""Downloads what a lock file in ``jars/`` names from Maven Central, and nothing else.

A lock file has a line for each file: ``groupId:artifactId:version[:classifier][:extension]``, its
SHA-256 and its size. What has another hash is not kept.
"""

from __future__ import annotations

import hashlib
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from . import cache, parallel, progress
from .errors import DevStackError

REPOSITORY_VARIABLE = "KAFKADE_MAVEN_REPOSITORY"
"""Names another repository, such as a company's mirror."""

LOCKS = Path(__file__).parent / "jars"

_PARALLEL = 6
_TRIES = 3
_TIMEOUT = 60
_CHUNK = 1 << 18


@dataclass(frozen=True, order=True)
class Artifact:
    """One file of a Maven repository."""

    group: str
    name: str
    version: str
    classifier: str = ""
    extension: str = "jar"

    @classmethod
    def parse(cls, coordinate: str) -> Artifact:
        """Read ``groupId:artifactId:version[:classifier][:extension]``."""
        words = coordinate.split(":")
        if not 3 <= len(words) <= 5 or not all(words[:3]):
            raise ValueError(f"{coordinate!r} is not groupId:artifactId:version[:classifier][:ext]")
        return cls(*words)

    def __str__(self) -> str:
        words = [self.group, self.name, self.version]
        if self.classifier or self.extension != "jar":
            words.append(self.classifier)
        if self.extension != "jar":
            words.append(self.extension)
        return ":".join(words)

    @property
    def file_name(self) -> str:
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.extension}"

    @property
    def path(self) -> str:
        """Where a repository keeps it."""
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.file_name}"


@dataclass(frozen=True)
class Locked:
    """An artifact as it must be."""

    artifact: Artifact
    sha256: str
    size: int

    @classmethod
    def parse(cls, line: str) -> Locked:
        """Read a line of a lock file."""
        coordinate, sha256, size = line.split()
        if len(bytes.fromhex(sha256)) != hashlib.sha256().digest_size:
            raise ValueError(f"{sha256!r} is not a SHA-256")
        return cls(Artifact.parse(coordinate), sha256, int(size))

    def __str__(self) -> str:
        return f"{self.artifact} {self.sha256} {self.size}"


def parse_lock(text: str, name: str) -> list[Locked]:
    """Read a lock file; ``name`` is for the message when it is not one."""
    locked = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            locked.append(Locked.parse(line))
        except ValueError as error:
            raise DevStackError(
                f"Line {number} of the lock file {name} cannot be read: {error}. "
                "Make it anew with `python -m kafkade.devstack lock`."
            ) from error
    return locked


def lock_file(part: str, version: str) -> Path:
    """Where the lock of a part's version is."""
    return LOCKS / f"{part}-{version}.lock"


def locked_versions(part: str) -> list[str]:
    """The versions of a part that there are locks for, oldest first."""
    prefix = f"{part}-"
    found = [file.stem.removeprefix(prefix) for file in LOCKS.glob(f"{prefix}*.lock")]
    return sorted(found, key=lambda version: [int(number) for number in version.split(".")])


def fetch(part: str, version: str) -> list[Path]:
    """The files of a part in the order of its lock, downloaded if they are not in the cache."""
    lock = lock_file(part, version)
    if not lock.exists():
        raise DevStackError(
            f"There is no {part} {version} here. Versions that there are: {', '.join(locked_versions(part)) or 'none'}."
        )
    locked = parse_lock(lock.read_text(), lock.name)
    folder = cache.folder(part, version)
    files = [folder / entry.artifact.file_name for entry in locked]
    if all(file.exists() for file in files):
        return files
    with cache.lock(folder):
        folder.mkdir(parents=True, exist_ok=True)
        missing = [(e, f) for e, f in zip(locked, files, strict=True) if not f.exists()]
        total = sum(entry.size for entry, _ in missing)
        with progress.task(f"downloading {part} {version}", total, "MB") as task:
            downloads = [partial(download, entry, file, task) for entry, file in missing]
            parallel.gather(*downloads, limit=_PARALLEL)
    return files


def repository() -> str:
    """The repository that is downloaded from."""
    if named := os.environ.get(REPOSITORY_VARIABLE):
        return named.rstrip("/")
    try:
        from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError as error:
        raise DevStackError(
            "jgo, which knows where Maven Central is, is not installed. Install it with "
            f"`pip install 'kafkade[dev]'`, or name a repository in {REPOSITORY_VARIABLE}."
        ) from error
    return str(MAVEN_CENTRAL_URL)


def download(entry: Locked, file: Path, task: progress.Task) -> None:
    """Bring one file; what an interrupted download left is gone on with."""
    url = f"{repository()}/{entry.artifact.path}"
    unfinished = file.with_name(file.name + cache.PARTIAL)
    for attempt in range(1, _TRIES + 1):
        try:
            transfer(url, unfinished, entry.size, task)
            break
        except (OSError, HTTPException) as error:
            if attempt == _TRIES or isinstance(error, urllib.error.HTTPError):
                raise DevStackError(
                    f"{entry.artifact} cannot be downloaded from {url}: {error}. Check the "
                    f"network, or name a repository that can be reached in {REPOSITORY_VARIABLE}; "
                    "what was downloaded so far is kept."
                ) from error
            time.sleep(attempt)
    with unfinished.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != entry.sha256:
        unfinished.unlink()
        raise DevStackError(
            f"{entry.artifact} from {url} is not what was locked: its SHA-256 is {sha256}, that of "
            f"the lock is {entry.sha256}. It was thrown away. If it happens again, the repository "
            "or something on the way to it is not to be trusted."
        )
    unfinished.replace(file)


def transfer(url: str, file: Path, size: int | None, task: progress.Task) -> None:
    """Append to ``file`` what it lacks of the content of ``url``; ``size`` if that is known."""
    have = file.stat().st_size if file.exists() else 0
    if size is not None and have >= size:
        task.advance(size)
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - see repository()
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
        go_on = response.status == HTTPStatus.PARTIAL_CONTENT
        task.advance(have if go_on else 0)
        with file.open("ab" if go_on else "wb") as output:
            while chunk := response.read(_CHUNK):
                parallel.check()
                output.write(chunk)
                task.advance(len(chunk))
    if size is not None and file.stat().st_size < size:
        raise OSError(f"it ended after {file.stat().st_size} of {size} bytes")
