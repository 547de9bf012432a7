"""``kafkade plan`` against a real Kafka: what it shows, its exit codes, and that it changes nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import USER
from support.kafka import KafkaView
from support.requests import counted
from support.snapshot import of_kafka


def cluster(bootstrap: str, **spec: Any) -> dict[str, Any]:
    return resource("KafkaCluster", "main", bootstrapServers=bootstrap, **spec)


def topic(name: str, **spec: Any) -> dict[str, Any]:
    return resource("KafkaTopic", name, clusterRef={"name": "main"}, replicationFactor=1, **spec)


def resource(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kafkade.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def write(folder: Path, *resources: dict[str, Any], name: str = "all.yaml") -> Path:
    """One file with all of them; returns the folder."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump_all(resources))
    return folder


def run(*args: str | Path, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, args)], input=stdin, env={"NO_COLOR": "1", **environment})


def planned(*args: str | Path, **environment: str) -> dict[str, Any]:
    """The plan as JSON, resources by name."""
    done = run(*args, "-o", "json", **environment)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert done.exit_code == (1 if found["summary"]["refused"] or found["summary"].get("waits") else done.exit_code)
    return {"": {**found, "exit": done.exit_code}} | {entry["name"]: entry for entry in found["resources"]}


def test_a_plan_names_what_is_made_changed_refused_and_as_declared(
    plain: Kafka, view: KafkaView, tmp_path: Path
) -> None:
    view.create("same", 2, retention_ms="1000")
    view.create("shrinks", 4)
    view.create("grows", 1, retention_ms="1000")
    folder = write(
        tmp_path,
        cluster(
            plain.bootstrap, topicDefaults={"adoptionPolicy": "Always", "config": {"max.message.bytes": "2000000"}}
        ),
        topic("new", partitions=3, config={"retention.ms": 86400000}),
        topic("grows", partitions=2, config={"retention.ms": 2000, "cleanup.policy": "compact"}),
        topic("shrinks", partitions=2),
        topic("same", partitions=2, config={"retention.ms": "1000", "max.message.bytes": 1048588}),
        name="deep/er/topics.yaml",
    )
    before = of_kafka(view)
    found = planned("-f", folder)
    assert found[""]["exit"] == 1
    assert (
        found[""]["summary"] | {"create": 1, "change": 1, "refused": 1, "adopt": 1, "none": 1} == found[""]["summary"]
    )
    assert found["new"]["steps"][0]["fields"] == [
        {"field": "partitions", "old": None, "new": "3"},
        {"field": "replicationFactor", "old": None, "new": "1"},
        {
            "field": "max.message.bytes",
            "old": None,
            "new": "2000000",
            "newSetBy": "the KafkaCluster's topicDefaults",
        },
        {"field": "retention.ms", "old": None, "new": "86400000"},
    ]
    assert [step["verb"] for step in found["grows"]["steps"]] == ["adopt", "set", "add partitions"]
    told = {f["field"]: (f["old"], f["new"], f["oldSetBy"]) for f in found["grows"]["steps"][1]["fields"]}
    assert told == {
        "cleanup.policy": ("delete", "compact", "Kafka's default"),
        "max.message.bytes": ("1048588", "2000000", "Kafka's default"),
        "retention.ms": ("1000", "2000", "set on the topic"),
    }
    assert found["shrinks"]["reason"] == "PartitionShrinkRefused"
    assert found["grows"]["file"].startswith(str(folder / "deep/er/topics.yaml:"))
    assert of_kafka(view) == before, "a plan changes nothing"

    text = run("-f", folder).stdout
    assert "+ KafkaTopic shop/new: create topic new" in text
    assert "retention.ms: 1000 (set on the topic) -> 2000" in text
    assert "! KafkaTopic shop/shrinks: refused, PartitionShrinkRefused" in text
    assert "Plan: 1 to create, 1 to change, 1 refused, 1 to adopt, 1 as declared." in text
    assert "\x1b[" not in text
    markdown = run("-f", folder, "-o", "markdown").stdout
    assert markdown.startswith("## kafkade plan\n\nPlan: 1 to create")
    assert "| **create** | KafkaTopic shop/new | topic new<br>" in markdown
    assert yaml.safe_load(run("-f", folder, "-o", "yaml").stdout)["summary"] == found[""]["summary"]


def test_exit_codes_say_changes_no_change_and_error(plain: Kafka, view: KafkaView, tmp_path: Path) -> None:
    folder = write(tmp_path, cluster(plain.bootstrap), topic("t", partitions=1))
    assert run("-f", folder).exit_code == 2
    view.create("t", 1)
    done = run("-f", folder)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "Plan: 1 to adopt, 1 as declared.")
    write(tmp_path, cluster(plain.bootstrap), topic("t", partitions=2))
    assert run("-f", folder).exit_code == 1, "an existing topic that differs is not kafkade's"
    assert run("-f", folder, "--assume-owned").exit_code == 2, "unless it is said to be"


def test_options_and_the_environment_stand_for_the_kafka_of_the_manifests(
    plain: Kafka, view: KafkaView, tmp_path: Path
) -> None:
    away = write(tmp_path / "away", cluster("kafka.kafka.svc:9092", tls={}), topic("t"))
    none = write(tmp_path / "none", topic("t"))
    for folder in (away, none):
        assert planned("-f", folder, "-b", plain.bootstrap)["t"]["action"] == "create"
        assert planned("-f", folder, KAFKADE_BOOTSTRAP_SERVERS=plain.bootstrap)["t"]["action"] == "create"
    assert "KafkaCluster shop/main does not exist" in run("-f", none).stdout
    refused = run("-f", none, "--registry", "http://localhost:1")
    assert (refused.exit_code, "--registry needs --bootstrap-server" in refused.stderr) == (1, True)
    streamed = run("-f", "-", "-b", plain.bootstrap, stdin=yaml.safe_dump_all([topic("a"), None, topic("b")]))
    assert "Plan: 2 to create, 1 as declared." in streamed.stdout


def test_secrets_come_from_the_manifests_and_from_a_properties_file(kafka: Kafka, tmp_path: Path) -> None:
    sasl = {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "kafka-user"}}
    secured = cluster(kafka.sasl_plaintext_bootstrap, sasl=sasl)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kafka-user", "namespace": "shop"}}
    user, password = (base64.b64encode(part.encode()).decode() for part in USER)
    right = write(tmp_path / "right", secured, {**secret, "data": {"username": user, "password": password}})
    assert run("-f", right).exit_code == 0, run("-f", right).output
    wrong = write(
        tmp_path / "wrong", secured, {**secret, "stringData": {"username": USER[0], "password": "wr0ng"}}, topic("t")
    )
    done = run("-f", wrong)
    assert done.exit_code == 1
    assert "AuthenticationFailed" in done.stdout
    assert "hint: SASL settings" in done.stdout
    assert "1 waiting" in done.stdout
    assert "wr0ng" not in done.output
    missing = run("-f", write(tmp_path / "missing", secured))
    assert "SecretNotFound" in missing.stdout
    file = tmp_path / "client.properties"
    file.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
        f"sasl.username={USER[0]}\nsasl.password={USER[1]}\n"
    )
    options = ("-b", kafka.sasl_plaintext_bootstrap, "--command-config", file)
    assert run("-f", tmp_path / "missing", *options).exit_code == 0


def test_a_broker_that_is_away_is_said_once(tmp_path: Path) -> None:
    folder = write(tmp_path, cluster("127.0.0.1:1"), *(topic(f"t{n}") for n in range(5)))
    done = run("-f", folder)
    assert done.exit_code == 1
    assert done.stdout.count("ClusterUnreachable") == 2, "of the cluster, and of all that waits for it"
    assert "5 waiting" in done.stdout
    assert "hint: --bootstrap-server" in done.stdout


def test_requests_do_not_grow_with_the_number_of_topics(plain: Kafka, view: KafkaView, tmp_path: Path) -> None:
    described = ("DescribeConfigs", "DescribeTopicPartitions", "DescribeCluster")

    def requests(count: int) -> dict[str, int]:
        names = [f"many-{n}" for n in range(count)]
        for name in names:
            if not view.exists(name):
                view.create(name, 1, retention_ms="1000")
        declared = (topic(name, config={"retention.ms": "1000"}) for name in names)
        folder = write(tmp_path / str(count), cluster(plain.bootstrap), *declared)
        before = counted(plain, *described)
        assert f"{count} to adopt" in run("-f", folder).stdout
        after = counted(plain, *described)
        return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}

    few, many = requests(2), requests(60)
    assert few["DescribeConfigs"] >= 1
    assert {k: few.get(k, 0) for k in described} == {k: many.get(k, 0) for k in described}
    assert sum(many.values()) <= sum(few.values()) + 10, (few, many)
