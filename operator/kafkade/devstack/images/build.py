"""Carries out a Dockerfile on root file systems: RUN in a chroot with mounts of its own, as root."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from .. import parallel
from ..errors import DevStackError
from ..process import output
from . import archive, chroot, rootfs
from .dockerfile import Instruction, Stage, parse


@dataclass
class _Made:
    """A stage at work, or done."""

    root: Path
    environment: dict[str, str]
    folder: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> archive.Settings:
        return archive.Settings(self.environment, self.entrypoint, self.command, self.user, self.folder, self.labels)

    def inside(self, path: str) -> Path:
        """Where a path of the image lies; relative to its working directory."""
        return self.root / os.path.normpath(Path("/", self.folder, path)).lstrip("/")


def build(context: Path, name: str, file: Path, contexts: Mapping[str, Path] | None = None) -> None:
    """Make the image of ``context/Dockerfile`` and write its archive.

    ``contexts`` are the folders that ``COPY --from=NAME`` takes from besides stages, as ``docker build``'s
    ``--build-context NAME=FOLDER`` names them.
    """
    stages = parse((context / "Dockerfile").read_text())
    ignored = _ignored(context)
    with tempfile.TemporaryDirectory(prefix="kafkade-build-", dir=file.parent) as folder:
        done: dict[str, Path] = dict(contexts or {})
        for number, stage in enumerate(stages):
            made = _begin(stage, Path(folder, str(number)))
            for instruction in stage.instructions:
                parallel.check()
                _carry_out(instruction, made, context, done, ignored)
            done[stage.name or str(number)] = made.root
        archive.pack(made.root, made.settings, name, file)


def _begin(stage: Stage, root: Path) -> _Made:
    base = rootfs.base(stage.base)
    rootfs.copy(rootfs.folder(base), root)
    root.chmod(0o755)
    return _Made(root, dict(base.environment))


def _carry_out(
    instruction: Instruction, made: _Made, context: Path, done: Mapping[str, Path], ignored: tuple[str, ...]
) -> None:
    match instruction.keyword:
        case "RUN":
            _run(instruction, made)
        case "COPY":
            _copy(instruction, made, context, done, ignored)
        case "WORKDIR":
            made.folder = os.path.normpath(Path("/", made.folder, instruction.text))
            made.inside(".").mkdir(parents=True, exist_ok=True)
        case "ENV":
            for key, value in instruction.pairs().items():
                made.environment[key] = _expand(value, made.environment)
        case "ARG":
            key, _, default = instruction.text.partition("=")
            made.environment.setdefault(key, default)
        case "LABEL":
            made.labels |= instruction.pairs()
        case "USER":
            made.user = instruction.text
        case "ENTRYPOINT":
            made.entrypoint = instruction.command
        case "CMD":
            made.command = instruction.command


def _expand(value: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda match: environment.get(match[1], ""), value)


def _run(instruction: Instruction, made: _Made) -> None:
    if made.user:
        raise DevStackError(f"RUN {instruction.text}: it would run as {made.user}; put it before USER.")
    chroot.run(made.root, instruction.text, made.environment, made.folder)


def _copy(
    instruction: Instruction, made: _Made, context: Path, done: Mapping[str, Path], ignored: tuple[str, ...]
) -> None:
    *sources, target = instruction.words
    origin = instruction.flags.get("from")
    if origin is not None and origin not in done:
        raise DevStackError(f"COPY --from={origin}: there is no such stage or context.")
    place = made.inside(target)
    into_folder = target.endswith("/") or len(sources) > 1 or target in (".", "./")
    for source in sources:
        found = done[origin] / source.lstrip("/") if origin is not None else context / source
        if not found.exists():
            raise DevStackError(f"COPY {instruction.text}: there is no {found}.")
        # of a folder, its content is copied
        aim = place / found.name if into_folder and not found.is_dir() else place
        if found.is_dir():
            _copy_folder(found, aim, ignored if origin is None else ())
        else:
            aim.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, aim)
        if mode := instruction.flags.get("chmod"):
            output(["chmod", "--recursive", mode, aim])


def _copy_folder(source: Path, target: Path, ignored: tuple[str, ...]) -> None:
    if not ignored:
        rootfs.copy(source, target)
        return
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*ignored))


def _ignored(context: Path) -> tuple[str, ...]:
    """The names that a .dockerignore leaves out wherever they are: its lines of the form ``**/NAME``."""
    file = context / ".dockerignore"
    lines = file.read_text().splitlines() if file.exists() else []
    return tuple(line.removeprefix("**/") for line in lines if line.startswith("**/"))


def files(context: Path, names: tuple[str, ...]) -> list[Path]:
    """All files below the named files and folders of a context that a build would see, in order."""
    ignored = _ignored(context)
    found = []
    for name in names:
        top = context / name
        below = [file for file in top.rglob("*") if file.is_file()] if top.is_dir() else [top]
        found += [file for file in below if not any(fnmatch(part, p) for part in file.parts for p in ignored)]
    return sorted(found)
