"""A Kafka cluster of one or more brokers, in KRaft mode, on loopback."""

from __future__ import annotations

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from . import aot, jolokia, maven, parallel, progress
from .certificates import CertificateAuthority
from .errors import DevStackError
from .java import QUICK_START, find_java
from .kafka_config import (
    CLIENT_NAME,
    STARTED,
    BrokerPlace,
    ClusterOptions,
    Security,
    broker_flags,
    listener_names,
    scram_arguments,
    server_properties,
    to_properties,
    write_logging,
)
from .part import Part
from .ports import HOST, accepts, claim, free_port, release
from .process import Process
from .workdir import WorkDir

DEFAULT_VERSION = "4.1.1"

_START_TIMEOUT = 90
_STOP_TIMEOUT = 30


def prepare(version: str, *, metrics: bool = False) -> None:
    """Bring what a broker of the version needs into the cache."""
    maven.fetch("kafka", version)
    if metrics:
        jolokia.agent()


def learn(version: str) -> None:
    """Run a broker once, so that later ones of the version start in half the time."""

    def once(flags: Sequence[str]) -> None:
        # with every kind of listener, since each has classes of its own
        with Kafka(version, security=True, authorizer=True, jvm=flags) as running:
            running.stop_broker(running.broker_ids[0], aot.TIMEOUT)

    aot.learn(f"kafka-{version}", maven.fetch("kafka", version), once)


def java(version: str, *more: Path) -> list[str]:
    """The command that runs a class of the version: the class and its arguments are to follow.

    ``more``: jars behind its own.
    """
    jars = maven.fetch("kafka", version)
    classpath = ":".join(map(str, (*jars, *more)))
    return [str(find_java()), *QUICK_START, *aot.flags(f"kafka-{version}", jars), "-cp", classpath]


class Kafka(Part):
    """Brokers that are also controllers, numbered from 1.

    ``security`` adds listeners with TLS, with client certificates and with SASL; ``authorizer``
    makes SASL's alice and the holder of the client certificate ask for rights that ACLs give.
    ``config`` are broker properties; ``metrics`` is needed for ``request_counts()``.
    """

    def __init__(
        self,
        version: str = DEFAULT_VERSION,
        brokers: int = 1,
        config: Mapping[str, str] | None = None,
        *,
        racks: Sequence[str] | None = None,
        advertised: Mapping[str, int] | None = None,
        security: bool = False,
        authorizer: bool = False,
        metrics: bool = False,
        heap: str = "256m",
        port: int | None = None,
        jvm: Sequence[str] = (),
    ) -> None:
        """``advertised``: ports that clients are told for listeners of the one broker, for what stands before it.

        ``port``: where the first broker listens, and the others behind it (PLAINTEXT); None: wherever it is free.
        ``jvm``: more flags for the JVMs of the brokers.
        """
        if racks is not None and len(racks) != brokers:
            raise ValueError(f"{len(racks)} racks for {brokers} brokers: there must be one each")
        if advertised and brokers != 1:
            raise ValueError("one port of a listener is for one broker")
        self.version = version
        self.broker_ids = tuple(range(1, brokers + 1))
        self.security = security
        self._config = dict(config or {})
        self._advertised = dict(advertised or {})
        self._racks = dict(zip(self.broker_ids, racks or (), strict=False))
        self._authorizer = authorizer
        self._metrics = metrics
        self._heap = heap
        self._port = port
        self._jvm = jvm
        self._work: WorkDir | None = None
        self._places: dict[int, BrokerPlace] = {}
        self._processes: dict[int, Process] = {}
        self._certificates: Security | None = None
        self._options = ClusterOptions({})

    # --- addresses and credentials -------------------------------------------------------------

    @property
    def bootstrap(self) -> str:
        """The brokers' PLAINTEXT addresses."""
        return self._addresses("PLAINTEXT")

    @property
    def ssl_bootstrap(self) -> str:
        """TLS; the client shows no certificate."""
        return self._addresses("SSL")

    @property
    def mtls_bootstrap(self) -> str:
        """TLS; the client must show a certificate."""
        return self._addresses("MTLS")

    @property
    def sasl_plaintext_bootstrap(self) -> str:
        """PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 without TLS."""
        return self._addresses("SASL_PLAINTEXT")

    @property
    def sasl_ssl_bootstrap(self) -> str:
        """PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 over TLS."""
        return self._addresses("SASL_SSL")

    @property
    def ca_pem(self) -> str:
        """The certificate that the brokers' are to be checked with."""
        return self._certified().ca_pem

    @property
    def client_cert_pem(self) -> str:
        return self._certified().client.certificate

    @property
    def client_key_pem(self) -> str:
        return self._certified().client.key

    @property
    def certificates(self) -> Path:
        """A folder with ``ca.pem``, ``client.pem`` and ``client.key``; it goes with the cluster."""
        self._certified()
        return self._started().path

    def _addresses(self, listener: str) -> str:
        self._started()
        ports = [place.ports.get(listener) for place in self._places.values()]
        if None in ports:
            raise DevStackError(f"There is no {listener} listener. Make it Kafka(security=True).")
        return ",".join(f"{HOST}:{port}" for port in ports)

    def _certified(self) -> Security:
        if self._certificates is None:
            raise DevStackError("There are no certificates: make it Kafka(security=True), and start it.")
        return self._certificates

    # --- the cluster ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start all brokers and wait until each takes requests."""
        if self._work is not None:
            return
        prepare(self.version, metrics=self._metrics)
        self._work = WorkDir("kafka")
        try:
            with progress.task(f"starting Kafka {self.version}"):
                self._set_up(self._work.path)
                for process in self._processes.values():
                    process.start()
                for id_ in self.broker_ids:
                    self._wait_for(id_)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all brokers and remove their data."""
        # by force, since nothing of it is kept
        for process in self._processes.values():
            process.kill()
        for place in self._places.values():
            release(*place.ports.values(), *filter(None, [place.metrics_port]))
        self._processes.clear()
        self._places.clear()
        if self._work is not None:
            self._work.remove()
            self._work = None

    # --- single brokers ------------------------------------------------------------------------

    def stop_broker(self, id_: int, timeout: float = _STOP_TIMEOUT) -> None:
        """Shut a broker down in order: it hands over what it leads. By force after ``timeout`` seconds."""
        self._process(id_).stop(timeout)

    def kill_broker(self, id_: int) -> None:
        """End a broker as a crash would."""
        self._process(id_).kill()

    def start_broker(self, id_: int, config: Mapping[str, str] | None = None) -> None:
        """Start a broker that was ended, with the data and the ports it had.

        ``config`` are broker properties of its own, from this start on; those of an earlier start are dropped.

        Raises:
            DevStackError: it ended, or did not become ready.
        """
        process = self._process(id_)
        if config is not None:
            self._write_properties(self._places[id_], config)
        process.start()
        self._wait_for(id_)

    def pids(self) -> dict[int, int]:
        """The process id of each running broker."""
        return {
            id_: process.pid for id_, process in self._processes.items() if process.running and process.pid is not None
        }

    def log(self, id_: int) -> Path:
        """The log of a broker; it goes with the cluster."""
        return self._process(id_).log

    def request_counts(self, *, internal: bool = False) -> Counter[str]:
        """How many requests of each API the brokers have taken, by its name in the protocol.

        Those that only brokers make are left out unless ``internal``. A request that a broker
        hands on to the controller, such as CreateTopics, is counted at both.
        """
        self._started()
        if not self._metrics:
            raise DevStackError("Requests are not counted. Make it Kafka(metrics=True).")
        counts: Counter[str] = Counter()
        for id_, place in self._places.items():
            if place.metrics_port is not None and self._processes[id_].running:
                counts += jolokia.request_counts(place.metrics_port)
        hidden = frozenset() if internal else jolokia.INTERNAL
        return Counter({name: count for name, count in counts.items() if name not in hidden})

    def _process(self, id_: int) -> Process:
        self._started()
        if id_ not in self._processes:
            raise DevStackError(f"There is no broker {id_}; there are {self.broker_ids}.")
        return self._processes[id_]

    def _started(self) -> WorkDir:
        if self._work is None:
            raise DevStackError("Kafka is not running. Start it with start(), or in a with block.")
        return self._work

    def _wait_for(self, id_: int) -> None:
        process, port = self._processes[id_], self._places[id_].ports["PLAINTEXT"]
        process.wait_until(lambda: process.said(STARTED) and accepts(port), _START_TIMEOUT)

    # --- before the start ----------------------------------------------------------------------

    def _set_up(self, folder: Path) -> None:
        names = listener_names(security=self.security)
        for id_ in self.broker_ids:
            place = BrokerPlace(
                id=id_,
                rack=self._racks.get(id_),
                ports={name: self._choose_port(name, id_) for name in names},
                folder=folder / f"broker-{id_}",
                metrics_port=free_port() if self._metrics else None,
            )
            place.folder.mkdir()
            self._places[id_] = place
        if self.security:
            authority = CertificateAuthority()
            self._certificates = Security(authority.pem, authority.server("kafka"), authority.client(CLIENT_NAME))
            (folder / "ca.pem").write_text(self.ca_pem)
            (folder / "client.pem").write_text(self.client_cert_pem)
            (folder / "client.key").write_text(self.client_key_pem)
        self._options = ClusterOptions(
            controllers={id_: place.ports["CONTROLLER"] for id_, place in self._places.items()},
            config=self._config,
            advertised=self._advertised,
            authorizer=self._authorizer,
            security=self._certificates,
        )
        # behind a letter, since StorageTool takes an id that begins with - for an option
        cluster_id = "k" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        logging = write_logging(folder, self.version)
        for place in self._places.values():
            self._write_properties(place, {})
            self._processes[place.id] = self._make_process(place, logging)
        places = self._places.values()
        parallel.gather(*(partial(self._format, place, cluster_id) for place in places))

    def _choose_port(self, listener: str, id_: int) -> int:
        if listener != "PLAINTEXT" or self._port is None:
            return free_port()
        return claim(self._port + id_ - self.broker_ids[0])

    def _write_properties(self, place: BrokerPlace, own: Mapping[str, str]) -> None:
        properties = server_properties(place, self._options) | dict(own)
        (place.folder / "server.properties").write_text(to_properties(properties))

    def _make_process(self, place: BrokerPlace, logging: str) -> Process:
        flags = [*self._jvm, *broker_flags(self._heap), logging]
        if place.metrics_port is not None:
            flags.append(jolokia.flag(place.metrics_port))
        return Process(
            f"Kafka {self.version} broker {place.id}",
            [*java(self.version), *flags, "kafka.Kafka", str(place.folder / "server.properties")],
            place.folder / "broker.log",
            folder=place.folder,
        )

    def _format(self, place: BrokerPlace, cluster_id: str) -> None:
        """Write the cluster's id, and the SASL users, where the broker will look for them."""
        properties = str(place.folder / "server.properties")
        arguments = ["--cluster-id", cluster_id, "--config", properties]
        users = scram_arguments() if self.security else []
        done = subprocess.run(
            [*java(self.version), "kafka.tools.StorageTool", "format", *arguments, *users],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise DevStackError(
                f"The storage of Kafka {self.version} broker {place.id} cannot be formatted. "
                f"Look at the properties that config gives:\n{done.stdout}{done.stderr}"
            )
