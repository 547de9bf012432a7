"""What `kafkade validate --against` finds: what changed from one revision to the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import yaml

from kafkade.local.checks.changes import check
from kafkade.local.checks.world import World
from kafkade.local.documents import documents_of
from kafkade.local.manifests import manifests_of
from kafkade.local.problems import Problem, Rule
from support.kubernetes import manifest

Body = dict[str, Any]
MAIN = {"clusterRef": {"name": "main"}}


def avro(*fields: str, default: bool = False) -> str:
    more = ', "default": ""' if default else ""
    listed = ", ".join(f'{{"name": "{name}", "type": "string"{more}}}' for name in fields)
    return f'{{"type": "record", "name": "Order", "fields": [{listed}]}}'


def cluster(**spec: Any) -> Body:
    return manifest("KafkaCluster", "main", {"bootstrapServers": "kafka:9092", **spec})


def topic(name: str = "orders", annotations: dict[str, str] | None = None, **spec: Any) -> Body:
    return manifest("KafkaTopic", name, MAIN | spec, annotations=annotations or {})


def schema(text: str, name: str = "orders", **spec: Any) -> Body:
    return manifest("KafkaSchema", name, MAIN | {"subject": "orders-value", "schema": text} | spec)


def using(text: str) -> list[Body]:
    """A schema that references another one, whose text is ``text``."""
    reference = {"references": [{"name": "Order", "schemaRef": {"name": "orders"}}]}
    return [schema(text), schema('{"type": "array", "items": "Order"}', "list", subject="list", **reference)]


def from_map(text: str) -> list[Body]:
    ref = {"configMapKeyRef": {"name": "texts", "key": "a"}}
    map_ = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "texts", "namespace": "shop"},
        "data": {"a": text},
    }
    return [map_, manifest("KafkaSchema", "orders", MAIN | {"subject": "orders-value", "schemaFrom": ref})]


class Case(NamedTuple):
    id: str
    old: list[Body]
    new: list[Body]
    rule: Rule | None = None
    line: str = ""
    message: str = ""


PROTECTED = {"kafkade.io/deletion-protection": "true"}
RETAIN = {"topicDefaults": {"deletionPolicy": "Retain"}}
SOFT = {"schemaDefaults": {"deletionPolicy": "SoftDelete"}}
FULL = {"schemaDefaults": {"compatibility": "FULL"}}
PROTO = 'syntax = "proto3"; message A {{ {} name = 1; }}'
JSON = '{{"type": "object", "properties": {{"a": {{"type": "{}"}}}}}}'

CASES = [
    Case("nothing", [cluster(), topic(), schema(avro("a"))], [cluster(), topic(), schema(avro("a"))]),
    Case("a new topic", [], [topic()]),
    Case("more partitions", [topic(partitions=3)], [topic(partitions=6)]),
    Case(
        "fewer partitions",
        [topic(partitions=3)],
        [topic(partitions=2)],
        Rule.IMMUTABLE,
        "partitions: 2",
        "can only grow",
    ),
    Case(
        "another name", [topic(topicName="a")], [topic(topicName="b")], Rule.IMMUTABLE, "topicName: b", "cannot rename"
    ),
    Case("no name any more", [topic(topicName="a")], [topic()], Rule.IMMUTABLE, "spec:", "topicName is immutable"),
    Case(
        "another cluster",
        [topic()],
        [topic(clusterRef={"name": "other"})],
        Rule.IMMUTABLE,
        "clusterRef:",
        "clusterRef is immutable: delete the resource (deletionPolicy: Retain keeps the topic) and create it anew (since main)",
    ),
    Case("a field with a default", [schema(avro())], [schema(avro("a", default=True))]),
    Case(
        "a field without a default",
        [schema(avro())],
        [schema(avro("a"))],
        Rule.COMPATIBILITY,
        "schema: ",
        "subject orders-value: breaks BACKWARD: Order.a: field a was added without a default",
    ),
    Case("a field that goes", [schema(avro("a"))], [schema(avro())]),
    Case(
        "a field that goes, under the cluster's default",
        [cluster(**FULL), schema(avro("a"))],
        [cluster(**FULL), schema(avro())],
        Rule.COMPATIBILITY,
        "schema: ",
        "the schema at main",
    ),
    Case(
        "under the schema's own level",
        [cluster(**FULL), schema(avro("a"))],
        [cluster(**FULL), schema(avro(), compatibility="NONE")],
    ),
    Case(
        "the same subject of another resource",
        [schema(avro(), deletionPolicy="Retain")],
        [schema(avro("a"), "renamed")],
        Rule.COMPATIBILITY,
        "schema: ",
        "subject orders-value",
    ),
    Case(
        "Protobuf",
        [schema(PROTO.format("string"), schemaType="PROTOBUF")],
        [schema(PROTO.format("int32"), schemaType="PROTOBUF")],
        Rule.COMPATIBILITY,
    ),
    Case(
        "JSON Schema",
        [schema(JSON.format("string"), schemaType="JSON")],
        [schema(JSON.format("integer"), schemaType="JSON")],
        Rule.COMPATIBILITY,
    ),
    Case("another type", [schema(avro())], [schema("{}", schemaType="JSON")], Rule.COMPATIBILITY, "schema: ", "AVRO"),
    Case("a text in a ConfigMap", from_map(avro()), from_map(avro("a")), Rule.COMPATIBILITY, "a: ", "Order.a"),
    Case("text that moves to a ConfigMap", [schema(avro())], from_map(avro())),
    Case("what does not parse is told elsewhere", [schema(avro())], [schema("{")]),
    Case("what did not parse before", [schema("{")], [schema(avro("a"))]),
    Case(
        "a topic that goes",
        [cluster(), topic()],
        [cluster()],
        Rule.REMOVED,
        "",
        "topic orders is deleted with its records",
    ),
    Case("a topic that is kept", [topic(deletionPolicy="Retain")], []),
    Case("a topic that the cluster's default keeps", [cluster(**RETAIN), topic()], [cluster(**RETAIN)]),
    Case("a topic that is protected", [topic(annotations=PROTECTED)], []),
    Case("a topic that is only observed", [topic(managementPolicy="Observe")], []),
    Case("a topic that another resource has now", [topic()], [topic("renamed", topicName="orders")], Rule.REMOVED),
    Case("a topic that is wrong now is not gone", [topic()], [topic(partitions=0)]),
    Case("a schema that goes", [schema(avro())], []),
    Case(
        "a schema that goes with its subject",
        [cluster(**SOFT), schema(avro())],
        [cluster(**SOFT)],
        Rule.REMOVED,
        "",
        "subject orders-value is deleted with its versions",
    ),
    Case("a policy that goes", [manifest("KafkaDLQPolicy", "a", MAIN | {"topics": ["a*"]})], []),
    Case(
        "a policy that goes with its topics",
        [manifest("KafkaDLQPolicy", "a", MAIN | {"topics": ["a*"], "deadLetterTopics": {"deletionPolicy": "Delete"}})],
        [],
        Rule.REMOVED,
        "",
        "its dead-letter topics are deleted",
    ),
    Case("a cluster that goes", [cluster()], []),
]


def world(files: list[Body]) -> tuple[World, list[str]]:
    text = yaml.safe_dump_all(files, sort_keys=False, width=10_000)
    manifests = manifests_of(*documents_of([("a.yaml", text.encode())]), "shop")
    return World(manifests, partial=True), text.splitlines()


def found(old: list[Body], new: list[Body]) -> list[Problem]:
    return list(check(world(old)[0], world(new)[0], "main"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_is_found(case: Case) -> None:
    problems = found(case.old, case.new)
    assert [problem.rule for problem in problems] == ([] if case.rule is None else [case.rule]), problems
    for problem in problems:
        assert case.message in problem.message
        assert problem.warning is (case.rule is Rule.REMOVED)
        if problem.place.line:
            assert world(case.new)[1][problem.place.line - 1].strip().startswith(case.line)


def test_a_change_below_a_reference_breaks_both() -> None:
    problems = found(using(avro()), using(avro("a")))
    assert [(p.key.name, p.rule) for p in problems if p.key] == [
        ("orders", Rule.COMPATIBILITY),
        ("list", Rule.COMPATIBILITY),
    ]


def test_what_was_wrong_before_is_no_matter() -> None:
    assert found([topic(partitions=0), {"kind": "KafkaTopic"}], [topic(partitions=1)]) == []
