"""What a broker is told: server.properties, its logging, and the JVM's flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .certificates import KeyPair
from .ports import HOST

ADMIN = ("admin", "admin-secret")
"""The SASL user that the authorizer lets do everything."""

USER = ("alice", "alice-secret")
"""The SASL user without rights of its own."""

CLIENT_NAME = "kafkade-client"
"""Whom the client certificate is for."""

SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

_PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "CONTROLLER": "PLAINTEXT",
    "SSL": "SSL",
    "MTLS": "SSL",
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "SASL_SSL": "SASL_SSL",
}
_SECURE = ("SSL", "MTLS", "SASL_PLAINTEXT", "SASL_SSL")


def listener_names(*, security: bool) -> tuple[str, ...]:
    """The listeners of a broker, its controller's included."""
    return ("PLAINTEXT", "CONTROLLER", *(_SECURE if security else ()))


@dataclass(frozen=True)
class BrokerPlace:
    """Where a broker is: its number, its rack, the port of each listener, its folder."""

    id: int
    rack: str | None
    ports: Mapping[str, int]
    folder: Path
    metrics_port: int | None = None


@dataclass(frozen=True)
class Security:
    """Whom brokers and clients trust, and who they are."""

    ca_pem: str
    server: KeyPair
    client: KeyPair


@dataclass(frozen=True)
class ClusterOptions:
    """What all brokers of a cluster share."""

    controllers: Mapping[int, int]
    """The controller port of each broker."""
    config: Mapping[str, str] = field(default_factory=dict)
    advertised: Mapping[str, int] = field(default_factory=dict)
    """Ports that clients are told in place of the listeners' own, by listener."""
    authorizer: bool = False
    security: Security | None = None


def server_properties(place: BrokerPlace, cluster: ClusterOptions) -> dict[str, str]:
    """All properties of one broker; the caller's ``config`` has the last word."""
    listeners = {name: f"{name}://{HOST}:{port}" for name, port in place.ports.items()}
    told = {**place.ports, **cluster.advertised}
    advertised = [f"{name}://{HOST}:{told[name]}" for name in listeners if name != "CONTROLLER"]
    voters = [f"{id_}@{HOST}:{port}" for id_, port in cluster.controllers.items()]
    brokers = len(voters)
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(place.id),
        "controller.quorum.voters": ",".join(voters),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ",".join(listeners.values()),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:{_PROTOCOLS[name]}" for name in listeners),
        "log.dirs": str(place.folder / "data"),
        "auto.create.topics.enable": "false",
        # a group's first member need not wait for others here
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": str(min(3, brokers)),
        "transaction.state.log.replication.factor": str(min(3, brokers)),
        "transaction.state.log.min.isr": str(min(2, brokers)),
        # each partition is a folder: the defaults, 50, are for clusters with many groups
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.num.partitions": "5",
        # of 128 MiB by default, which is half of the heap, whether or not anything is compacted
        "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
    }
    if brokers > 1:
        # a broker that was killed is noticed, and its partitions move, in seconds
        properties |= {"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "1000"}
    if place.rack is not None:
        properties["broker.rack"] = place.rack
    if cluster.security is not None:
        properties |= _security(cluster.security)
    if cluster.authorizer:
        properties |= {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # who connects without saying who it is, the brokers among them, may do everything
            "super.users": f"User:ANONYMOUS;User:{ADMIN[0]}",
            "allow.everyone.if.no.acl.found": "false",
        }
    return properties | dict(cluster.config)


def _security(security: Security) -> dict[str, str]:
    properties: dict[str, str] = {}
    for name in ("ssl", "mtls", "sasl_ssl"):
        prefix = f"listener.name.{name}."
        properties |= {
            f"{prefix}ssl.keystore.type": "PEM",
            f"{prefix}ssl.keystore.certificate.chain": security.server.certificate,
            f"{prefix}ssl.keystore.key": security.server.key,
            f"{prefix}ssl.truststore.type": "PEM",
            f"{prefix}ssl.truststore.certificates": security.ca_pem,
            f"{prefix}ssl.client.auth": "required" if name == "mtls" else "none",
        }
    users = " ".join(f'user_{name}="{password}"' for name, password in (ADMIN, USER))
    modules = "org.apache.kafka.common.security"
    for name in ("sasl_plaintext", "sasl_ssl"):
        prefix = f"listener.name.{name}."
        properties |= {
            f"{prefix}sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM)),
            f"{prefix}plain.sasl.jaas.config": (f"{modules}.plain.PlainLoginModule required {users};"),
        }
        for mechanism in SCRAM:
            properties[f"{prefix}{mechanism.lower()}.sasl.jaas.config"] = f"{modules}.scram.ScramLoginModule required;"
    return properties


def to_properties(values: Mapping[str, str]) -> str:
    """The text of a Java properties file."""
    lines = []
    for key, value in values.items():
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{key}={escaped}\n")
    return "".join(lines)


def scram_arguments() -> list[str]:
    """Arguments of the storage tool that make the SASL users, so they are there from the start."""
    return [
        word
        for name, password in (ADMIN, USER)
        for mechanism in SCRAM
        for word in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
    ]


def write_logging(folder: Path, version: str) -> str:
    """Write what to log, as the version's library wants it; returns the JVM flag that names it.

    Warnings, and the two lines that say which version it is and that it is up.
    """
    if version.startswith("3."):
        file = folder / "log4j.properties"
        file.write_text(_LOG4J_1)
        return f"-Dlog4j.configuration=file:{file}"
    file = folder / "log4j2.properties"
    file.write_text(_LOG4J_2)
    return f"-Dlog4j2.configurationFile={file}"


STARTED = "Kafka Server started"
"""What a broker logs when it is registered, unfenced and listens."""

_TOLD = ("kafka.server.KafkaRaftServer", "org.apache.kafka.common.utils.AppInfoParser")

_LOG4J_1 = """\
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
""" + "".join(f"log4j.logger.{name}=INFO\n" for name in _TOLD)

_LOG4J_2 = """\
status=error
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
""" + "".join(f"logger.told{number}.name={name}\nlogger.told{number}.level=info\n" for number, name in enumerate(_TOLD))


def broker_flags(heap: str) -> Sequence[str]:
    """JVM flags that keep a broker small."""
    return (f"-Xmx{heap}", "-Djava.awt.headless=true", "-Dkafka.logs.dir=/dev/null")
