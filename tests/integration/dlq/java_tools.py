"""Java for these tests: jars by a lock of their own, a compiler that is a jar, and programs run with them.

``python tests/integration/dlq/java_tools.py [LOCK...]`` makes the locks in ``jars/`` anew, for whoever moves a version.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafkade.devstack import cache, maven, progress
from kafkade.devstack.java import QUICK_START, find_java
from kafkade.devstack.maven import Artifact, Locked

HERE = Path(__file__).parent
LOCKS = HERE / "jars"
SOURCES = HERE / "java"

_KAFKA = "org.apache.kafka"
_BOOT = "org.springframework.boot"
_SLF4J = "org.slf4j:slf4j-api:1.7.36"

PLAIN: Mapping[str, Sequence[str]] = {
    "ecj-3.42.0": ["org.eclipse.jdt:ecj:3.42.0"],
    **{
        f"connect-{version}": [
            f"{_KAFKA}:connect-runtime:{version}",
            f"{_KAFKA}:connect-api:{version}",
            f"{_KAFKA}:connect-transforms:{version}",
            f"{_KAFKA}:kafka-clients:{version}",
            # from 4.1 on connectors have versions, in Maven's way
            "org.apache.maven:maven-artifact:3.9.16",
            _SLF4J,
        ]
        for version in ("3.5.2", "3.9.2", "4.4.0")
    },
    **{
        f"streams-{version}": [f"{_KAFKA}:kafka-streams:{version}", f"{_KAFKA}:kafka-clients:{version}", _SLF4J]
        for version in ("4.1.1", "4.2.0", "4.4.0")
    },
    # besides the jars of a broker of this version
    "tools-4.1.1": [f"{_KAFKA}:kafka-tools:4.1.1"],
    "spring-boot-3.5.9": [f"{_BOOT}:spring-boot-autoconfigure:3.5.9"],
}
"""Jars by themselves: what they need is named with them."""

RESOLVED: Mapping[str, Sequence[str]] = {
    "spring-boot-4.1.2": [
        f"{_BOOT}:spring-boot-kafka:4.1.2",
        f"{_BOOT}:spring-boot-autoconfigure:4.1.2",
        "org.yaml:snakeyaml:2.5",
    ],
    **{
        f"connect-worker-{version}": [
            f"{_KAFKA}:connect-runtime:{version}",
            "org.slf4j:slf4j-simple:1.7.36",
        ]
        for version in ("3.5.2", "4.4.0")
    },
}
"""Jars with everything that they need, as jgo finds it."""

MOVED = {"slf4j-log4j12"}
"""Found by jgo, but only a POM that names another artifact; slf4j-simple is in its place."""


def jars(name: str) -> list[Path]:
    """The jars of a lock, downloaded if they are not in the cache."""
    locked = maven.parse_lock((LOCKS / f"{name}.lock").read_text(), name)
    folder = cache.folder("test-jars", name)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / entry.artifact.file_name for entry in locked]
    with cache.lock(folder):
        for entry, file in zip(locked, files, strict=True):
            if not file.exists():
                maven.download(entry, file, progress.Task(str(entry.artifact)))
    return files


def compile_java(source: Path, output: Path, libraries: Sequence[Path]) -> Path:
    """The classes of a source file, in ``output``; what the compiler says is in the error."""
    command = [
        "-jar",
        jars("ecj-3.42.0")[0],
        "-21",
        "-nowarn",
        "-parameters",
        "-d",
        output,
        "-cp",
        _path(libraries),
        source,
    ]
    done = subprocess.run([find_java(), *QUICK_START, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def java(main: str, libraries: Sequence[Path], *arguments: str | Path) -> list[str | Path]:
    """The command that runs a class."""
    return [find_java(), *QUICK_START, "-cp", _path(libraries), main, *arguments]


def _path(files: Sequence[Path]) -> str:
    return os.pathsep.join(map(str, files))


def write_locks(only: Sequence[str] = ()) -> None:
    """Download each artifact and write down what it is; ``only``: of these locks."""
    for name in only or (*PLAIN, *RESOLVED):
        coordinates = PLAIN[name] if name in PLAIN else _resolve(RESOLVED[name])
        with tempfile.TemporaryDirectory() as folder:
            locked = [_measure(Artifact.parse(coordinate), Path(folder)) for coordinate in coordinates]
        lines = "".join(f"{entry}\n" for entry in locked)
        (LOCKS / f"{name}.lock").write_text(f"# Made by java_tools.py: file, SHA-256, bytes.\n{lines}")


def _resolve(coordinates: Sequence[str]) -> list[str]:
    from jgo.maven import MavenContext

    context = MavenContext(timeout=60, remote_repos={"central": maven.repository()})
    roots, needed = context.resolver.resolve([context.create_dependency(c) for c in coordinates])
    return [
        f"{found.groupId}:{found.artifactId}:{found.version}"
        for found in (*roots, *needed)
        if found.artifactId not in MOVED
    ]


def _measure(artifact: Artifact, folder: Path) -> Locked:
    file = folder / artifact.file_name
    maven.transfer(f"{maven.repository()}/{artifact.path}", file, None, progress.Task(str(artifact)))
    content = file.read_bytes()
    return Locked(artifact, hashlib.sha256(content).hexdigest(), len(content))


if __name__ == "__main__":
    sys.exit(write_locks(sys.argv[1:]))
