"""Dead letters that a worker of Kafka Connect writes, read by kafkade and put back.

The worker is Kafka's own, its connector has the lines of a policy's connect.properties, and each stage that an operator
meets fails once: converters of key and value, a transformation, and a record that the connector itself reports.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from integration.dlq.java_tools import SOURCES, compile_java, jars, java
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.kafka_records import RecordReader
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import to_properties
from kafkade.devstack.ports import HOST, free_port, release
from kafkade.devstack.process import Process
from kafkade.dlq.headers import of_record
from kafkade.dlq.letter import DeadLetter, Dialect, Origin
from kafkade.dlq.naming import source_topics
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.run import redrive
from kafkade.dlq.render import render
from support.kafka import KafkaView
from support.letters import START, Seen, Watch, write
from support.waiting import until

VERSIONS = ("3.5.2", "4.4.0")
"""Of the worker; the brokers are another one."""

PARTITIONS, RECORDS = 3, 5
"""Records of each partition, those that fail among them."""

PATIENCE = 60
"""Seconds for what takes the worker a few."""

CONVERTER = "org.apache.kafka.connect.json.JsonConverter"

MISFITS = (("trace", b"\x00\xff"), ("trace", None), ("empty", b""), ("größe", "10 €".encode()))
"""Headers that a writer or a reader of text could damage."""

CONTEXT = [
    "__connect.errors." + name
    for name in (
        *("topic", "partition", "offset", "connector.name", "task.id", "stage", "class.name"),
        *("exception.class.name", "exception.message", "exception.stacktrace"),
    )
]
"""What Connect adds, in its order."""


@dataclass(frozen=True)
class Case:
    """A record that fails: where it is, what is in it, and what its dead letter is to say."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    stage: str
    error_class: str
    message: str

    def letter(self, topic: str, offset: int) -> DeadLetter:
        origin = Origin(topic, self.partition, offset)
        return DeadLetter(Dialect.CONNECT, origin, self.error_class, self.message, stage=self.stage)


DATA = "org.apache.kafka.connect.errors.DataException"
UNREADABLE = (DATA, "Converting byte[] to Kafka Connect data failed due to serialization error: ")
NO_NUMBER = (DATA, "Value (seven) was out of range for requested data type")
UNWANTED = ("java.lang.IllegalStateException", "it is not wanted")
CASES = {
    "value": Case(0, 1, None, b'{"amount": ', "VALUE_CONVERTER", *UNREADABLE),
    "key": Case(1, 2, b"\xff\x00 no JSON", b'{"amount": "1"}', "KEY_CONVERTER", *UNREADABLE),
    "transformation": Case(2, 1, b'"k"', b'{"amount": "seven"}', "TRANSFORMATION", *NO_NUMBER),
    "reported": Case(0, 3, b'"reject"', b'{"amount": "2"}', "TASK_PUT", *UNWANTED),
    "reported tombstone": Case(2, 3, b'"reject"', None, "TASK_PUT", *UNWANTED),
}


class Ground:
    """A topic with its dead-letter topic, and a worker that brings its records to a file."""

    def __init__(self, version: str, bootstrap: str, folder: Path) -> None:
        libraries = jars(f"connect-worker-{version}")
        classes = compile_java(SOURCES / "FileSink.java", folder / "classes", libraries)
        (classes / "simplelogger.properties").write_text("org.slf4j.simpleLogger.defaultLogLevel=warn\n")
        services = classes / "META-INF" / "services"
        services.mkdir(parents=True)
        (services / "org.apache.kafka.connect.sink.SinkConnector").write_text("FileSink\n")

        self.bootstrap = bootstrap
        spec = KafkaDLQPolicySpec.model_validate({"clusterRef": {"name": "main"}, "topics": ["*"]})
        self._names = source_topics(f"payments-{uuid.uuid4().hex[:8]}", spec)
        self.topic, self.dlq = self._names.topic, self._names.dead_letter_topic
        for topic in (self.topic, self.dlq):
            KafkaView(bootstrap).create(topic, PARTITIONS)
        self.watch = Watch(bootstrap, self.dlq, range(PARTITIONS))
        self._reader = RecordReader(Security(bootstrap))

        self._port = free_port()
        self._sink = folder / "sink"
        files = [folder / "worker.properties", folder / "connector.properties"]
        files[0].write_text(to_properties(self._worker(folder)))
        files[1].write_text(to_properties(self._connector()) + self._policy_lines(spec))
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        command = java(main, [classes, *libraries], *files)
        self.worker = Process(f"Kafka Connect {version}", command, folder / "worker.log", folder=folder)

    def _worker(self, folder: Path) -> dict[str, str]:
        return {
            "bootstrap.servers": self.bootstrap,
            "listeners": f"http://{HOST}:{self._port}",
            "offset.storage.file.filename": str(folder / "offsets"),
            # from 3.6 on: no look into every class of every jar
            "plugin.discovery": "service_load",
            "key.converter": CONVERTER,
            "value.converter": CONVERTER,
        }

    def _connector(self) -> dict[str, str]:
        """The connector's own lines; none of them is about errors."""
        return {
            # its group has its name, and a worker that was killed stays a member of that for a while
            "name": self.topic,
            "connector.class": "FileSink",
            "topics": self.topic,
            "file": str(self._sink),
            "key.converter": CONVERTER,
            "key.converter.schemas.enable": "false",
            "value.converter": CONVERTER,
            "value.converter.schemas.enable": "false",
            "transforms": "cast",
            "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
            "transforms.cast.spec": "amount:int32",
        }

    def _policy_lines(self, spec: KafkaDLQPolicySpec) -> str:
        """connect.properties with the lines that it offers taken: those with # and no blank after it."""
        text = render(spec, [self._names])["connect.properties"]
        return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)

    def close(self) -> None:
        self.worker.kill()
        self.watch.close()
        release(self._port)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait for the worker; the end of its log is in the error."""
        self.worker.wait_until(ready, PATIENCE)

    def lines(self) -> Counter[str]:
        """What the connector wrote."""
        return Counter(self._sink.read_text().splitlines() if self._sink.exists() else ())

    def records(self, topic: str) -> list[Record]:
        """All records that a topic has now."""
        return list(self._reader.read(topic, dict.fromkeys(range(PARTITIONS), (0, 1_000))))

    def redrive(self, number: int) -> None:
        """Put so many back to where they were."""
        job = Job(uuid.uuid4().hex, self.dlq)
        done = redrive(Security(self.bootstrap), job, Control(), lambda topic: topic == self.topic)
        assert (done.counts.read, done.counts.moved) == (number, number), done

    def mend(self) -> None:
        """Change the connector over the worker's API so that it takes any text, without transformation."""
        path = f"/connectors/{self.topic}/config"
        config = self._ask("GET", path)
        kept = {name: value for name, value in config.items() if not name.startswith("transforms")}
        text = "org.apache.kafka.connect.storage.StringConverter"
        changed = self._ask("PUT", path, {**kept, "key.converter": text, "value.converter": text})
        assert changed["config"]["value.converter"] == text

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection(HOST, self._port, timeout=PATIENCE)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            return json.loads(answer)
        finally:
            connection.close()


def seen(record: Record) -> Seen:
    """What a dead letter and a record that is put back keep."""
    return Seen(record.key, record.value, record.timestamp, tuple(record.headers))


def original(case: Case) -> Seen:
    """The record as an application wrote it."""
    return Seen(case.key, case.value, START + case.offset, MISFITS)


def amount(partition: int, offset: int) -> int:
    return partition * 100 + offset


def send(ground: Ground) -> Counter[str]:
    """Write the records, good ones around those that fail; returns the lines that the connector makes of the good."""
    failing = {(case.partition, case.offset): original(case) for case in CASES.values()}
    for partition in range(PARTITIONS):
        good = [
            Seen(b'"key"', b'{"amount": "%d"}' % amount(partition, offset), START + offset, ())
            for offset in range(RECORDS)
        ]
        records = [failing.get((partition, offset), good[offset]) for offset in range(RECORDS)]
        write(ground.bootstrap, ground.topic, records, partition=partition)
    places = {(partition, offset) for partition in range(PARTITIONS) for offset in range(RECORDS)}
    return Counter(f"{{amount={amount(*place)}}}" for place in places - failing.keys())


@dataclass(frozen=True)
class Done:
    """What the worker did with the records when it met them first."""

    ground: Ground
    letters: dict[tuple[int | None, int | None], Record]
    """By partition and offset of their origin, as they tell it."""
    lines: Counter[str]
    expected: Counter[str]


@pytest.fixture(scope="module", params=VERSIONS)
def done(kafka: Kafka, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    ground = Ground(request.param, kafka.bootstrap, tmp_path_factory.mktemp("connect"))
    try:
        expected = send(ground)
        ground.worker.start()
        ground.wait(lambda: ground.watch.records() >= len(CASES) and ground.lines().total() >= expected.total())
        records = ground.records(ground.dlq)
        origins = [of_record(record.headers, record.key, record.value)[0].origin for record in records]
        letters = {(at.partition, at.offset): record for at, record in zip(origins, records, strict=True)}
        assert len(letters) == len(records) == len(CASES), origins
        yield Done(ground, letters, ground.lines(), expected)
    finally:
        ground.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_letter_tells_where_why_and_at_which_stage(done: Done, case: Case) -> None:
    record = done.letters[case.partition, case.offset]
    assert of_record(record.headers, record.key, record.value) == (case.letter(done.ground.topic, case.offset),)
    kept = len(MISFITS)
    assert seen(record)._replace(headers=tuple(record.headers[:kept])) == original(case)
    assert [name for name, _ in record.headers[kept:]] == CONTEXT


def test_the_other_records_pass(done: Done) -> None:
    assert done.lines == done.expected


def test_put_back_they_fail_again_until_the_connector_is_mended(done: Done) -> None:
    ground, number = done.ground, len(CASES)
    first = {case: done.letters[case.partition, case.offset] for case in CASES.values()}
    ground.redrive(number)
    # the brokers end a transaction in each partition some moments after they said that it is committed
    until(lambda: len(ground.records(ground.topic)) >= PARTITIONS * RECORDS + number, "what was put back can be read")
    back = [record for record in ground.records(ground.topic) if record.offset >= RECORDS]
    assert Counter((record.partition, seen(record)) for record in back) == Counter(
        (case.partition, seen(letter)) for case, letter in first.items()
    ), "each once, where it was, byte for byte"

    ground.wait(lambda: ground.watch.records() >= 2 * number)
    offsets = {(record.key, record.value): record.offset for record in back}
    met = {(case.key, case.value): case for case in CASES.values()}
    again = [record for record in ground.records(ground.dlq) if record not in first.values()]
    assert len(again) == number
    for record in again:
        case = met[record.key, record.value]
        assert record.headers[: -len(CONTEXT)] == first[case].headers
        offset = offsets[record.key, record.value]
        assert of_record(record.headers, record.key, record.value) == (case.letter(ground.topic, offset),), "the newest"

    ground.mend()
    ground.redrive(number)
    ground.wait(lambda: ground.lines().total() >= done.expected.total() + number)
    texts = ("null" if case.value is None else case.value.decode() for case in CASES.values())
    assert ground.lines() - done.expected == Counter(texts)
    assert ground.watch.records() == 2 * number, "none is a dead letter once more"
