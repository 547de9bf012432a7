"""Makes the lock files anew, for a maintainer who moves a version.

jgo's resolver (Python, no mvn) says what a broker needs at run time.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from . import maven, progress
from .errors import DevStackError
from .maven import Artifact, Locked

KAFKA_VERSIONS = ("3.5.2", "3.9.1", "4.1.1", "4.4.0")
REGISTRY = Artifact("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz")
JOLOKIA = Artifact("org.jolokia", "jolokia-agent-jvm", "2.6.0", "javaagent")

_LOG4J = "org.apache.logging.log4j"


def write_all() -> list[Path]:
    """Write the locks of all parts and return their files."""
    written = [_write("kafka", version, _kafka(version)) for version in KAFKA_VERSIONS]
    written.append(_write("apicurio", REGISTRY.version, [REGISTRY]))
    written.append(_write("jolokia", JOLOKIA.version, [JOLOKIA]))
    return written


def _kafka(version: str) -> list[Artifact]:
    """The broker, what it needs, and the slf4j binding that fits what it needs."""
    broker = Artifact("org.apache.kafka", "kafka_2.13", version)
    with progress.task(f"resolving {broker}"):
        needed = _resolve(broker)
        by_name = {(artifact.group, artifact.name): artifact for artifact in needed}
        slf4j = by_name["org.slf4j", "slf4j-api"]
        if log4j := by_name.get((_LOG4J, "log4j-core")):
            # Kafka 4 logs with log4j 2
            binding = "log4j-slf4j-impl" if slf4j.version.startswith("1.") else "log4j-slf4j2-impl"
            logging = Artifact(_LOG4J, binding, log4j.version)
        else:
            # Kafka 3 refers to log4j 1's classes; reload4j is what goes on with them
            logging = Artifact("org.slf4j", "slf4j-reload4j", slf4j.version)
        # where both need something, it is the broker's version that serves
        for artifact in _resolve(logging):
            by_name.setdefault((artifact.group, artifact.name), artifact)
        return sorted(by_name.values())


def _resolve(artifact: Artifact) -> list[Artifact]:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise DevStackError("The lock is made with jgo: `pip install 'kafkade[dev]'`.") from error
    context = MavenContext(timeout=60, remote_repos={"central": maven.repository()})
    roots, needed = context.resolver.resolve([context.create_dependency(str(artifact))])
    return [
        Artifact(found.groupId, found.artifactId, found.version, found.classifier, found.type)
        for found in (*roots, *needed)
    ]


def _write(part: str, version: str, artifacts: Iterable[Artifact]) -> Path:
    file = maven.lock_file(part, version)
    with tempfile.TemporaryDirectory() as folder, progress.task(f"hashing {part} {version}"):
        locked = [_measure(artifact, Path(folder)) for artifact in artifacts]
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        "# Made by `python -m kafkade.devstack lock`: file, SHA-256, bytes.\n"
        + "".join(f"{entry}\n" for entry in locked)
    )
    return file


def _measure(artifact: Artifact, folder: Path) -> Locked:
    """Download a file that there is no hash for yet, and take its hash."""
    url = f"{maven.repository()}/{artifact.path}"
    file = folder / artifact.file_name
    maven.transfer(url, file, None, progress.Task(str(artifact)))
    content = file.read_bytes()
    return Locked(artifact, hashlib.sha256(content).hexdigest(), len(content))
