"""Base images, made of Debian packages and of what Python packages carry."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from .. import cache, progress
from ..errors import DevStackError
from ..java import find_java, release
from ..process import complete, output
from . import chroot

_SUITE = "bookworm"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_JAVA_HOME = "/opt/java/openjdk"
_TIMEOUT = 900

# of no use in a container, and half of what there is
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")


@dataclass(frozen=True)
class Base:
    """What stands in for a public base image."""

    packages: tuple[str, ...] = ()
    java: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": _PATH})


_BASES = {
    "python": Base(("ca-certificates", "python3", "python3-venv", "python-is-python3")),
    "eclipse-temurin": Base(java=True, environment={"JAVA_HOME": _JAVA_HOME, "PATH": f"{_JAVA_HOME}/bin:{_PATH}"}),
}


def base(image: str) -> Base:
    """What stands in for an image of a Dockerfile's FROM, whatever its tag."""
    name = image.partition(":")[0].removeprefix("docker.io/library/")
    if name not in _BASES:
        raise DevStackError(f"There is nothing to make FROM {image} of; there is for {', '.join(sorted(_BASES))}.")
    return _BASES[name]


def name(of: Base) -> str:
    """What the root file system of a base image is called in the cache; changes with all that it is made of."""
    plain = f"debian-{_SUITE}"
    system = f"{plain}-{cache.digest(' '.join(of.packages))}" if of.packages else plain
    return f"java-{cache.digest(f'{system} {release(find_java())}')}" if of.java else system


def folder(of: Base) -> Path:
    """The root file system of a base image; made if it is not in the cache."""
    make: Callable[[Path], None]
    if of.java:
        make = partial(_add_java, replace(of, java=False))
    elif of.packages:
        make = partial(_add_packages, of.packages)
    else:
        make = _debootstrap
    return cache.make_once(cache.folder("rootfs", name(of)), make)


def copy(source: Path, target: Path) -> None:
    """Copy a tree into a folder as it is: owners, modes, links."""
    target.mkdir(parents=True, exist_ok=True)
    output(["cp", "--archive", "--reflink=auto", f"{source}/.", target])


def _add_java(system: Base, made: Path) -> None:
    copy(folder(system), made)
    target = made / _JAVA_HOME.lstrip("/")
    copy(find_java().resolve().parent.parent, target)
    # the machine's Python environment may be its owner's alone
    output(["chmod", "--recursive", "a+rX", target])


def _debootstrap(made: Path) -> None:
    command = ["debootstrap", "--variant=minbase", _SUITE, str(made)]
    with progress.task(f"making a root file system of Debian {_SUITE}"):
        complete(f"`{' '.join(command)}`", command, _TIMEOUT)
    _slim(made)


def _add_packages(packages: tuple[str, ...], made: Path) -> None:
    copy(folder(Base()), made)
    names = " ".join(packages)
    with progress.task(f"adding {names} to a root file system"):
        chroot.run(
            made,
            f"apt-get --quiet update && apt-get --quiet install --yes --no-install-recommends {names}",
            {"PATH": _PATH, "DEBIAN_FRONTEND": "noninteractive"},
        )
    _slim(made)


def _slim(made: Path) -> None:
    for place in _LEFT_OUT:
        shutil.rmtree(made / place, ignore_errors=True)
    (made / "var/lib/apt/lists/partial").mkdir(parents=True)
    (made / "var/cache/apt/archives/partial").mkdir(parents=True)
