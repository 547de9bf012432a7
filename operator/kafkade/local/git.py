"""Files as a git revision has them, read from git's objects: nothing is checked out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kafkade.local.documents import is_manifest

_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set while git runs a hook, relative to where it runs it."""


class GitFailed(Exception):
    """git cannot be run, or refuses. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of the repository that some files are in."""

    name: str
    """As it was given: origin/main."""
    commit: str
    top: Path
    """Folder of the working tree."""

    @classmethod
    def find(cls, name: str, paths: Sequence[str]) -> Revision:
        """The commit that ``name`` means in the repository of ``paths``; ``A...``: where HEAD has left A.

        Raises:
            GitFailed: no git, no repository, several of them, or no such commit in it.
        """
        tops = {_top(Path(path)) for path in paths}
        if len(tops) > 1:
            raise GitFailed(f"the files are in several git repositories: {', '.join(sorted(map(str, tops)))}")
        (top,) = tops
        try:
            if name.endswith("..."):
                commit = _git(top, "merge-base", "--end-of-options", name.removesuffix("..."), "HEAD")
            else:
                commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitFailed as error:
            raise GitFailed(
                f"{name} is no commit of {top}: fetch it first (in CI the checkout is often shallow: a fetch-depth of 0,"
                " or git fetch origin <branch>)"
            ) from error
        return cls(name, commit.decode().strip(), top)

    def files(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Name and content of the manifests that the commit has at these files and folders; none where it has none.

        Raises:
            GitFailed: git refuses.
        """
        found: dict[str, str] = {}
        for path in paths:
            found |= dict(self._objects(path))
        yield from zip(found, _contents(self.top, list(found.values())), strict=True)

    def _objects(self, path: str) -> Iterator[tuple[str, str]]:
        """Names, as a reader of the working tree would give them, and ids of the files at ``path``."""
        inside = _inside(Path(path), self.top)
        where = () if inside == "." else ("--", inside)
        for entry in _git(self.top, "ls-tree", "-r", "-z", "--full-tree", self.commit, *where).split(b"\0"):
            meta, _, name = entry.decode(errors="surrogateescape").partition("\t")
            if not name or not meta.startswith("100"):
                continue  # a link or a submodule
            below = PurePosixPath(name).relative_to(inside)
            if name == inside or is_manifest(below):
                yield path if name == inside else str(Path(path, below)), meta.split()[2]


def _top(path: Path) -> Path:
    folder = path
    while not folder.is_dir():
        folder = folder.parent
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
    except GitFailed as error:
        raise GitFailed(f"{path} is in no git repository that can be read: {error}") from error


def _inside(path: Path, top: Path) -> str:
    """``path`` as the repository names it; of a link its own name, since git has no file behind it."""
    path = path.absolute()
    return Path(os.path.relpath(path.parent.resolve() / path.name, top.resolve())).as_posix()


def _contents(top: Path, objects: Sequence[str]) -> Iterator[bytes]:
    """The contents of objects, by one process for all."""
    answer = _git(top, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in objects).encode())
    start = 0
    for _ in objects:
        # "<id> blob <size>", the content, an empty line
        end = answer.index(b"\n", start)
        size = int(answer[start:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        start = end + size + 2


def _git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "--literal-pathspecs", *words],
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise GitFailed(f"git cannot be run: {error.strerror or error}") from error
    if done.returncode:
        raise GitFailed(done.stderr.decode(errors="replace").strip() or f"git {words[0]} ends with {done.returncode}")
    return done.stdout
