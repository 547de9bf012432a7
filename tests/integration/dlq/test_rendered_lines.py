"""The lines of a policy's ConfigMap, read by the software that they are for.

Keys and values are put before the real definitions of Kafka Connect, Kafka Streams and Spring Boot. An application of
Kafka Streams and one of Spring Boot, with the rendered lines and the rendered Java in it, bring records into the
policy's topics.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from integration.dlq.java_tools import SOURCES, compile_java, jars, java
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.devstack.kafka import Kafka
from kafkade.dlq.headers import read as read_headers
from kafkade.dlq.letter import Dialect
from kafkade.dlq.naming import source_topics
from kafkade.dlq.render import render
from support.kafka import KafkaView
from support.waiting import until

SINK = "org.apache.kafka.connect.runtime.SinkConnectorConfig"
STREAMS = "org.apache.kafka.streams.StreamsConfig"
BOOT = "spring-boot-4.1.2"
PARTITIONS = 3
ROUTES = [{"exception": "DeserializationException", "action": "DEAD_LETTER"}]


def data(**fields: Any) -> dict[str, str]:
    """The data for user-events."""
    spec = KafkaDLQPolicySpec.model_validate({"clusterRef": {"name": "main"}, "topics": ["*"], **fields})
    return render(spec, [source_topics("user-events", spec)])


def taken(text: str) -> str:
    """A properties file whose offered lines were taken: those with # and no blank after it."""
    return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def check_lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program that puts a properties file before a class of settings."""
    return compile_java(SOURCES / "CheckLines.java", tmp_path_factory.mktemp("check"), jars("connect-3.5.2"))


def complaints(check_lines: Path, lock: str, config: str, text: str, folder: Path) -> list[str]:
    """What the class of settings says of the lines."""
    file = folder / "lines.properties"
    file.write_text(text)
    command = java("CheckLines", [check_lines, *jars(lock)], config, file)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


POLICIES = [
    {"routes": ROUTES, "deadLetterTopics": {"replicationFactor": 3}},
    {"retry": {"maxAttempts": 1}},
    {"retry": {"maxAttempts": 100, "backoff": {"initial": "9" * 31 + "h", "maxDelay": "9" * 31 + "h"}}},
    {"retry": {"backoff": {"initial": "0ms"}}},
    {"defaultAction": "SKIP"},
    {"defaultAction": "STOP"},
]


@pytest.mark.parametrize("version", ["3.5.2", "3.9.2", "4.4.0"])
def test_connect_knows_every_key_and_value(check_lines: Path, version: str, tmp_path: Path) -> None:
    for fields in POLICIES:
        text = taken(data(**fields)["connect.properties"])
        assert "errors.tolerance=" in text
        assert complaints(check_lines, f"connect-{version}", SINK, text, tmp_path) == [], fields
    wrong = complaints(check_lines, f"connect-{version}", SINK, "errors.tolerence=all\nerrors.tolerance=some", tmp_path)
    assert [line.split(":")[0] for line in wrong] == ["errors.tolerence", "errors.tolerance"], "it does complain"


@pytest.mark.parametrize("version", ["4.2.0", "4.4.0"])
def test_streams_knows_every_key_and_class(check_lines: Path, version: str, tmp_path: Path) -> None:
    for fields in POLICIES:
        text = taken(data(**fields)["streams.properties"])
        assert "processing.exception.handler=" in text
        assert complaints(check_lines, f"streams-{version}", STREAMS, text, tmp_path) == [], fields
    misspelt = "processing.exception.handler=org.apache.kafka.streams.errors.LogAndGoOn"
    assert complaints(check_lines, f"streams-{version}", STREAMS, misspelt, tmp_path), "it does complain"


def test_streams_before_4_2_has_no_dead_letter_topic(check_lines: Path, tmp_path: Path) -> None:
    text = taken(data()["streams.properties"])
    found = complaints(check_lines, "streams-4.1.1", STREAMS, text, tmp_path)
    assert found == ["errors.dead.letter.queue.topic.name: unknown"]


def spring_keys(name: str, jar: str) -> dict[str, Any]:
    """The settings of Spring Boot that are not deprecated, by name."""
    file = next(path for path in jars(name) if path.name == jar)
    with zipfile.ZipFile(file) as archive:
        properties = json.loads(archive.read("META-INF/spring-configuration-metadata.json"))["properties"]
    return {entry["name"]: entry for entry in properties if "deprecation" not in entry}


def flat(value: object, prefix: str = "") -> Iterator[str]:
    """The names of the settings in a YAML document, with dots."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}".lstrip("."))
    else:
        yield prefix


@pytest.mark.parametrize(
    ("name", "jar", "missing"),
    [
        (BOOT, "spring-boot-kafka-4.1.2.jar", set()),
        ("spring-boot-3.5.9", "spring-boot-autoconfigure-3.5.9.jar", {"spring.kafka.retry.topic.backoff.jitter"}),
    ],
)
def test_spring_boot_knows_every_key(name: str, jar: str, missing: set[str]) -> None:
    known = spring_keys(name, jar)
    used: set[str] = set()
    for fields in (
        {"retry": {"strategy": "RetryTopics", "backoff": {"jitter": 0.5}}},
        {"retry": {"backoff": {"initial": "5m", "maxDelay": "10m"}}},
    ):
        used |= set(flat(yaml.safe_load(data(**fields)["spring.yaml"])))
    assert len(used) == 7
    assert used - known.keys() == missing


# --- applications -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """A broker that makes no topic by itself, so that a name that nobody made is an error."""
    with Kafka(version="4.4.0", config={"auto.create.topics.enable": "false"}) as running:
        yield running


@pytest.fixture
def topics(kafka: Kafka) -> Iterator[None]:
    """The topics of user-events as the policy makes them, empty."""
    view = KafkaView(kafka.bootstrap)
    names = ["user-events", "user-events.dlq", "user-events.retry.1", "user-events.retry.2"]
    for name in names:
        view.create(name, PARTITIONS)
    yield
    # the broker has done with them too: what was written to one that is to go would go with it
    view.delete(*names)


def send(kafka: Kafka, values: Sequence[bytes], partition: int) -> None:
    """Write records to user-events."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for value in values:
        producer.produce("user-events", value, partition=partition)
    assert producer.flush(20) == 0


def read(kafka: Kafka, topic: str, number: int) -> list[Message]:
    """So many records of a topic, in any order of partitions, and no more within a second."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found: list[Message] = []
    deadline = time.monotonic() + 150
    try:
        while len(found) < number and time.monotonic() < deadline:
            found += consumer.consume(number, 0.5)
        found += consumer.consume(100, 1)
    finally:
        consumer.close()
    assert [message.error() for message in found] == [None] * number
    return found


def origin(message: Message) -> tuple[Dialect, str | None, int | None, int | None]:
    """What kafkade reads in the headers of a dead letter: dialect, topic, partition, offset."""
    letter = read_headers(message.headers() or [])[0]
    return letter.dialect, letter.origin.topic, letter.origin.partition, letter.origin.offset


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[Callable[[], list[str]]]:
    """A program that is ended afterwards; gives the lines that it wrote so far."""
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield lambda: log.read_text().splitlines()
        except BaseException as error:  # also pytest's own, of a test that takes too long
            error.add_note(log.read_text()[-4000:])
            raise
        finally:
            process.kill()


def test_streams_writes_dead_letters_and_goes_on(kafka: Kafka, topics: None, tmp_path: Path) -> None:
    libraries = jars("streams-4.4.0")
    classes = compile_java(SOURCES / "StreamsApp.java", tmp_path / "classes", libraries)
    file = tmp_path / "streams.properties"
    file.write_text(taken(data(routes=ROUTES)["streams.properties"]))
    send(kafka, [b"no integer", (-1).to_bytes(4, signed=True), (7).to_bytes(4)], partition=1)
    command = java("StreamsApp", [classes, *libraries], kafka.bootstrap, "user-events", file)
    with running(command, tmp_path / "log") as lines:
        letters = read(kafka, "user-events.dlq", 2)
        until(lambda: "done 7" in lines(), "the record after them is not held up")
    assert {letter.value(): origin(letter) for letter in letters} == {
        b"no integer": (Dialect.STREAMS, "user-events", 1, 0),
        (-1).to_bytes(4, signed=True): (Dialect.STREAMS, "user-events", 1, 1),
    }


STRATEGIES = [
    ("InPlace", ["user-events"] * 3, Dialect.SPRING),
    ("RetryTopics", ["user-events", "user-events.retry.1", "user-events.retry.2"], Dialect.SPRING_RETRY),
]


@pytest.mark.parametrize(("strategy", "met", "dialect"), STRATEGIES, ids=[case[0] for case in STRATEGIES])
def test_spring_boot_keeps_the_policy(
    kafka: Kafka, topics: None, tmp_path: Path, strategy: str, met: list[str], dialect: Dialect
) -> None:
    text = data(routes=ROUTES, retry={"strategy": strategy})["spring.yaml"]
    libraries = jars(BOOT)
    classes = compile_java(spring_source(text, tmp_path), tmp_path / "classes", libraries)
    file = tmp_path / "spring.yaml"
    file.write_text(text)
    bytes_of = "org.apache.kafka.common.serialization.ByteArray"
    command = java(
        "app.SpringApp",
        [classes, *libraries],
        f"--spring.config.import=file:{file}",
        f"--spring.kafka.bootstrap-servers={kafka.bootstrap}",
        f"--spring.kafka.consumer.group-id=spring-{strategy}",
        "--spring.kafka.consumer.auto-offset-reset=earliest",
        *(f"--spring.kafka.consumer.{part}-deserializer={bytes_of}Deserializer" for part in ("key", "value")),
        *(f"--spring.kafka.producer.{part}-serializer={bytes_of}Serializer" for part in ("key", "value")),
    )
    send(kafka, [b"bad", b"unreadable"], partition=2)
    with running(command, tmp_path / "log") as lines:
        letters = read(kafka, "user-events.dlq", 2)
        attempts = Counter(line for line in lines() if line.startswith("met "))
    assert attempts == Counter([f"met bad in {topic}" for topic in met] + ["met unreadable in user-events"])
    assert {letter.value(): origin(letter) for letter in letters} == {
        b"bad": (dialect, "user-events", 2, 0),
        b"unreadable": (dialect, "user-events", 2, 1),
    }
    assert [letter.partition() for letter in letters] == [2, 2], "the source's partition"


def spring_source(text: str, folder: Path) -> Path:
    """The application with the Java of spring.yaml's comments in it."""
    lines = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")]
    start = next(number for number, line in enumerate(lines) if line.startswith("@"))
    rendered = "\n".join(lines[start:])
    place = "// CLASSES" if rendered.startswith("@Configuration") else "// BEANS"
    source = (SOURCES / "SpringApp.java").read_text()
    assert place in source
    file = folder / "SpringApp.java"
    file.write_text(source.replace(place, rendered))
    return file


JAVA = [
    {},
    {"defaultAction": "STOP"},
    {"defaultAction": "SKIP"},
    {"defaultAction": "DEAD_LETTER", "deadLetterTopics": {"partitions": 1}},
    {"retry": {"backoff": {"initial": "0ms"}}},
    {"routes": [{"exception": "java.lang.IllegalStateException", "action": "DEAD_LETTER"}]},
    {"defaultAction": "STOP", "routes": [{"exception": "java.lang.IllegalStateException", "action": "RETRY"}]},
    {"retry": {"backoff": {"initial": "1000000h", "maxDelay": "1000000h"}}},
    {"retry": {"strategy": "RetryTopics"}},
]


@pytest.mark.parametrize("fields", JAVA, ids=[json.dumps(fields) for fields in JAVA])
def test_the_java_of_every_policy_compiles(fields: dict[str, Any], tmp_path: Path) -> None:
    classes = compile_java(spring_source(data(**fields)["spring.yaml"], tmp_path), tmp_path / "classes", jars(BOOT))
    assert (classes / "app" / "SpringApp.class").exists()
