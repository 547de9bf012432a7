"""``kafkade dlq redrive`` against a real Kafka: what it puts back, what it says, and that it can be broken off anywhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN, USER
from support.acls import allowed
from support.cli import secure, told
from support.kafka import KafkaView
from support.transactions import transactions_ended
from support.waiting import until

Headers = list[tuple[str, bytes | None]]
START = 1_700_000_000_000
"""The timestamp of the first record, 2023-11-14T22:13:20Z; each of the others is a millisecond after the one before."""


class Letter(NamedTuple):
    """A dead letter to write, or a record that was read: all that has to be as it was."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int = START


def connect(topic: str, partition: int = 0, error: str = "DataException", message: str = "bad byte") -> Headers:
    """Headers as Kafka Connect writes them."""
    return [
        ("trace", b"\xff\x00"),
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", str(partition).encode()),
        ("__connect.errors.offset", b"11"),
        ("__connect.errors.exception.class.name", f"org.apache.kafka.connect.errors.{error}".encode()),
        ("__connect.errors.exception.message", message.encode()),
    ]


def pointer(topic: str, offset: int) -> Headers:
    """Headers of a share group's dead letter that only points to a record (KIP-1191)."""
    return [
        ("__dlq.errors.topic", topic.encode()),
        ("__dlq.errors.partition", b"0"),
        ("__dlq.errors.offset", str(offset).encode()),
        ("__dlq.errors.group", b"workers"),
        ("__dlq.errors.delivery.count", b"5"),
    ]


class Place:
    """Topics of one test: ``dlq`` for dead letters, ``origin`` and ``other`` for where they came from."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        name = f"r{uuid.uuid4().hex[:8]}"
        self.origin, self.other, self.dlq = f"{name}.orders", f"{name}.other", f"{name}.orders.dlq"
        self.admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for topic in (self.origin, self.other, self.dlq):
            self.make(topic)

    def make(self, topic: str, **config: str) -> str:
        """A topic with two partitions; records are of 2023, and retention would take them."""
        KafkaView(self.kafka.bootstrap).create(topic, 2, **{"retention.ms": "-1", **config})
        return topic

    def write(self, letters: list[Letter], topic: str | None = None) -> list[Letter]:
        """Write dead letters to both partitions by turns; they are given back with their timestamps."""
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap})
        stamped = [letter._replace(timestamp=START + number) for number, letter in enumerate(letters)]
        for number, (key, value, headers, timestamp) in enumerate(stamped):
            producer.produce(topic or self.dlq, value, key, partition=number % 2, headers=headers, timestamp=timestamp)
        assert producer.flush(30) == 0
        return stamped

    def read(self, topic: str, *, settled: bool = True) -> list[tuple[int, Letter]]:
        """Partition and content of every committed record of a topic, in the order of timestamps.

        ``settled``: once no transaction is open there; brokers mark its end a moment after a producer hears of it.
        """
        if settled:
            transactions_ended(self.kafka.bootstrap, topic, partitions=2)
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka.bootstrap,
                "group.id": "test-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
        found: list[tuple[int, Letter]] = []
        ended: set[int] = set()
        deadline = time.monotonic() + 60
        while len(ended) < 2:
            assert time.monotonic() < deadline, f"{topic} cannot be read to its end"
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error() is not None:
                ended.add(message.partition())
                continue
            headers = message.headers() or []
            letter = Letter(message.key(), message.value(), headers, message.timestamp()[1])
            found.append((message.partition(), letter))
        consumer.close()
        return sorted(found, key=lambda item: item[1].timestamp)

    def groups(self) -> set[str]:
        """The consumer groups that kafkade keeps."""
        found = self.admin.list_consumer_groups(request_timeout=30).result().valid
        return {group.group_id for group in found if group.group_id.startswith("kafkade-")}

    def assert_waiting(self, number: int) -> None:
        """That ``kafkade dlq ls`` counts so many dead letters; offsets too are marked a moment later."""

        def waiting() -> int:
            return int(json.loads(run("ls", self.dlq, "-o", "json", place=self).stdout)[0]["waiting"])

        until(lambda: waiting() == number, lambda: f"{waiting()} are waiting, not {number}", 30)


def under_way(place: Place) -> None:
    """Wait until something was put back."""
    until(lambda: place.read(place.origin, settled=False), "some are put back", 60)


@pytest.fixture
def place(kafka: Kafka) -> Place:
    return Place(kafka)


def run(*args: str, place: Place, **environment: str) -> Result:
    """A command of ``kafkade dlq`` in this process."""
    where = {"KAFKADE_BOOTSTRAP_SERVERS": place.kafka.bootstrap, "COLUMNS": "300", **environment}
    return CliRunner().invoke(app, ["dlq", *args], env=where)


def redrive(*args: str, place: Place, code: int = 0, **environment: str) -> Any:
    """What ``kafkade dlq redrive`` says as JSON, once it has ended with ``code``."""
    result = run("redrive", place.dlq, *args, "-o", "json", place=place, **environment)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def counts(read: int, **others: int) -> dict[str, int]:
    """All counts; what is not named is 0."""
    return dict.fromkeys(("moved", "skipped", "quarantined", "failed", "lost"), 0) | {"read": read} | others


@contextmanager
def started(*args: str, place: Place) -> Iterator[subprocess.Popen[str]]:
    """``kafkade dlq redrive`` as a process of its own."""
    command = [sys.executable, "-m", "kafkade.cli.main", "dlq", "redrive", place.dlq, "-b", place.kafka.bootstrap]
    process = subprocess.Popen(
        [*command, *args, "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[str], text: str) -> str:
    """Wait for the line on stderr that has ``text``."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return line
    raise AssertionError(f"{text!r} never came: {seen}")


# --- what is put back -----------------------------------------------------------------------------


def test_each_record_goes_back_to_where_it_was_byte_for_byte(place: Place) -> None:
    written = place.write(
        [
            Letter(b"k0", b"v0", connect(place.origin, 1)),
            Letter(None, b"\x00\xff", connect(place.origin, 0)),
            Letter(b"", b"", connect(place.other, 1)),
            Letter(b"tombstone", None, connect(place.origin, 0)),
            Letter(b"many", b"v", [("a", None), ("a", b""), ("a", b"\xc3"), *connect(place.other, 0), ("a", b"1")]),
        ]
    )
    found = redrive(place=place)
    assert found["phase"] == "Completed"
    assert found["topic"] == place.dlq
    assert found["counts"] == counts(5, moved=5)
    assert (found["histogram"], found["failures"]) == ([], [])
    assert found["progress"] == [
        {"topic": place.dlq, "partition": 0, "next": 3, "end": 3},
        {"topic": place.dlq, "partition": 1, "next": 2, "end": 2},
    ]
    assert place.read(place.origin) == [(1, written[0]), (0, written[1]), (0, written[3])]
    assert place.read(place.other) == [(1, written[2]), (0, written[4])]
    # nothing is deleted, and nothing goes back twice
    assert [letter for _, letter in place.read(place.dlq)] == written
    place.assert_waiting(0)
    again = run("redrive", place.dlq, "-o", "yaml", place=place)
    assert again.exit_code == 0
    assert yaml.safe_load(again.stdout)["counts"] == counts(0)
    assert len(place.read(place.origin)) == 3


def test_a_dry_run_counts_and_writes_nothing(place: Place) -> None:
    place.write([Letter(b"k", b"v", connect(place.origin))] * 3 + [Letter(b"k", b"v", [])])
    before = place.groups()
    found = redrive("--dry-run", place=place, code=3)
    assert (found["id"], found["phase"]) == (None, "Completed")
    assert found["counts"] == counts(4, moved=3, failed=1)
    error = "org.apache.kafka.connect.errors.DataException"
    assert found["histogram"] == [
        {"error": error, "origin": place.origin, "age": "older", "records": 3},
        {"error": "", "origin": "", "age": "older", "records": 1},
    ]
    assert found["failures"] == [{"topic": place.dlq, "partition": 1, "offset": 1, "reason": "NoDestination"}]
    table = run("redrive", place.dlq, "--dry-run", place=place)
    assert (table.exit_code, told(table)) == (3, [])
    lines = [line.split() for line in table.stdout.splitlines() if line.strip()]
    assert lines == [
        "PHASE READ MOVED SKIPPED QUARANTINED FAILED LOST".split(),
        "Completed 4 3 0 0 1 0".split(),
        "RECORDS SHARE ERROR ORIGIN AGE".split(),
        f"3 75.0 % {error} {place.origin} older".split(),
        "1 25.0 % (unknown) (unknown) older".split(),
        "4 in all".split(),
        "PARTITION OFFSET FAILURE".split(),
        "1 1 NoDestination".split(),
    ]
    assert place.groups() == before
    assert place.read(place.origin) == []
    place.assert_waiting(4)


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        (["--error-class", "Timeout"], "3"),
        (["--error-message", "^too (late|long)$"], "35"),
        (["--error-class", "Data", "--error-message", "late"], ""),
        (["--key", "^k[1-3]$"], "123"),
        (["--header", "trace"], "01235"),
        (["--header", "color=red"], "4"),
        (["--header", "color=", "--header", "trace"], "5"),
        (["--since", "2023-11-14T22:13:20.004Z"], "45"),
        (["--until", "2023-11-14T23:13:20.0005+01:00"], "0"),
        (["--partition", "1"], "135"),
        (["--offsets", "0:1-", "--offsets", "1:-0"], "124"),
        (["--offsets", "0:2", "--offsets", "1:1-1"], "34"),
        (["--max-records", "2", "--partition", "0"], "02"),
        (["--origin", "nothing.came.from.here"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_only_what_is_asked_for_goes_back(place: Place, options: list[str], moved: str) -> None:
    data, late = ("DataException", "bad byte"), ("TimeoutException", "too late")
    headers = [
        *([connect(place.origin, 0, *data)] * 3),
        connect(place.origin, 0, *late),
        [("color", b"red")],
        [*connect(place.origin, 0, "DataException", "too long"), ("color", b"")],
    ]
    place.write([Letter(b"k%d" % number, b"v", each) for number, each in enumerate(headers)])
    found = redrive("--to", place.other, *options, place=place)
    assert sorted(letter.key for _, letter in place.read(place.other)) == [b"k" + n.encode() for n in moved]
    assert found["counts"]["moved"] == len(moved)
    assert found["counts"]["read"] == found["counts"]["moved"] + found["counts"]["skipped"]
    place.assert_waiting(6 - len(moved))


def test_headers_are_changed_as_asked(place: Place) -> None:
    (written,) = place.write([Letter(b"k", b"v", [("keep[1]", b"1"), ("keepx", b"2"), *connect(place.origin)])])
    edits = ["--remove-header", "__connect.errors.*", "--remove-header", "keep[1]", "--add-header", "by=me=you"]
    redrive(*edits, "--add-header", "empty=", place=place)
    ((_, found),) = place.read(place.origin)
    assert found == written._replace(
        headers=[("keepx", b"2"), ("trace", b"\xff\x00"), ("by", b"me=you"), ("empty", b"")]
    )


def test_records_that_keep_coming_back(place: Place) -> None:
    quarantine = place.make(f"{place.dlq}.quarantine")
    place.write([Letter(b"new", b"v", connect(place.origin))])
    assert redrive("--max-redrives", "1", place=place)["counts"] == counts(1, moved=1)
    ((_, returned),) = place.read(place.origin)
    assert returned.headers[:-1] == connect(place.origin)
    assert len(returned.headers) == len(connect(place.origin)) + 1

    # it fails again, and with it another one that is new
    place.write([returned, Letter(b"newer", b"v", connect(place.origin))])
    assert redrive("--max-redrives", "1", place=place)["counts"] == counts(2, moved=1, skipped=1)
    place.assert_waiting(1)
    found = redrive("--max-redrives", "1", "--quarantine-topic", quarantine, place=place)
    assert found["counts"] == counts(1, quarantined=1)
    assert [letter._replace(timestamp=0) for _, letter in place.read(quarantine)] == [returned._replace(timestamp=0)]
    place.assert_waiting(0)
    assert [letter.key for _, letter in place.read(place.origin)] == [b"new", b"newer"]


# --- what cannot be put back ----------------------------------------------------------------------


def test_what_cannot_go_back_stays_and_is_told(place: Place) -> None:
    small = place.make(f"{place.origin}.small", **{"max.message.bytes": "1000"})
    compacted = place.make(f"{place.origin}.compacted", **{"cleanup.policy": "compact"})
    place.write([Letter(b"original", b"here", [("app", b"1")])], topic=place.other)
    letters = {
        "NoDestination": Letter(b"k", b"v", []),
        "UnknownTopic": Letter(b"k", b"v", connect("no.such.topic")),
        "NotAllowed": Letter(b"k", b"v", connect("__consumer_offsets")),
        "RecordTooLarge": Letter(b"k", os.urandom(2000), connect(small)),
        "NoKey": Letter(None, b"v", connect(compacted)),
        "Lost": Letter(None, None, pointer(place.other, 77)),
        "": Letter(None, None, pointer(place.other, 0)),
        " ": Letter(b"fits", b"v", connect(small)),
    }
    place.write(list(letters.values()))
    found = redrive("--id", f"bad-{place.dlq}", place=place, code=3)
    assert found["phase"] == "Completed"
    assert found["counts"] == counts(8, moved=2, failed=5, lost=1)
    reasons = {(failure["partition"], failure["offset"]): failure["reason"] for failure in found["failures"]}
    assert reasons == {(number % 2, number // 2): reason for number, reason in enumerate(letters) if reason.strip()}
    assert [letter[:3] for _, letter in place.read(place.other)][1:] == [(b"original", b"here", [("app", b"1")])]
    assert [letter.key for _, letter in place.read(small)] == [b"fits"]
    place.assert_waiting(6)
    # the same run again has nothing more to do, and says the same
    assert redrive("--id", f"bad-{place.dlq}", place=place, code=3) == found
    table = run("redrive", place.dlq, "--id", f"bad-{place.dlq}", place=place)
    assert (table.exit_code, told(table)) == (3, [])
    assert table.stdout.splitlines()[-1].split() == ["1", "2", "Lost"]


def test_a_destination_that_is_not_there_is_said_before_anything_is_done(place: Place) -> None:
    place.write([Letter(b"k", b"v", connect(place.origin))])
    before = place.groups()
    for option in ("--to", "--quarantine-topic"):
        result = run("redrive", place.dlq, option, "no.such.topic", place=place)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"error: {option}: topic no.such.topic does not exist, or may not be described" in result.stderr
        assert "kafkade dlq ls" not in result.stderr
    assert place.groups() == before


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--error-class", "("], 2, "--error-class: not a regular expression: missing ): ("),
        (["--error-message", "["], 2, "--error-message: not a regular expression"),
        (["--key", "*"], 2, "--key: not a regular expression"),
        (["--key", ""], 2, "--key: must not be empty"),
        (["--to", "a/b"], 2, "--to: not a topic's name, which has letters"),
        (["--to", "SELF"], 2, "--to: SELF is the dead-letter topic itself"),
        (["--quarantine-topic", "SELF"], 2, "--quarantine-topic: SELF is the dead-letter topic itself"),
        (["--origin", "a b"], 2, "--origin: not a topic's name"),
        (["--header", "=v"], 2, "--header: must not be empty"),
        (["--since", "yesterday"], 2, "--since: 'yesterday' is no RFC 3339 timestamp such as 2026-11-25T08:00:00Z"),
        (["--until", "2026-11-25T08:00:00"], 2, "--until: '2026-11-25T08:00:00' has no time zone"),
        (["--partition", "-1"], 2, "--partition"),
        (["--partition", "7"], 1, "error: topic SELF has 2 partitions, and no partition 7"),
        (["--offsets", "2:0-"], 1, "error: topic SELF has 2 partitions, and no partition 2"),
        (["--offsets", "5-9"], 2, "--offsets: '5-9' is not like P:FIRST-LAST"),
        (["--offsets", "0:9-5"], 2, "--offsets: '0:9-5' ends before it begins"),
        (["--rate-limit", "0"], 2, "--rate-limit"),
        (["--max-records", "many"], 2, "--max-records"),
        (["--add-header", "name"], 2, "--add-header: 'name' is not like NAME=VALUE"),
        (["--add-header", "a=1", "--add-header", "a=2"], 2, "--add-header: a is given twice"),
        (["--remove-header", ""], 2, "--remove-header: must not be empty"),
        (["--max-redrives", "1001"], 2, "--max-redrives: Input should be less than or equal to 1000"),
        (["--id", "a b"], 2, "--id: may have up to 100 letters"),
        (["--id", "x", "--dry-run"], 2, "--id: a dry run is not kept"),
        (["--command-config", "absent.properties"], 1, "error: absent.properties cannot be read"),
        (["-b", "127.0.0.1:1"], 1, "error: no broker at 127.0.0.1:1 can be reached"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_are_said(place: Place, options: list[str], code: int, text: str) -> None:
    result = run("redrive", place.dlq, *(place.dlq if part == "SELF" else part for part in options), place=place)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text.replace("SELF", place.dlq) in re.sub(r"[\s│]+", " ", result.stderr)
    assert "Traceback" not in result.stderr


def test_a_topic_that_is_not_there(place: Place) -> None:
    result = run("redrive", "nowhere.dlq", place=place)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error: topic nowhere.dlq does not exist, or may not be described" in result.stderr
    assert "hint: kafkade dlq ls lists the dead-letter topics" in result.stderr


# --- broken off, and gone on with -----------------------------------------------------------------


def fill(place: Place, number: int) -> list[Letter]:
    """So many dead letters of the topics by turns, each with a key of its own."""
    topics = (place.origin, place.other)
    return place.write([Letter(b"k%d" % n, b"v%d" % n, connect(topics[n % 3 > 0], n % 2)) for n in range(number)])


def assert_each_once(place: Place, written: list[Letter]) -> None:
    found = [letter for topic in (place.origin, place.other) for _, letter in place.read(topic)]
    assert Counter(letter.key for letter in found) == Counter(letter.key for letter in written)
    assert sorted(found, key=lambda letter: letter.timestamp) == written
    place.assert_waiting(0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_stopped_goes_on_with_its_id(place: Place, number: int, code: int) -> None:
    written = fill(place, 400)
    began = time.monotonic()
    with started("--rate-limit", "10", place=place) as process:
        (run_id,) = re.findall(r"redrive (\w+) of ", says(process, "if it is broken off"))
        assert re.match(r"looked at \d+ of at most 400: \d+ put back, 0 left as asked\n", says(process, "looked at "))
        under_way(place)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        took = time.monotonic() - began
    assert process.returncode == code
    assert "stopping after the running transaction; Ctrl-C again ends at once" in stderr
    assert f"stopped; the same command with --id {run_id} goes on" in stderr
    part = json.loads(stdout)
    moved = part["counts"]["moved"]
    assert (part["phase"], part["id"], part["counts"]) == ("Cancelled", run_id, counts(moved, moved=moved))
    assert 0 < moved <= 10 * took
    assert moved == sum(len(place.read(topic)) for topic in (place.origin, place.other))
    place.assert_waiting(400 - moved)

    # what comes in between is none of its business
    place.write([Letter(b"late", b"v", connect(place.origin))])
    whole = redrive("--id", run_id, place=place)
    assert (whole["phase"], whole["id"], whole["counts"]) == ("Completed", run_id, counts(400, moved=400))
    place.assert_waiting(1)
    redrive("--key", "^late$", "--remove-header", "*", "--to", place.dlq.removesuffix(".dlq"), place=place)
    late = [letter for _, letter in place.read(place.origin) if letter.key == b"late"]
    assert len(late) == 1
    place.assert_waiting(0)
    found = [letter for topic in (place.origin, place.other) for _, letter in place.read(topic)]
    assert sorted((x for x in found if x.key != b"late"), key=lambda letter: letter.timestamp) == written


def test_the_rate_is_kept(place: Place) -> None:
    written = fill(place, 60)
    began = time.monotonic()
    assert redrive("--rate-limit", "20", place=place)["counts"] == counts(60, moved=60)
    assert time.monotonic() - began > 2.5
    assert_each_once(place, written)


def test_a_second_ctrl_c_ends_at_once_and_nothing_is_lost_or_doubled(place: Place) -> None:
    written = fill(place, 400)
    (broker,) = place.kafka.pids().values()
    with started("--rate-limit", "10", "--id", f"twice-{place.dlq}", place=place) as process:
        under_way(place)
        # a broker that does not answer: the running transaction does not end
        os.kill(broker, signal.SIGSTOP)
        try:
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            says(process, "stopping after the running transaction")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=5) == -signal.SIGINT
        finally:
            os.kill(broker, signal.SIGCONT)
    assert redrive("--id", f"twice-{place.dlq}", place=place)["counts"] == counts(400, moved=400)
    assert_each_once(place, written)


def test_of_two_runs_the_later_one_takes_over(place: Place) -> None:
    written = fill(place, 300)
    with started("--rate-limit", "5", "--id", f"first-{place.dlq}", place=place) as process:
        under_way(place)
        second = redrive(place=place)["counts"]
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"error: another redrive of {place.dlq} has begun, and took over from this one" in stderr
    first = json.loads(stdout)
    assert first["phase"] == "Failed"
    assert first["counts"]["moved"] + second["moved"] == 300
    assert_each_once(place, written)


# --- rights ---------------------------------------------------------------------------------------


def test_over_tls_with_a_password(place: Place, tmp_path: Path) -> None:
    written = fill(place, 4)
    refused = run("redrive", place.dlq, place=place, **secure(place.kafka, tmp_path, (ADMIN[0], "wrong-one")))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"the brokers refused the login of User:{ADMIN[0]}" in refused.stderr
    assert not [word for word in ("wrong-one", "spec.", "Secret", "Traceback") if word in refused.stderr]
    assert redrive(place=place, **secure(place.kafka, tmp_path, ADMIN))["counts"] == counts(4, moved=4)
    assert_each_once(place, written)


def allow(place: Place, kind: ResourceType, name: str, operation: AclOperation, pattern: ResourcePatternType) -> None:
    who = (f"User:{USER[0]}", "*", operation, AclPermissionType.ALLOW)
    allowed(place.admin, AclBinding(kind, name, pattern, *who))


def test_with_the_rights_that_the_guide_names(place: Place, tmp_path: Path) -> None:
    written = fill(place, 6)
    rights = secure(place.kafka, tmp_path, USER)
    literal, prefixed = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    allow(place, ResourceType.TOPIC, place.dlq, AclOperation.READ, literal)
    denied = run("redrive", place.dlq, place=place, **rights)
    assert (denied.exit_code, denied.stdout) == (1, "")
    assert "grant it the ACLs of a redrive" in denied.stderr

    name = place.dlq
    allow(place, ResourceType.GROUP, f"kafkade-dlq.{name}", AclOperation.READ, literal)
    allow(place, ResourceType.GROUP, "kafkade-redrive.", AclOperation.READ, prefixed)
    allow(place, ResourceType.TRANSACTIONAL_ID, f"kafkade-dlq.{name}", AclOperation.WRITE, literal)
    allow(place, ResourceType.TOPIC, place.origin, AclOperation.WRITE, literal)
    allow(place, ResourceType.TOPIC, place.other, AclOperation.DESCRIBE, literal)
    found = redrive(place=place, code=3, **rights)
    mine = [letter for number, letter in enumerate(written) if number % 3 == 0]
    assert found["counts"] == counts(6, moved=len(mine), failed=6 - len(mine))
    assert {failure["reason"] for failure in found["failures"]} == {"NotAuthorized"}
    assert [letter for _, letter in place.read(place.origin)] == mine
    allow(place, ResourceType.TOPIC, place.other, AclOperation.WRITE, literal)
    assert redrive(place=place, **rights)["counts"] == counts(4, moved=4)
    assert_each_once(place, written)
