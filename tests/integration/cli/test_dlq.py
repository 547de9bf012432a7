"""``kafkade dlq`` against a real Kafka and a real registry, with dead letters of several dialects."""

from __future__ import annotations

import json
import struct
import uuid
from pathlib import Path
from typing import Any

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

from kafkade.cli.dlq import app
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN, USER
from kafkade.devstack.registry import Registry
from kafkade.dlq.redrive.ledger import Ledger, group_of
from support.acls import allowed
from support.cli import secure, told
from support.groups import commit_places
from support.kafka import KafkaView
from support.transactions import transactions_ended

ORDER = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}],
    }
)
JSON_SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "title": "Any"})
PROTO = 'syntax = "proto3"; message Order { int64 id = 1; }'
Headers = list[tuple[str, bytes | None]]

CONNECT: Headers = [
    ("trace", b"t-1"),
    ("__connect.errors.topic", b"orders"),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"11"),
    ("__connect.errors.stage", b"VALUE_CONVERTER"),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
    ("__connect.errors.exception.message", b"bad \x1b[31mred\x1b[0m byte"),
]
SPRING: Headers = [
    ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
    ("kafka_dlt-exception-cause-fqcn", b"com.acme.PaymentException"),
    ("kafka_dlt-exception-message", b"no such account"),
    ("kafka_dlt-original-topic", b"payments"),
    ("kafka_dlt-original-partition", struct.pack(">i", 1)),
    ("kafka_dlt-original-offset", struct.pack(">q", 12)),
]
SHARE: Headers = [
    ("__dlq.errors.topic", b"orders"),
    ("__dlq.errors.partition", b"2"),
    ("__dlq.errors.offset", b"13"),
    ("__dlq.errors.group", b"workers"),
    ("__dlq.errors.delivery.count", b"5"),
    ("__dlq.errors.message", b"Offset rejected by client."),
]


@pytest.fixture
async def ids(registry: Registry) -> list[int]:
    """Ids of the Avro, the JSON and the Protobuf schema."""
    client = RegistryClient([registry.url])
    bodies = (SchemaBody(ORDER), SchemaBody(JSON_SCHEMA, "JSON"), SchemaBody(PROTO, "PROTOBUF"))
    found = [(await client.register(f"cli-{body.schema_type}", body, normalize=True)).id for body in bodies]
    await client.close()
    return found


def framed(schema_id: int, data: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + data


@pytest.fixture
def topic(kafka: Kafka) -> str:
    """A dead-letter topic of this test's own, with two partitions."""
    name = f"t{uuid.uuid4().hex[:8]}.dlq"
    # the records are of 2023, and would be deleted as soon as the broker looks at the log
    KafkaView(kafka.bootstrap).create(name, 2, retention_ms="-1")
    return name


def produce(kafka: Kafka, topic: str, records: list[tuple[int, bytes | None, bytes | None, Headers]]) -> None:
    """Partition, key, value and headers of each; each a millisecond after the one before."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for number, (partition, key, value, headers) in enumerate(records):
        producer.produce(topic, value, key, partition=partition, headers=headers, timestamp=1_700_000_000_000 + number)
    assert producer.flush(30) == 0


@pytest.fixture
def filled(kafka: Kafka, topic: str, ids: list[int]) -> str:
    """``topic`` with six dead letters."""
    avro, json_schema, proto = ids
    produce(
        kafka,
        topic,
        [
            (0, b"k-avro", framed(avro, b"\x0e\x02\x04hi"), CONNECT),
            (1, b"k-json", framed(json_schema, b'{"a": 1}'), SPRING),
            (0, b"k-proto", framed(proto, b"\0\x08\x2a"), CONNECT),
            (0, b"\xff\x00", b"plain", SPRING),
            (1, None, None, SHARE),
            (0, b"k-bad", framed(avro, b"\xff"), [*CONNECT, *SPRING]),
        ],
    )
    return topic


def run(*args: str, kafka: Kafka, **environment: str) -> Result:
    return CliRunner().invoke(app, [*args], env={"KAFKADE_BOOTSTRAP_SERVERS": kafka.bootstrap, **environment})


def data(*args: str, kafka: Kafka, **environment: str) -> Any:
    result = run(*args, "-o", "json", kafka=kafka, **environment)
    assert (result.exit_code, told(result)) == (0, [])
    return json.loads(result.stdout)


def test_peek_decodes_every_kind_of_record(kafka: Kafka, registry: Registry, filled: str) -> None:
    found = data("peek", filled, "--registry", registry.url, kafka=kafka)
    assert [(r["partition"], r["offset"]) for r in found] == [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (0, 3)]
    assert [r["key"].get("value") for r in found] == ["k-avro", "k-json", "k-proto", "ff00", None, "k-bad"]
    assert [r["value"]["value"] for r in found[:4]] == [{"id": 7, "note": "hi"}, {"a": 1}, {"id": "42"}, "plain"]
    assert [r["value"]["format"] for r in found] == ["avro", "json-schema", "protobuf", "text", "null", "hex"]
    assert "does not fit schema" in found[5]["value"]["note"]
    first = found[0]
    assert first["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert first["deadLetters"] == [
        {
            "dialect": "Kafka Connect",
            "origin": {"topic": "orders", "partition": 0, "offset": 11, "timestamp": None, "group": None},
            "errorClass": "org.apache.kafka.connect.errors.DataException",
            "errorMessage": "bad \x1b[31mred\x1b[0m byte",
            "attempts": None,
            "stage": "VALUE_CONVERTER",
            "pointer": False,
        }
    ]
    assert first["headers"][0] == {"name": "trace", "value": "t-1"}
    assert {"name": "kafka_dlt-original-partition", "hex": "00000001"} in found[1]["headers"]
    assert found[4]["deadLetters"][0]["pointer"] is True
    assert [letter["dialect"] for letter in found[5]["deadLetters"]] == ["Spring", "Kafka Connect"]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--limit", "2"], ["k-avro", "k-json"]),
        (["--from-end", "--limit", "2"], ["k-bad", None]),
        (["--from-end", "--limit", "1", "--error", "DataException"], ["k-proto"]),
        (["--partition", "1"], ["k-json", None]),
        (["--partition", "0", "--offset", "2"], ["ff00", "k-bad"]),
        (["--partition", "0", "--offset", "9"], []),
        (["--error", "PaymentException"], ["k-json", "ff00", "k-bad"]),
        (["--error", "^Offset rejected"], [None]),
        (["--key", "^k-(avro|bad)$"], ["k-avro", "k-bad"]),
    ],
)
def test_peek_shows_what_is_asked_for(kafka: Kafka, filled: str, options: list[str], keys: list[str | None]) -> None:
    assert [r["key"].get("value") for r in data("peek", filled, *options, kafka=kafka)] == keys


def test_the_table_has_one_line_a_record_and_no_escape_sequences(kafka: Kafka, registry: Registry, filled: str) -> None:
    result = run("peek", filled, kafka=kafka, KAFKADE_REGISTRY_URL=registry.url)
    assert (result.exit_code, told(result)) == (0, [])
    lines = result.stdout.splitlines()
    assert lines[0].split() == "PARTITION OFFSET TIME ORIGIN ERROR ATTEMPTS KEY VALUE HEADERS".split()
    assert len(lines) == 7
    assert "\x1b" not in result.stdout
    assert r"DataException: bad \x1b[31mred\x1b[0m byte" in lines[1]
    assert "orders/0@11" in lines[1]
    assert '{"id": 7, "note": "hi"}' in lines[1]
    assert "trace=t-1" in lines[1]
    assert "(not copied: still in its source)" in lines[5]


def test_yaml_says_what_json_says(kafka: Kafka, filled: str) -> None:
    result = run("peek", filled, "-o", "yaml", kafka=kafka)
    assert "\x1b" not in result.stdout
    assert yaml.safe_load(result.stdout) == data("peek", filled, kafka=kafka)


def put_back(kafka: Kafka, topic: str, partition: int, ledger: Ledger) -> None:
    """Commit a ledger, as a redrive does."""
    commit_places(kafka.bootstrap, group_of(topic), TopicPartition(topic, partition, ledger.base, ledger.metadata()))


def test_ls_and_stats_count_what_waits(kafka: Kafka, filled: str) -> None:
    (before,) = data("ls", filled, kafka=kafka)
    assert before == {
        "topic": filled,
        "partitions": 2,
        "waiting": 6,
        "oldest": "2023-11-14T22:13:20.000Z",
        "sources": ["orders", "payments"],
        "moreSources": False,
    }
    counted = data("stats", filled, kafka=kafka)
    assert (counted["waiting"], counted["oldest"], counted["newest"]) == (
        6,
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:13:20.005Z",
    )
    data_exception = "org.apache.kafka.connect.errors.DataException"
    assert counted["histogram"] == [
        {"error": "com.acme.PaymentException", "origin": "payments", "age": "older", "records": 3},
        {"error": data_exception, "origin": "orders", "age": "older", "records": 2},
        {"error": "", "origin": "orders", "age": "older", "records": 1},
    ]

    put_back(kafka, filled, 0, Ledger(1, [(2, 3)]))
    (after,) = data("ls", filled, kafka=kafka)
    assert (after["waiting"], after["oldest"]) == (4, "2023-11-14T22:13:20.001Z")
    assert data("stats", filled, kafka=kafka)["waiting"] == 4
    left = [("k-json", False), ("k-proto", False), (None, False), ("k-bad", False)]
    assert [(r["key"].get("value"), r["putBack"]) for r in data("peek", filled, kafka=kafka)] == left
    everything = data("peek", filled, "--put-back", kafka=kafka)
    assert [r["key"].get("value") for r in everything if r["putBack"]] == ["k-avro", "ff00"]

    table = run("stats", filled, kafka=kafka).stdout.splitlines()
    assert table[1].split() == ["2", "50.0", "%", "com.acme.PaymentException", "payments", "older"]
    assert table[-1].split() == ["4", "in", "all"]


def test_ls_finds_topics_by_their_suffix(kafka: Kafka, topic: str) -> None:
    other = f"{topic}-dlt"
    KafkaView(kafka.bootstrap).create(other, 1)
    by_suffix = {found["topic"]: found for found in data("ls", kafka=kafka)}
    assert by_suffix[topic] == {
        "topic": topic,
        "partitions": 2,
        "waiting": 0,
        "oldest": None,
        "sources": [],
        "moreSources": False,
    }
    assert other not in by_suffix
    assert [found["topic"] for found in data("ls", "--suffix", "-dlt", kafka=kafka)] == [other]
    nothing = run("ls", "--suffix", ".nothing", kafka=kafka)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no topic's name ends in .nothing" in nothing.stderr
    line = next(line for line in run("ls", topic, kafka=kafka).stdout.splitlines() if topic in line)
    assert line.split() == [topic, "2", "0"]


def test_what_an_open_transaction_wrote_is_not_shown_and_not_waited_for(kafka: Kafka, topic: str) -> None:
    produce(kafka, topic, [(0, b"before", b"1", CONNECT)])
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"2", b"aborted", partition=0)
    producer.flush(30)
    assert [r["key"]["value"] for r in data("peek", topic, kafka=kafka)] == ["before"]
    producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(topic, b"3", b"after", partition=0, headers=CONNECT)
    producer.commit_transaction(30)
    transactions_ended(kafka.bootstrap, topic)
    assert [r["key"]["value"] for r in data("peek", topic, kafka=kafka)] == ["before", "after"]
    assert [r["key"]["value"] for r in data("peek", topic, "--from-end", kafka=kafka)] == ["after", "before"]


def test_nothing_is_left_behind(kafka: Kafka, filled: str) -> None:
    for command in (["ls"], ["peek", filled], ["stats", filled]):
        assert run(*command, kafka=kafka).exit_code == 0
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    groups = {group.group_id for group in admin.list_consumer_groups(request_timeout=30).result().valid}
    assert not [group for group in groups if "reader" in group or filled in group]
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "kafkade-reader"})
    committed = consumer.committed([TopicPartition(filled, 0), TopicPartition(filled, 1)], timeout=30)
    consumer.close()
    assert all(place.offset < 0 for place in committed)


def test_a_registry_that_is_away_is_said_once(kafka: Kafka, filled: str) -> None:
    result = run("peek", filled, "-o", "json", "--registry", "http://127.0.0.1:1", kafka=kafka)
    assert result.exit_code == 0
    (line,) = told(result)
    assert line.startswith("warning: keys and values are not decoded: get schema ")
    assert "the registry cannot be asked" in json.loads(result.stdout)[0]["value"]["note"]


def test_over_tls_with_a_password(kafka: Kafka, filled: str, tmp_path: Path) -> None:
    assert len(data("peek", filled, kafka=kafka, **secure(kafka, tmp_path, ADMIN))) == 6
    refused = run("ls", kafka=kafka, **secure(kafka, tmp_path, (ADMIN[0], "wrong-one")))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"the brokers refused the login of User:{ADMIN[0]}" in refused.stderr
    assert "hint: SASL settings" in refused.stderr
    assert not [word for word in ("wrong-one", "spec.", "Secret", "Traceback") if word in refused.stderr]


def allow(kafka: Kafka, topic: str, operation: AclOperation) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    who = (f"User:{USER[0]}", "*", operation, AclPermissionType.ALLOW)
    allowed(admin, AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, *who))


def test_with_few_rights(kafka: Kafka, filled: str, tmp_path: Path) -> None:
    rights = secure(kafka, tmp_path, USER)
    blind = run("peek", filled, kafka=kafka, **rights)
    assert (blind.exit_code, blind.stdout) == (1, "")
    assert f"topic {filled} does not exist, or may not be described" in blind.stderr

    allow(kafka, filled, AclOperation.DESCRIBE)
    denied = run("stats", filled, kafka=kafka, **rights)
    assert (denied.exit_code, denied.stdout) == (1, "")
    assert f"may not read topic {filled}: grant it Read on topic {filled}" in denied.stderr

    allow(kafka, filled, AclOperation.READ)
    result = run("peek", filled, "-o", "json", kafka=kafka, **rights)
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == 6
    (line,) = told(result)
    assert line.startswith("warning: records that were put back are counted as well: ")


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["peek", "nowhere.dlq"], 1, "error: topic nowhere.dlq does not exist, or may not be described"),
        (["stats", "nowhere.dlq"], 1, "hint: kafkade dlq ls lists the dead-letter topics"),
        (["ls", "nowhere.dlq"], 1, "error: topic nowhere.dlq does not exist"),
        (["peek", "nowhere.dlq", "--key", "("], 2, "not a regular expression"),
        (["peek", "nowhere.dlq", "--offset", "3"], 2, "needs --partition"),
        (["ls", "--command-config", "absent.properties"], 1, "absent.properties cannot be read"),
        (["ls", "-b", "127.0.0.1:1"], 1, "error: no broker at 127.0.0.1:1 can be reached"),
    ],
)
def test_what_cannot_be_done_is_said(kafka: Kafka, args: list[str], code: int, text: str) -> None:
    result = run(*args, kafka=kafka)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_partition_that_is_not_there(kafka: Kafka, topic: str) -> None:
    result = run("peek", topic, "--partition", "7", kafka=kafka)
    assert result.exit_code == 1
    assert f"topic {topic} has 2 partitions, and no partition 7" in result.stderr
