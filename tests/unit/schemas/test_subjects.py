"""Subjects by naming strategy, and what a resource claims and names, without I/O."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from kafkade.api.errors import InvalidSchema, InvalidSpec
from kafkade.api.objects import Key
from kafkade.schemas.subjects import claim_of, record_name, references_of, subject_of
from support.schemas import World, avro, resource, work

TOPIC = {"topicRef": {"name": "orders"}}
RECORD = avro(name="Order")

SUBJECTS = [
    pytest.param({"subject": "s"}, "s", id="given"),
    pytest.param(TOPIC, "shop.orders-value", id="TopicName is the default, value too"),
    pytest.param({**TOPIC, "part": "key"}, "shop.orders-key", id="the key"),
    pytest.param({**TOPIC, "namingStrategy": "TopicName"}, "shop.orders-value", id="TopicName"),
    pytest.param({**TOPIC, "namingStrategy": "RecordName"}, "shop.Order", id="RecordName"),
    pytest.param({**TOPIC, "namingStrategy": "TopicRecordName"}, "shop.orders-shop.Order", id="TopicRecordName"),
    pytest.param({**TOPIC, "namingStrategy": "RecordName", "part": "key"}, "shop.Order", id="RecordName knows no part"),
]


@pytest.mark.parametrize(("spec", "subject"), SUBJECTS)
def test_subject_and_claim_agree(spec: dict[str, object], subject: str) -> None:
    r = resource(schema_=RECORD, **spec)
    world = World()
    world.put(r, resource("orders", kind="KafkaTopic", topicName="shop.orders"))
    assert subject_of(work(r).spec, "shop.orders", record_name("AVRO", RECORD)) == subject
    assert claim_of(r, world) == subject


def test_strategy_that_needs_a_name_says_so() -> None:
    spec = work(resource(schema_='"string"', **TOPIC, namingStrategy="RecordName")).spec
    with pytest.raises(InvalidSpec, match="needs a schema with a name"):
        subject_of(spec, "t", None)


NAMES = [
    pytest.param("AVRO", RECORD, "shop.Order", id="namespace and name"),
    pytest.param(
        "AVRO", '{"type": "enum", "name": "a.b.E", "namespace": "x", "symbols": []}', "a.b.E", id="a dotted name wins"
    ),
    pytest.param("AVRO", '{"type": "record", "name": "R", "fields": []}', "R", id="no namespace"),
    pytest.param("AVRO", '"string"', None, id="a primitive has none"),
    pytest.param("AVRO", '["null", "string"]', None, id="a union has none"),
    pytest.param("JSON", '{"title": "Order"}', "Order", id="a JSON Schema's title"),
    pytest.param("JSON", "true", None, id="no title"),
    pytest.param("PROTOBUF", 'syntax = "proto3";\npackage a.b;\nmessage M {}', "a.b.M", id="package and first message"),
    pytest.param("PROTOBUF", "// message X {}\n/* package q; */\nmessage M{}", "M", id="comments do not count"),
    pytest.param("PROTOBUF", 'option x = "y"; enum E { A = 0; } message M {}', "M", id="the message after an enum"),
    pytest.param("PROTOBUF", "enum E { A = 0; }", None, id="no message"),
]


@pytest.mark.parametrize(("kind", "text", "name"), NAMES)
def test_record_names(kind: str, text: str, name: str | None) -> None:
    assert record_name(kind, text) == name


def test_record_name_of_what_is_not_json() -> None:
    with pytest.raises(InvalidSchema, match="not JSON"):
        record_name("AVRO", "{")


CLAIMS = [
    pytest.param({**TOPIC}, {}, "orders-value", id="an unknown topic counts under its default name"),
    pytest.param(
        {**TOPIC, "namingStrategy": "RecordName", "schemaFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        {"subject": "shop.Order"},
        "shop.Order",
        id="a text in a ConfigMap: what was claimed when it was read",
    ),
    pytest.param(
        {**TOPIC, "namingStrategy": "RecordName", "schemaFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        {},
        None,
        id="a text in a ConfigMap that was never read",
    ),
    pytest.param({**TOPIC, "namingStrategy": "RecordName", "schema": "{"}, {}, None, id="a text that does not parse"),
    pytest.param({"subject": 3}, {}, None, id="a spec that does not parse"),
    pytest.param({"topicRef": "x", "subject": None}, {}, None, id="a topicRef that does not parse"),
]


@pytest.mark.parametrize(("spec", "status", "claim"), CLAIMS)
def test_claims_without_io(spec: dict[str, object], status: dict[str, object], claim: str | None) -> None:
    assert claim_of(replace(resource(**spec), status=status), World()) == claim


def test_references() -> None:
    r = resource(
        **TOPIC,
        references=[
            {"name": "a", "schemaRef": {"name": "a"}},
            {"name": "b", "subject": "b", "version": 1},
            {"name": "c", "schemaRef": {"name": "a"}},
            "nonsense",
        ],
    )
    assert references_of(r) == {Key("KafkaSchema", "shop", "a"), Key("KafkaTopic", "shop", "orders")}
    assert references_of(resource(references="nonsense")) == frozenset()


@pytest.mark.parametrize(
    "part",
    ["\n", " \n", ";\n", "/* ", "/*//\n", "//", "package\n", "package a", "message\n", "message a\n", "}", "\t\r"],
)
def test_no_protobuf_text_stops_the_operator(part: str) -> None:
    """The name is looked for whenever the resource is seen, before anything of it was judged."""
    text = part * (1_000_000 // len(part))
    began = time.perf_counter()
    assert record_name("PROTOBUF", text) is None
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('syntax = "proto3"; // message X {\n/* message Y { */ package a.b; package c;\n\n  message Z { }', "a.b.Z"),
        ("package a.b;\n\n\n\n\t message Z\n{ }", "a.b.Z"),
        ("/* one */ /* two */\npackage a; message Z {}", "a.Z"),
        ("message A {} /* never closed message B {}", "A"),
        ("// the last line", None),
    ],
)
def test_comments_and_blank_lines(text: str, name: str | None) -> None:
    assert record_name("PROTOBUF", text) == name
