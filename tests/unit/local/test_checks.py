"""What `kafkade validate` finds in manifests: the rule, the line it stands in, and the words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from kafkade.local.checks.run import Checked, Sources, check
from kafkade.local.problems import RULES, Rule
from support.kubernetes import manifest

Body = dict[str, Any]
MAIN = {"clusterRef": {"name": "main"}}
RECORD = '{"type": "record", "name": "Order", "namespace": "shop", "fields": []}'


def cluster(name: str = "main", namespace: str = "shop", **spec: Any) -> Body:
    return manifest("KafkaCluster", name, {"bootstrapServers": "kafka:9092", **spec}, namespace=namespace)


def topic(name: str = "orders", namespace: str = "shop", **spec: Any) -> Body:
    return manifest("KafkaTopic", name, {**MAIN, **spec}, namespace=namespace)


def schema(name: str = "orders", namespace: str = "shop", **spec: Any) -> Body:
    spec = {**MAIN, **({} if "topicRef" in spec else {"subject": name}), **spec}
    text = {} if "schemaFrom" in spec else {"schema": RECORD.replace("Order", name.capitalize())}
    return manifest("KafkaSchema", name, text | spec, namespace=namespace)


def policy(name: str = "orders", **spec: Any) -> Body:
    return manifest("KafkaDLQPolicy", name, {**MAIN, **spec}, namespace="shop")


def redrive(**spec: Any) -> Body:
    return manifest("KafkaDLQRedrive", "again", {**MAIN, **spec}, namespace="shop")


def bound(**spec: Any) -> Body:
    return manifest("KafkaServiceBinding", "users", {**MAIN, **spec}, namespace=spec.pop("namespace", "shop"))


def bound_elsewhere(**spec: Any) -> Body:
    """A binding of another namespace than its cluster's."""
    ref = {"clusterRef": {"name": "main", "namespace": "shop"}}
    return manifest("KafkaServiceBinding", "users", {**spec, **ref}, namespace="team")


def secret(name: str, **data: str) -> Body:
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def config_map(name: str, **data: str) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": data}


def namespace(name: str, **labels: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def by_ref(*names: str) -> dict[str, Any]:
    return {"references": [{"name": name, "schemaRef": {"name": name}} for name in names]}


def elsewhere(**spec: Any) -> Body:
    """A topic of another namespace than its cluster's."""
    return topic(namespace="team", clusterRef={"name": "main", "namespace": "shop"}, **spec)


class Case(NamedTuple):
    """``line``: what stands where the problem is."""

    id: str
    files: list[Body]
    rule: Rule | None = None
    line: str = ""
    message: str = ""
    warning: bool = False


SELECTED = cluster(allowedNamespaces={"from": "Selected", "namespaces": [{"selector": {"matchLabels": {"a": "b"}}}]})
PREFIXED = cluster(allowedNamespaces={"from": "All", "topicPrefixes": ["team-"], "subjectPrefixes": ["team-"]})
SECURE = cluster(sasl={"mechanism": "PLAIN", "credentialsSecretRef": {"name": "user"}})
NAMED = {"pattern": "[a-z]+-[a-z]+", "message": "say whose it is"}

CASES = [
    Case("all is well", [cluster(), topic(), schema(topicRef={"name": "orders"}), policy(topics=["orders"])]),
    Case(
        "a binding where all is well",
        [
            *(cluster(), topic(), schema(topicRef={"name": "orders"}), policy(topics=["orders"])),
            bound(
                produces=[{"topic": "of-others"}, {"prefix": "users-"}],
                consumes=[{"topicRef": {"name": "orders"}}],
                schemas=[{"schemaRef": {"name": "orders"}}],
                dlqPolicyRef={"name": "orders"},
            ),
        ],
    ),
    Case(
        "a binding's topic misspelt",
        [cluster(), topic(), bound(consumes=[{"topicRef": {"name": "order"}}])],
        Rule.REFERENCE,
        "name: order",
        "spec.consumes.0.topicRef: KafkaTopic shop/order is in none of the files; did you mean shop/orders?",
    ),
    Case(
        "a binding's policy that is not there",
        [cluster(), bound(produces=[{"topic": "a"}], dlqPolicyRef={"name": "orders"})],
        Rule.REFERENCE,
        "name: orders",
        "KafkaDLQPolicy shop/orders is in none of the files",
    ),
    Case(
        "a binding's topic of another cluster",
        [
            cluster(),
            cluster("other"),
            topic(clusterRef={"name": "other"}),
            bound(consumes=[{"topicRef": {"name": "orders"}}]),
        ],
        Rule.REFERENCE,
        "name: orders",
        "belongs to another KafkaCluster",
    ),
    Case(
        "a binding's prefix with internal topics",
        [cluster(), bound(consumes=[{"prefix": "_"}])],
        Rule.NAME,
        "- prefix: _",
        "Kafka's internal topics",
    ),
    Case(
        "a binding's topic that its namespace may not use",
        [PREFIXED, bound_elsewhere(produces=[{"topic": "orders"}])],
        Rule.GRANT,
        "- topic: orders",
        "start with team-",
    ),
    Case(
        "a binding's group that its namespace may not use",
        [
            cluster(allowedNamespaces={"from": "All", "groupPrefixes": ["team-"]}),
            bound_elsewhere(consumes=[{"topic": "orders"}], groups=["orders"]),
        ],
        Rule.GRANT,
        "- orders",
        "consumer group orders",
    ),
    Case("no cluster", [topic()], Rule.REFERENCE, "name: main", "KafkaCluster shop/main is in none of the files"),
    Case("a cluster misspelt", [cluster("mein"), topic()], Rule.REFERENCE, "name: main", "did you mean shop/mein?"),
    Case(
        "a topic misspelt",
        [cluster(), topic(), schema(topicRef={"name": "order"})],
        Rule.REFERENCE,
        "name: order",
        "KafkaTopic shop/order is in none of the files; did you mean shop/orders?",
    ),
    Case(
        "a schema misspelt",
        [cluster(), schema("address"), schema(**by_ref("adress"))],
        Rule.REFERENCE,
        "name: adress",
        "did you mean shop/address?",
    ),
    Case(
        "a schema of another registry",
        [cluster(), cluster("other"), schema("address", clusterRef={"name": "other"}), schema(**by_ref("address"))],
        Rule.REFERENCE,
        "name: address",
        "belongs to another KafkaCluster",
    ),
    Case("a Secret that is in no file", [SECURE]),
    Case("a Secret with its keys", [SECURE, secret("user", username="a", password="hunter2")]),
    Case(
        "a Secret without its keys",
        [SECURE, secret("user", username="a", pasword="hunter2")],
        Rule.REFERENCE,
        "credentialsSecretRef:",
        "has no key password; it has pasword, username",
    ),
    Case(
        "no ConfigMap",
        [cluster(), schema(schemaFrom={"configMapKeyRef": {"name": "texts", "key": "a"}})],
        Rule.REFERENCE,
        "name: texts",
        "ConfigMap shop/texts is in none of the files",
    ),
    Case(
        "no such key",
        [
            cluster(),
            config_map("texts", orders=RECORD),
            schema(schemaFrom={"configMapKeyRef": {"name": "texts", "key": "order"}}),
        ],
        Rule.REFERENCE,
        "key: order",
        "has no key order; did you mean orders?",
    ),
    Case(
        "a text in a ConfigMap that does not parse",
        [cluster(), config_map("texts", a="{"), schema(schemaFrom={"configMapKeyRef": {"name": "texts", "key": "a"}})],
        Rule.SCHEMA,
        "a: '{'",
        "Avro schema is not JSON",
    ),
    Case(
        "no such policy",
        [cluster(), redrive(source={"policyRef": {"name": "orders"}})],
        Rule.REFERENCE,
        "name: orders",
        "KafkaDLQPolicy shop/orders is in none of the files",
    ),
    Case(
        "a source that is no topic",
        [cluster(), topic(), policy(topics=["orders", "ordres"])],
        Rule.REFERENCE,
        "- ordres",
        "no KafkaTopic of the files is topic ordres of KafkaCluster shop/main; did you mean orders?",
    ),
    Case("a pattern for sources", [cluster(), policy(topics=["order-*"])]),
    Case(
        "one topic twice",
        [cluster(), topic(), topic("others", topicName="orders")],
        Rule.CLAIM,
        "topicName: orders",
        "topic orders of KafkaCluster shop/main is claimed by KafkaTopic shop/orders (",
    ),
    Case(
        "topics that Kafka takes for one",
        [cluster(), topic("a", topicName="a.b"), topic("b", topicName="a_b")],
        Rule.CLAIM,
        "topicName: a_b",
        "which Kafka takes for a.b",
    ),
    Case(
        "one name, two clusters",
        [cluster(), cluster("b"), topic(), topic("o", topicName="orders", clusterRef={"name": "b"})],
    ),
    Case(
        "one subject twice",
        [cluster(), topic(), schema(topicRef={"name": "orders"}), schema("again", subject="orders-value")],
        Rule.CLAIM,
        "subject: orders-value",
        "subject orders-value of KafkaCluster shop/main is claimed by KafkaSchema shop/orders",
    ),
    Case(
        "one source, two policies",
        [cluster(), topic(), policy("a", topics=["orders"]), policy("b", topics=["ord*"], suffix=".dead")],
        Rule.CLAIM,
        "name: b",
        "topic orders as a source of dead letters is claimed by KafkaDLQPolicy shop/a",
    ),
    Case(
        "one share group, two policies",
        [cluster(), policy("a", shareGroups=[{"group": "g"}]), policy("b", shareGroups=[{"group": "g"}])],
        Rule.CLAIM,
        "- group: g",
        "share group g of KafkaCluster shop/main is claimed",
    ),
    Case(
        "a namespace that is not let in",
        [cluster(), elsewhere()],
        Rule.GRANT,
        "clusterRef:",
        "namespace team may not use",
    ),
    Case("a namespace of which no file says the labels", [SELECTED, elsewhere()]),
    Case(
        "a namespace with other labels",
        [SELECTED, namespace("team", a="c"), elsewhere()],
        Rule.GRANT,
        "clusterRef:",
        "team",
    ),
    Case("a namespace with the labels", [SELECTED, namespace("team", a="b"), elsewhere()]),
    Case("a prefix that is not granted", [PREFIXED, elsewhere()], Rule.GRANT, "name: orders", "start with team-"),
    Case(
        "who is not let in holds nothing against others",
        [PREFIXED, elsewhere(topicName="orders-all"), topic("orders", topicName="orders-all")],
        Rule.GRANT,
        "topicName: orders-all",
        "start with team-",
    ),
    Case(
        "a subject that is not granted",
        [PREFIXED, schema(namespace="team", clusterRef={"name": "main", "namespace": "shop"})],
        Rule.GRANT,
        "subject: orders",
        "only subjects that start with team-",
    ),
    Case("a name against the policy", [cluster(naming=NAMED), topic()], Rule.NAME, "name: orders", "(say whose it is)"),
    Case(
        "a warning of the policy",
        [cluster(naming=NAMED | {"mode": "Warn"}), topic()],
        Rule.NAME,
        "name: orders",
        "",
        True,
    ),
    Case(
        "an internal topic",
        [cluster(), topic(topicName="__consumer_offsets")],
        Rule.NAME,
        "topicName: __consumer_offsets",
    ),
    Case(
        "dead letters of dead letters",
        [cluster(), topic(topicName="orders.dlq"), policy(topics=["orders.dlq"])],
        Rule.DEAD_LETTERS,
        "- orders.dlq",
        "must not go round in circles",
    ),
    Case(
        "more replicas in sync than there are",
        [cluster(), topic(replicationFactor=1, config={"min.insync.replicas": 2})],
        Rule.REPLICAS,
        "min.insync.replicas: 2",
        "lower the one or raise the other",
    ),
    Case(
        "the same by a default",
        [cluster(topicDefaults={"replicationFactor": 1}), topic(config={"min.insync.replicas": 2})],
        Rule.REPLICAS,
        "min.insync.replicas: 2",
        "",
        True,
    ),
    Case(
        "a setting misspelt",
        [cluster(), topic(config={"retention.sm": 1})],
        Rule.SETTING,
        "retention.sm: 1",
        "Kafka 3.5 to 4.4 knows no such topic setting; did you mean retention.ms?",
        True,
    ),
    Case(
        "a setting of the past",
        [cluster(topicDefaults={"config": {"message.format.version": "2.0"}})],
        Rule.SETTING,
        "message.format.version: '2.0'",
        "removed in Kafka 4.0",
        True,
    ),
    Case(
        "a setting of dead-letter topics",
        [cluster(), policy(topics=["a*"], deadLetterTopics={"config": {"segment.byte": 1}})],
        Rule.SETTING,
        "segment.byte: 1",
        "did you mean segment.bytes?",
        True,
    ),
    Case("no Avro", [cluster(), schema(schema='{"type": "recrod"}')], Rule.SCHEMA, "schema: ", "recrod"),
    Case(
        "no JSON Schema",
        [cluster(), schema(schemaType="JSON", schema='{"type": 1}')],
        Rule.SCHEMA,
        "schema: ",
        "$.type",
    ),
    Case(
        "no Protobuf",
        [cluster(), schema(schemaType="PROTOBUF", schema="massage A {}")],
        Rule.SCHEMA,
        "schema: ",
        "line 1",
    ),
    Case(
        "a mistake in what is referenced is told there",
        [cluster(), schema("address", schema="{"), schema(**by_ref("address"))],
        Rule.SCHEMA,
        "schema: '{'",
        "is not JSON",
    ),
    Case(
        "a type that comes from a reference",
        [
            cluster(),
            schema("address", schema=RECORD.replace("Order", "Address")),
            schema(
                references=[{"name": "shop.Address", "schemaRef": {"name": "address"}}],
                schema='{"type": "array", "items": "shop.Address"}',
            ),
        ],
    ),
    Case(
        "what only the registry has is left to it",
        [
            cluster(),
            schema(
                references=[{"name": "a.B", "subject": "b", "version": 1}], schema='{"type": "array", "items": "a.B"}'
            ),
        ],
    ),
    Case(
        "a record without a name that its subject needs",
        [cluster(), topic(), schema(topicRef={"name": "orders"}, namingStrategy="RecordName", schema='"string"')],
        Rule.SCHEMA,
        "namingStrategy: RecordName",
        "needs a schema with a name",
    ),
    Case(
        "a circle",
        [cluster(), schema("a", **by_ref("b")), schema("b", **by_ref("a"))],
        Rule.CYCLE,
        "references:",
        "shop/a -> shop/b -> shop/a",
    ),
]


def checked(folder: Path, files: list[Body], *, partial: bool = False) -> Checked:
    (folder / "a.yaml").write_text(yaml.safe_dump_all(files, sort_keys=False, width=10_000))
    return check(Sources((str(folder),), "shop", partial))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_is_found(tmp_path: Path, case: Case) -> None:
    found = checked(tmp_path, case.files).problems
    lines = (tmp_path / "a.yaml").read_text().splitlines()
    assert [problem.rule for problem in found] == ([] if case.rule is None else [case.rule]), found
    for problem in found:
        assert lines[problem.place.line - 1].strip().startswith(case.line)
        assert lines[problem.place.line - 1][problem.place.column - 1] != " "
        assert case.message in problem.message
        assert "hunter2" not in problem.message
        assert problem.warning is case.warning
        assert problem.key is not None


@pytest.mark.parametrize("case", [c for c in CASES if c.rule is Rule.REFERENCE], ids=lambda case: case.id)
def test_with_partial_what_is_not_there_may_be_elsewhere(tmp_path: Path, case: Case) -> None:
    elsewhere = ("a schema of another registry", "a binding's topic of another cluster")
    here = case.id in ("no such key", "a Secret without its keys", *elsewhere)
    assert bool(checked(tmp_path, case.files, partial=True).problems) is here


def test_the_cases_have_every_rule_of_a_single_revision() -> None:
    of_files = {Rule.SYNTAX, Rule.OBJECT, Rule.FIELD, Rule.VALUE, Rule.ADMISSION, Rule.TWICE}
    of_changes = {Rule.COMPATIBILITY, Rule.IMMUTABLE, Rule.REMOVED}
    assert {case.rule for case in CASES if case.rule} | of_files | of_changes == set(Rule) == set(RULES)


def test_what_is_wrong_itself_counts_as_there(tmp_path: Path) -> None:
    broken = cluster(bootstrapServer="a:1")
    found = checked(
        tmp_path, [broken, topic(partitions=0), schema(topicRef={"name": "orders"}), policy(topics=["orders"])]
    )
    assert [problem.rule for problem in found.problems] == [Rule.FIELD, Rule.VALUE]
    assert len(found.resources) == 4


def test_a_mistake_in_a_literal_text_has_its_own_line_and_column(tmp_path: Path) -> None:
    text = (
        "apiVersion: kafkade.io/v1alpha1\nkind: KafkaSchema\nmetadata:\n  name: a\nspec:\n  clusterRef: {name: main}\n"
        "  subject: a\n  schemaType: {}\n  schema: |\n{}"
    )
    for schema_type, lines, place in (
        ("AVRO", '    {\n      "type": "record",,\n    }\n', (11, 24)),
        ("PROTOBUF", '    syntax = "proto3";\n    message A {\n      strin name = 1;\n    }\n', (12, 7)),
    ):
        content = text.replace("schemaType: {}", f"schemaType: {schema_type}").replace("|\n{}", f"|\n{lines}")
        (tmp_path / "a.yaml").write_text(content)
        (found,) = check(Sources((str(tmp_path),), "shop", partial=True)).problems
        assert (found.place.line, found.place.column) == place, found


def test_yaml_that_is_no_kubernetes_object_is_left_alone(tmp_path: Path) -> None:
    for name, text in (("values.yaml", "a: 1\n"), ("patch.yaml", "- op: add\n"), ("text.yaml", "hello\n")):
        (tmp_path / name).write_text(text)
    assert check(Sources((str(tmp_path),), "shop")).problems == ()
    (tmp_path / "b.yaml").write_text("kind: KafkaTopic\n")
    (tmp_path / "c.yaml").write_text("apiVersion: kafkade.io/v1alpha1\n")
    assert [problem.rule for problem in check(Sources((str(tmp_path),), "shop")).problems] == [Rule.OBJECT] * 2


def test_schemas_that_share_what_they_reference_are_checked_once(tmp_path: Path) -> None:
    """Two to the thirtieth ways lead from the last one to the first."""
    json = {"schemaType": "JSON", "schema": "{}"}
    chain = [schema("s0", **json)]
    for number in range(1, 31):
        before = {"schemaRef": {"name": f"s{number - 1}"}}
        references = [{"name": name, **before} for name in ("left", "right")]
        chain.append(schema(f"s{number}", references=references, **json))
    assert checked(tmp_path, [cluster(), *chain]).problems == ()


@pytest.mark.parametrize("text", ["[" * 9000, '{"name": ' + "9" * 9000 + "}"])
def test_a_text_that_cannot_be_read_for_a_name_is_a_problem(tmp_path: Path, text: str) -> None:
    named = schema(namingStrategy="RecordName", topicRef={"name": "orders"}, schema=text)
    (problem,) = checked(tmp_path, [cluster(), topic(), named]).problems
    assert problem.rule is Rule.SCHEMA
