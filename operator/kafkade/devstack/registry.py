"""The schema registry: Apicurio, which also speaks Confluent's API."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import aot, cache, loopback, maven, progress
from .errors import DevStackError
from .java import QUICK_START, find_java
from .part import Part
from .ports import HOST, claim, free_port, release
from .process import Process
from .workdir import WorkDir

VERSION = "3.3.3"

_NAME = f"apicurio-{VERSION}"
_START_TIMEOUT = 120
_STOP_TIMEOUT = 20
_HEAP = "512m"


def prepare() -> Path:
    """The folder with the unpacked registry; brings it into the cache if it isn't there."""
    return cache.make_once(cache.folder("apicurio", VERSION) / "app", _unpack)


def learn() -> None:
    """Run a registry once, so that later ones start sooner."""

    def once(flags: Sequence[str]) -> None:
        with Registry(jvm=flags) as running:
            running.pause(aot.TIMEOUT)

    aot.learn(_NAME, [_jar(prepare())], once)


def _jar(app: Path) -> Path:
    return app / "quarkus-run.jar"


def _unpack(folder: Path) -> None:
    (archive,) = maven.fetch("apicurio", VERSION)
    with progress.task(f"unpacking {archive.name}"), tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    archive.unlink()  # it is half of what the cache would hold, and not needed again


class Registry(Part):
    """A registry on loopback with its own database, or one that keeps its schemas in Kafka."""

    def __init__(
        self,
        *,
        kafka_sql: str | None = None,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        jvm: Sequence[str] = (),
    ) -> None:
        """``kafka_sql`` is the bootstrap address of the Kafka cluster to keep schemas in.

        ``environment`` says everything but addresses instead, the storage included. ``port`` None: wherever it is free.
        ``jvm``: more flags for its JVM.
        """
        self._wanted_port = port
        self._jvm = jvm
        self._kafka_sql = kafka_sql
        self._environment = environment
        self._work: WorkDir | None = None
        self._port = 0
        self._management_port = 0
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The base of the Confluent API."""
        self._started()
        return f"http://{HOST}:{self._port}/apis/ccompat/v7"

    @property
    def management_url(self) -> str:
        """Where it says how it is: ``/health/ready`` and the like."""
        self._started()
        return f"http://{HOST}:{self._management_port}"

    @property
    def pid(self) -> int | None:
        return self._started().pid

    def start(self) -> None:
        """Start the registry and wait until it takes requests; after ``pause()``, go on."""
        if self._work is None:
            app = prepare()
            self._port = free_port() if self._wanted_port is None else claim(self._wanted_port)
            self._management_port = free_port()
            self._work = WorkDir("registry")
            self._process = self._make_process(app, self._work.path)
        process = self._started()
        try:
            with progress.task(f"starting Apicurio registry {VERSION}"):
                process.start()
                process.wait_until(self._ready, _START_TIMEOUT)
        except BaseException:
            self.stop()
            raise

    def pause(self, timeout: float = _STOP_TIMEOUT) -> None:
        """End the registry, keeping its port and its schemas for the next ``start()``. By force after ``timeout`` seconds."""
        self._started().stop(timeout)

    def restart(self) -> None:
        """End the registry and start it with the port and the schemas that it had."""
        self.pause()
        self.start()

    def stop(self) -> None:
        """End the registry and remove its data."""
        if self._process is not None:
            self._process.kill()
            self._process = None
            release(self._port, self._management_port)
        if self._work is not None:
            self._work.remove()
            self._work = None

    def _make_process(self, app: Path, folder: Path) -> Process:
        environment = {
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(self._port),
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(self._management_port),
            # it reads three topics to their end at the start, which it takes to be where nothing
            # came for this long: with the default, 5 s, that is 20 s
            "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "200",
            **(self._settings(folder) if self._environment is None else self._environment),
        }
        jar = _jar(app)
        return Process(
            f"Apicurio registry {VERSION}",
            [find_java(), *QUICK_START, *aot.flags(_NAME, [jar]), *self._jvm, f"-Xmx{_HEAP}", "-jar", jar],
            folder / "registry.log",
            environment=environment,
            folder=folder,
        )

    def _settings(self, folder: Path) -> dict[str, str]:
        settings = {
            "APICURIO_REST_DELETION_ARTIFACT_ENABLED": "true",
            "APICURIO_REST_DELETION_ARTIFACT_VERSION_ENABLED": "true",
            "APICURIO_REST_DELETION_GROUP_ENABLED": "true",
        }
        if not self._kafka_sql:
            return {**settings, "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{folder / 'db'}"}
        kafka_sql = {"APICURIO_STORAGE_KIND": "kafkasql", "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": self._kafka_sql}
        return settings | kafka_sql

    def _ready(self) -> bool:
        try:
            loopback.get(f"{self.url}/subjects")
        except OSError:
            return False
        return True

    def _started(self) -> Process:
        if self._process is None:
            raise DevStackError("The registry is not running. Start it with start(), or in a with block.")
        return self._process
