"""Files of other tools become resources that kafkade takes, and nothing in them is dropped without a word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.local.manifests import load

FILES = Path(__file__).parent / "files"
TOOLS = ("strimzi", "jikkou", "topicctl", "ns4kafka", "terraform")


def run(tool: str, *args: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["import", tool, *map(str, args)], input=stdin, env={"NO_COLOR": "1"})


def imported(tool: str, *args: str | Path, stdin: str | None = None) -> dict[str, dict[str, Any]]:
    """Resources by name."""
    done = run(tool, *args, stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return {body["metadata"]["name"]: body for body in yaml.safe_load_all(done.stdout)}


def specs(tool: str, *args: str | Path, stdin: str | None = None) -> dict[str, dict[str, Any]]:
    """Specs by name; of topics without the deletionPolicy that all of them have."""
    found = imported(tool, *args, stdin=stdin)
    for body in found.values():
        if body["kind"] == "KafkaTopic":
            assert body["spec"].pop("deletionPolicy") == "Retain"
    return {name: body["spec"] for name, body in found.items()}


def warnings(done: Result) -> list[str]:
    """Without the folder of the examples."""
    return [
        line.removeprefix("warning: ").replace(f"{FILES}/", "")
        for line in done.stderr.splitlines()
        if line.startswith("warning: ")
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_every_output_is_what_kafkade_takes(tool: str, tmp_path: Path) -> None:
    done = run(tool, "-f", FILES / tool, "-n", "shop", "-d", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = load([str(tmp_path / "out")], "default")
    assert not found.problems
    assert found.resources
    assert re.search(
        rf"imported: .*\b{sum(1 for k in found.resources if k.kind == 'KafkaTopic')} KafkaTopics?", done.stderr
    )
    again = run(tool, "-f", FILES / tool, "-n", "shop", "-d", tmp_path / "out")
    assert "0 files written" in again.stderr
    as_json = run(tool, "-f", FILES / tool, "-o", "json")
    assert yaml.safe_load(as_json.stdout)["kind"] == "List"


def test_strimzi() -> None:
    found = imported("strimzi", "-f", FILES / "strimzi")
    assert found == {
        "my-topic": {
            "apiVersion": "kafkade.io/v1alpha1",
            "kind": "KafkaTopic",
            "metadata": {
                "name": "my-topic",
                "namespace": "kafka",
                "labels": {"app.kubernetes.io/part-of": "shop"},
                "annotations": {"team": "shop"},
            },
            "spec": {
                "clusterRef": {"name": "my-cluster"},
                "partitions": 3,
                "replicationFactor": 3,
                "config": {
                    "retention.ms": 7200000,
                    "segment.bytes": 1073741824,
                    "min.insync.replicas": 2,
                    "min.cleanable.dirty.ratio": "0.25",
                    "unclean.leader.election.enable": False,
                },
                "deletionPolicy": "Retain",
            },
        },
        "my-topic-1": {
            "apiVersion": "kafkade.io/v1alpha1",
            "kind": "KafkaTopic",
            "metadata": {"name": "my-topic-1", "namespace": "kafka"},
            "spec": {
                "clusterRef": {"name": "my-cluster"},
                "topicName": "My_Topic_1",
                "partitions": 6,
                "replicationFactor": 3,
                "deletionPolicy": "Retain",
                "managementPolicy": "Observe",
            },
        },
        "by-default": {
            "apiVersion": "kafkade.io/v1alpha1",
            "kind": "KafkaTopic",
            "metadata": {"name": "by-default", "namespace": "kafka"},
            "spec": {"clusterRef": {"name": "my-cluster"}, "deletionPolicy": "Retain", "paused": True},
        },
    }
    said = warnings(run("strimzi", "-f", FILES / "strimzi"))
    assert said == [
        "strimzi/topics.yaml:54:13: topic __consumer_offsets is left out: it is internal, and never managed",
        "strimzi/topics.yaml:72:7: spec.partitions and spec.replicas are not set: Strimzi leaves it to the brokers, kafkade to"
        " the KafkaCluster's topicDefaults (3, where they say nothing) when it makes the topic",
        "strimzi/topics.yaml:72:7: spec.partitons is left out: no such field is known here; did you mean partitions?",
        "strimzi/topics.yaml:74:11: KafkaUser is left out: only KafkaTopics are imported",
    ]


def test_jikkou_topics_with_config_maps() -> None:
    found = specs("jikkou", "-f", FILES / "jikkou/kafka-topics-and-configmap.yaml", "--cluster-name", "prod")
    expected = {"min.insync.replicas": 1, "cleanup.policy": "delete"}
    assert found["my-topic-p4-r1"] == {
        "clusterRef": {"name": "prod"},
        "partitions": 4,
        "replicationFactor": 1,
        "config": expected,
    }
    body = imported("jikkou", "-f", FILES / "jikkou/kafka-topics-and-configmap.yaml")["my-topic-p3-r1"]
    assert body["metadata"]["labels"] == {"environment": "example"}


def test_jikkous_own_example_has_a_field_in_the_wrong_place() -> None:
    done = run("jikkou", "-f", FILES / "jikkou-list/kafka-topic-list.yaml")
    assert done.exit_code == 0
    assert warnings(done) == [
        "jikkou-list/kafka-topic-list.yaml:5:3: metadata.labels of a list is left out: write it to its items",
        "jikkou-list/kafka-topic-list.yaml:13:5: items[0].configs is left out: no such field is known here",
    ]


def test_jikkou_schemas() -> None:
    found = specs("jikkou", "-f", FILES / "jikkou/schema-registry-subject-protobuf.yaml")["personproto"]
    assert found["subject"] == "PersonProto"
    assert (found["schemaType"], found["compatibility"], found["normalize"]) == ("PROTOBUF", "FULL_TRANSITIVE", True)
    assert found["schema"].startswith('syntax = "proto3";\n')


def test_jikkou_reads_the_files_that_schemas_refer_to(tmp_path: Path) -> None:
    (tmp_path / "user.avsc").write_text('{"type": "string"}')
    manifest = tmp_path / "user.yaml"
    text = """
apiVersion: schemaregistry.jikkou.io/v1beta2
kind: SchemaRegistrySubject
metadata:
  name: User
  annotations: {schemaregistry.jikkou.io/use-canonical-fingerprint: true, schemaregistry.jikkou.io/schema-id: 4}
spec:
  schemaRegistry: {vendor: Karapace}
  schemaType: AVRO
  schema: {$ref: ./user.avsc}
  references: [{name: a, subject: a-value, version: "3"}]
"""
    manifest.write_text(text)
    assert specs("jikkou", "-f", manifest)["user"] == {
        "clusterRef": {"name": "main"},
        "subject": "User",
        "schemaType": "AVRO",
        "references": [{"name": "a", "subject": "a-value", "version": 3}],
        "schema": '{"type": "string"}',
    }
    said = run("jikkou", "-f", manifest).stderr
    assert "spec.schemaRegistry is left out" in said
    assert "schemaregistry.jikkou.io/use-canonical-fingerprint is left out" in said
    assert "schema-id" not in said
    manifest.write_text(text.replace("user.avsc", "gone.avsc"))
    gone = run("jikkou", "-f", manifest)
    assert gone.exit_code == 1
    assert "user.yaml:10:18: spec.schema.$ref: ./gone.avsc cannot be read" in gone.stderr


def test_what_jikkou_deletes_or_ignores_is_not_made() -> None:
    text = """
apiVersion: kafka.jikkou.io/v1beta2
kind: KafkaTopicList
items:
- {metadata: {name: gone, annotations: {jikkou.io/delete: true}}, spec: {partitions: 1, replicas: 1}}
- {metadata: {name: theirs, annotations: {jikkou.io/ignore: "true"}}, spec: {partitions: 1, replicas: 1}}
- {metadata: {name: kept}, spec: {partitions: -1, replicas: -1, configMapRefs: [nowhere]}}
"""
    done = run("jikkou", "-f", "-", stdin=text)
    assert done.exit_code == 1
    assert "<stdin>:7:" in done.stderr
    assert "no ConfigMap nowhere is in these files" in done.stderr
    done = run("jikkou", "-f", "-", stdin=text.replace(", configMapRefs: [nowhere]", ""))
    assert next(iter(yaml.safe_load_all(done.stdout)))["spec"] == {
        "clusterRef": {"name": "main"},
        "deletionPolicy": "Retain",
    }
    assert "gone is left out: Jikkou is to delete it" in done.stderr
    assert "theirs is left out: Jikkou ignores it" in done.stderr
    assert "spec.partitions and spec.replicas are not set" in done.stderr


def test_topicctl() -> None:
    found = imported("topicctl", "-f", FILES / "topicctl")
    assert set(found) == {"topic-default", "topic-in-rack3", "topic-static", "topic-static-in-rack"}
    body = found["topic-default"]
    assert body["spec"] == {
        "clusterRef": {"name": "local-cluster"},
        "partitions": 3,
        "replicationFactor": 2,
        "config": {"cleanup.policy": "delete", "max.message.bytes": 5542880, "retention.ms": 6000000},
        "deletionPolicy": "Retain",
    }
    assert body["metadata"]["labels"] == {"environment": "local-env", "region": "local-region"}
    assert body["metadata"]["annotations"]["description"].startswith("Topic that uses default (any) strategy")
    said = "\n".join(warnings(run("topicctl", "-f", FILES / "topicctl")))
    assert "topicctl/topic-static.yaml:14:5: spec.placement.strategy static is left out" in said
    assert "topicctl/topic-static.yaml:15:5: spec.placement.staticAssignments is left out" in said
    assert "topicctl/cluster.yaml:2:3: the config of a cluster is left out" in said
    assert "ACLs are left out" in said


def test_topicctl_settings_may_be_lists_and_retention_is_said_once() -> None:
    text = "meta: {name: T, consumers: [a, b]}\nspec: {partitions: 1, replicationFactor: 1, settings: {cleanup.policy: [compact, delete]}}"
    body = imported("topicctl", "-f", "-", stdin=text)["t"]
    assert body["spec"]["config"] == {"cleanup.policy": "compact,delete"}
    assert body["spec"]["topicName"] == "T"
    assert body["metadata"]["annotations"] == {"consumers": "a,b"}
    twice = run(
        "topicctl", "-f", "-", stdin="meta: {name: t}\nspec: {retentionMinutes: 1, settings: {retention.ms: 5}}"
    )
    assert twice.exit_code == 1
    assert "<stdin>:2:26: spec.retentionMinutes: is set beside settings.retention.ms" in twice.stderr


def test_ns4kafka() -> None:
    found = specs("ns4kafka", "-f", FILES / "ns4kafka")
    assert found["abc.mytopic"] == {
        "clusterRef": {"name": "main"},
        "topicName": "abc.myTopic",
        "partitions": 3,
        "replicationFactor": 1,
        "config": {"min.insync.replicas": 1, "cleanup.policy": "delete", "retention.ms": 604800000},
    }
    person = found["abc.person-value"]
    assert person["references"] == [
        {"name": "io.github.michelin.ns4kafka.avro.KafkaHeader", "subject": "abc.header-value", "version": 1}
    ]
    said = "\n".join(warnings(run("ns4kafka", "-f", FILES / "ns4kafka")))
    assert "ns4kafka/acl.yaml:2:7: AccessControlEntry is left out" in said
    assert "Connector is left out" in said


def test_ns4kafka_fields_without_a_counterpart(tmp_path: Path) -> None:
    (tmp_path / "a.avsc").write_text('"string"')
    manifest = tmp_path / "all.yaml"
    manifest.write_text(
        """
apiVersion: v1
kind: Topic
metadata: {name: abc.t, cluster: Prod_1, namespace: abc, labels: {owner: "no such label!"}}
spec: {partitions: 1, replicationFactor: 1, tags: [PII, GDPR], description: all of it}
---
apiVersion: v1
kind: Schema
metadata: {name: abc.t-value}
spec: {schemaFile: a.avsc, compatibility: GLOBAL, alias: other}
"""
    )
    found = imported("ns4kafka", "-f", manifest)
    topic = found["abc.t"]
    assert topic["metadata"] == {
        "name": "abc.t",
        "namespace": "abc",
        "annotations": {"description": "all of it", "tags": "PII,GDPR"},
    }
    assert topic["spec"]["clusterRef"] == {"name": "prod-1"}
    assert found["abc.t-value"]["spec"] == {
        "clusterRef": {"name": "main"},
        "subject": "abc.t-value",
        "schema": '"string"',
    }
    said = run("ns4kafka", "-f", manifest).stderr
    assert "label owner is left out" in said
    assert "spec.alias is left out" in said


def test_terraform_state_plan_and_state_file() -> None:
    assert specs("terraform", "-f", FILES / "terraform/state.json") == {
        "syslog": {
            "clusterRef": {"name": "main"},
            "partitions": 4,
            "replicationFactor": 1,
            "config": {"retention.ms": 86400000, "segment.ms": 4000},
        },
        "confluent": {
            "clusterRef": {"name": "main"},
            "partitions": 10,
            "config": {
                "confluent.placement.constraints": '{"version": 1, "replicas":[{"count": 1, "constraints": {"rack": "rack-1"}}]}'
            },
        },
        "orders-eu": {
            "clusterRef": {"name": "main"},
            "topicName": "Orders_EU",
            "partitions": 100,
            "replicationFactor": 3,
        },
    }
    said = warnings(run("terraform", "-f", FILES / "terraform/state.json"))
    assert len(said) == 2
    assert "kafka_acl.global and 1 more left out: only kafka_topic is imported, not kafka_acl" in said[0]
    assert "kafka_topic.confluent: replication_factor is not set" in said[1]
    assert specs("terraform", "-f", FILES / "terraform/plan.json")["user-events"]["config"]["retention.ms"] == -1
    assert specs("terraform", "-f", FILES / "terraform/terraform.tfstate.json")["carts"]["partitions"] == 12


def test_terraforms_own_language_is_pointed_to_json(tmp_path: Path) -> None:
    file = tmp_path / "main.tf"
    file.write_text('resource "kafka_topic" "a" {}\n')
    for path in (file, tmp_path):
        done = run("terraform", "-f", path)
        assert done.exit_code == 1
        assert "is in Terraform's own language" in done.stderr
        assert "terraform show -json > state.json" in done.stderr
    values = {"type": "kafka_topic", "address": "kafka_topic.a", "values": {"partitions": 1}}
    plan = json.dumps({"planned_values": {"root_module": {"resources": [values]}}})
    unknown = run(
        "terraform",
        "-f",
        "-",
        stdin=plan,
    )
    assert unknown.exit_code == 1
    assert "kafka_topic.a has no name: one that is known only after terraform apply" in unknown.stderr


@pytest.mark.parametrize("tool", TOOLS)
def test_a_broken_file_is_said_with_its_place(tool: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("apiVersion: v1\nkind: [Topic\n")
    done = run(tool, "-f", file, "-d", tmp_path / "out")
    assert done.exit_code == 1
    assert f"error: {file}:3:1: not YAML: " in done.stderr
    assert not (tmp_path / "out").exists()
    nothing = run(tool, "-f", tmp_path / "nowhere")
    assert nothing.exit_code == 1
    assert f"error: {tmp_path / 'nowhere'}: cannot be read" in nothing.stderr


STRIMZI = """apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata: {name: a}
spec:
  partitions: 1
  replicas: 1
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("partitions: 1", "partitions: many"), ":5:15: spec.partitions: expected an integer"),
        (
            lambda t: t.replace("partitions: 1", "partitions: 0"),
            "spec.partitions of the KafkaTopic: Input should be greater",
        ),
        (lambda t: t + "  config: [a]\n", ":7:11: spec.config: expected an object"),
        (lambda t: t + "  config: {a: {b: 1}}\n", ":7:15: spec.config.a: expected a text, a number or a boolean"),
        (lambda t: t + "  topicName: a b\n", "spec.topicName of the KafkaTopic"),
        (lambda t: t.replace("name: a", "labels: {}"), "has no metadata.name"),
        (lambda t: t + "---\n" + t, "KafkaTopic default/a is described in <stdin>:3:18 already"),
        (lambda t: t.replace("kafka.strimzi.io", "apps"), "there is nothing to import for strimzi"),
        (lambda t: "", "there is nothing to import"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(change: Callable[[str], str], message: str) -> None:
    done = run("strimzi", "-f", "-", stdin=change(STRIMZI))
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_names_that_kubernetes_does_not_take_are_refused() -> None:
    done = run("strimzi", "-f", "-", "-n", "My_Namespace", stdin=STRIMZI)
    assert done.exit_code == 1
    assert "--namespace My_Namespace: only lowercase letters" in done.stderr
    for name in ("a" * 64, "a.b"):
        assert f"--namespace {name}: only" in run("strimzi", "-f", "-", "-n", name, stdin=STRIMZI).stderr
    assert "--cluster-name a..b: only" in run("strimzi", "-f", "-", "--cluster-name", "a..b", stdin=STRIMZI).stderr
    dotted = specs("strimzi", "-f", "-", "--cluster-name", "main.eu", stdin=STRIMZI)
    assert dotted["a"]["clusterRef"] == {"name": "main.eu"}


MARKS = (
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
    "meta.helm.sh/release-name",
    "helm.sh/resource-policy",
    "applyset.kubernetes.io/part-of",
)


@pytest.mark.parametrize(
    ("tool", "where"),
    [
        ("strimzi", "labels"),
        ("strimzi", "annotations"),
        ("jikkou", "labels"),
        ("jikkou", "annotations"),
        ("ns4kafka", "labels"),
    ],
)
def test_no_mark_of_another_tools_ownership_comes_along(tool: str, where: str) -> None:
    kinds = {"strimzi": "kafka.strimzi.io/v1, kind: KafkaTopic", "ns4kafka": "v1, kind: Topic"}
    kind = kinds.get(tool, "kafka.jikkou.io/v1beta2, kind: KafkaTopic")
    marks = dict.fromkeys(MARKS, "shop") | {"team": "shop"}
    last = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    given = json.dumps(marks | (last if where == "annotations" else {}))
    text = f"{{apiVersion: {kind}, metadata: {{name: a, {where}: {given}}}, spec: {{partitions: 1}}}}"
    done = run(tool, "-f", "-", stdin=text)
    assert done.exit_code == 0, done.stderr
    assert yaml.safe_load(done.stdout)["metadata"][where] == {"team": "shop"}
    for mark in MARKS:
        assert f"{mark} is left out: by it another tool would take the resource for its own" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("name: a", "name: ../../x"), "metadata.name ../../x: Kubernetes takes lowercase letters"),
        (lambda t: t.replace("name: a", "name: /tmp/evil"), "metadata.name /tmp/evil: Kubernetes takes"),
        (
            lambda t: t.replace("name: a", f"name: {'a' * 254}"),
            "Kubernetes takes lowercase letters, digits, '-' and '.', 253",
        ),
        (lambda t: t.replace("name: a", "name: a, namespace: a.b"), "metadata.namespace a.b: Kubernetes takes"),
    ],
)
def test_no_name_leaves_the_folder(change: Callable[[str], str], message: str, tmp_path: Path) -> None:
    done = run("strimzi", "-f", "-", "-d", tmp_path / "in" / "out", stdin=change(STRIMZI))
    assert done.exit_code == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_only_files_below_the_manifests_folder_or_this_one_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        (folder / "in").mkdir(parents=True)
    monkeypatch.chdir(here)
    for file in (tmp_path / "outside", here / "in/mine.avsc", there / "in/theirs.avsc"):
        file.write_text('"string"')
    (there / "link.avsc").symlink_to(tmp_path / "outside")
    (there / "folder.avsc").mkdir()
    manifest = there / "a.yaml"
    text = """{apiVersion: schemaregistry.jikkou.io/v1beta2, kind: SchemaRegistrySubject, metadata: {name: a},
 spec: {schema: {$ref: FILE}}}"""
    within = (
        "in/mine.avsc",
        "in/theirs.avsc",
        f"file://{here}/in/mine.avsc",
        "../there/in/theirs.avsc",
        there / "in/theirs.avsc",
    )
    for name in within:
        manifest.write_text(text.replace("FILE", str(name)))
        assert specs("jikkou", "-f", manifest)["a"]["schema"] == '"string"', name
    outside = ("../outside", f"file://{tmp_path}/outside", "file:///etc/hostname", "/etc/hostname", "in/../../outside")
    for name in (*outside, "link.avsc", "folder.avsc", '"a\\0b"'):
        manifest.write_text(text.replace("FILE", name))
        done = run("jikkou", "-f", manifest)
        assert done.exit_code == 1, name
        assert (
            "cannot be read: it must be below the manifest's folder, or the one that kafkade is called in"
            in done.stderr
        )


JIKKOU = "{apiVersion: kafka.jikkou.io/v1beta2, kind: KafkaTopic, metadata: {name: a}, spec: {partitions: 1, replicas: 1, MORE}}"
STATE = """{version: 4, resources: [{mode: managed, type: kafka_topic, name: t,
  instances: [{index_key: KEY, attributes: {name: a, partitions: 1, replication_factor: 1}}]}]}"""


@pytest.mark.parametrize(
    ("tool", "text", "message"),
    [
        ("jikkou", JIKKOU.replace("MORE", "configMapRefs: 5"), "spec.configMapRefs: expected a list of names"),
        (
            "jikkou",
            JIKKOU.replace("MORE", "configMapRefs: [{name: x}]"),
            "spec.configMapRefs: expected a list of names",
        ),
        ("jikkou", JIKKOU.replace("partitions: 1", "partitions: '--1'"), "spec.partitions: expected an integer"),
        ("jikkou", JIKKOU.replace("partitions: 1", "partitions: '²'"), "spec.partitions: expected an integer"),
        (
            "jikkou",
            JIKKOU.replace("partitions: 1", f"partitions: '{'9' * 5000}'"),
            "spec.partitions: expected an integer",
        ),
        ("terraform", STATE.replace("KEY", "!!timestamp 2026-01-01"), "index_key: expected a text or an integer"),
        (
            "terraform",
            "values: {root_module: &m {child_modules: [*m]}}",
            "<stdin>:1:43: *m stands within what it names",
        ),
    ],
)
def test_what_nobody_expects_is_said_with_its_place(tool: str, text: str, message: str) -> None:
    done = run(tool, "-f", "-", stdin=text)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit), done.exception
    assert message in done.stderr
