"""``kafkade apply`` on a real Kafka and registry: what it makes, what it asks, and that it can be stopped anywhere."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import ConfigResource, ConfigSource, ResourceType
from typer.testing import CliRunner, Result

from integration.cli.conftest import without_topics
from kafkade.cli.main import app
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.registry import Registry
from support.kafka import KafkaView
from support.kubernetes import manifest
from support.snapshot import differences, of_kafka, of_registry
from support.waiting import until


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    """A broker that writes dead letters of share groups."""
    with Kafka("4.4.0") as running:
        yield running


@pytest.fixture
def view(broker: Kafka) -> Iterator[KafkaView]:
    """That one's."""
    yield from without_topics(broker)


def cluster(broker: Kafka, registry: Registry | None = None, **spec: Any) -> dict[str, Any]:
    defaults = {"bootstrapServers": broker.bootstrap, "topicDefaults": {"partitions": 1, "replicationFactor": 1}}
    urls = {} if registry is None else {"schemaRegistry": {"urls": [registry.url]}}
    return manifest("KafkaCluster", "main", {**defaults, **urls, **spec})


def topic(name: str, **spec: Any) -> dict[str, Any]:
    return manifest("KafkaTopic", name, {"clusterRef": {"name": "main"}, **spec})


def write(folder: Path, *resources: Mapping[str, Any]) -> Path:
    (folder / "manifests").mkdir(exist_ok=True)
    file = folder / "manifests" / "new.tmp"
    file.write_text(yaml.safe_dump_all(resources))
    return file.rename(folder / "manifests" / "all.yaml")


def run(command: str, folder: Path, *args: str, answer: str | None = None) -> Result:
    files = ("-f", str(folder / "manifests"), "--state", str(folder / "state"))
    return CliRunner().invoke(app, [command, *files, *args], input=answer, env={"NO_COLOR": "1"})


def apply(folder: Path, *args: str) -> Result:
    done = run("apply", folder, *args)
    assert done.exit_code == 0, done.output
    return done


def same(folder: Path) -> None:
    """There is nothing more to do."""
    done = run("plan", folder)
    assert (done.exit_code, "No changes" in done.stdout) == (0, True), done.output


def test_resources_of_all_kinds_are_made_changed_and_kept(
    broker: Kafka, registry: Registry, view: KafkaView, tmp_path: Path
) -> None:
    order = {"type": "record", "name": "Order", "fields": [{"name": "to", "type": "Address"}]}
    address = {"type": "record", "name": "Address", "fields": [{"name": "street", "type": "string"}]}
    ref = {"clusterRef": {"name": "main"}}
    rest = [
        manifest("KafkaSchema", "a-order", {
            **ref, "topicRef": {"name": "orders"}, "schema": json.dumps(order),
            "references": [{"name": "Address", "schemaRef": {"name": "z-address"}}],
        }),
        manifest("KafkaSchema", "z-address", {**ref, "subject": "applied-address", "schema": json.dumps(address)}),
        manifest("KafkaDLQPolicy", "letters", {**ref, "topics": ["orders"]}),
        manifest("KafkaDLQRedrive", "again", {**ref, "source": {"topic": "orders.dlq"}}),
    ]  # fmt: skip
    main = cluster(broker, registry)
    write(tmp_path, main, topic("orders", partitions=2, config={"max.message.bytes": 1000000}), *rest)
    planned = json.loads(run("plan", tmp_path, "-o", "json").stdout)
    told = {e["name"]: [s["change"] for s in e["steps"]] for e in planned["resources"] if "steps" in e}
    assert told["orders.dlq"] == [
        "topic orders.dlq: 2 partitions, replication factor 1, cleanup.policy=delete, max.message.bytes=1065536,"
        " retention.ms=1209600000"
    ]
    done = apply(tmp_path)
    assert "Plan: 4 to create" in done.stdout
    assert "left out: KafkaDLQRedrive shop/again" in done.stderr
    assert view.partitions("orders") == 2
    assert view.config("orders.dlq")["max.message.bytes"] == "1065536", "as planned"
    registered = of_registry(registry.url)
    assert registered["subject orders-value"]["versions"][0]["references"] == [
        {"name": "Address", "subject": "applied-address", "version": 1}
    ]
    same(tmp_path)

    before = of_kafka(view)
    apply(tmp_path)
    assert differences(before, of_kafka(view)) == [], "a second run changes nothing"

    view.set_config("orders", "retention.ms", "5")
    write(tmp_path, main, topic("orders", partitions=3), *rest)
    text = run("plan", tmp_path).stdout
    assert "max.message.bytes: 1000000 (set on the topic) -> default" in text, (
        "kafkade set it, so kafkade takes it back"
    )
    assert "partitions: 2 -> 3" in text
    apply(tmp_path)
    assert view.config("orders") == {"retention.ms": "5"}, "not kafkade's"
    assert (view.partitions("orders"), view.partitions("orders.dlq")) == (3, 3)
    same(tmp_path)


def test_what_is_no_more_declared_is_left_and_deleted_only_when_asked_twice(
    broker: Kafka, view: KafkaView, tmp_path: Path
) -> None:
    write(tmp_path, cluster(broker), topic("stays"), topic("goes"), topic("kept", deletionPolicy="Retain"))
    apply(tmp_path)
    view.create("foreign", 1)
    write(tmp_path, cluster(broker), topic("stays"))
    done = apply(tmp_path)
    assert "! KafkaTopic shop/goes: left" in done.stdout
    assert view.topics() == {"stays", "goes", "kept", "foreign"}
    refused = run("apply", tmp_path, "--prune")
    assert refused.exit_code == 1
    assert "- KafkaTopic shop/goes: delete topic goes (destructive)" in refused.stdout
    assert "hint: --yes" in refused.stderr
    assert view.exists("goes")
    apply(tmp_path, "--prune", "--yes")
    until(lambda: view.topics() == {"stays", "kept", "foreign"}, "only what was kafkade's to delete is gone")
    same(tmp_path)


def test_share_groups_are_planned_with_their_topics_set_and_taken_back(
    broker: Kafka, view: KafkaView, tmp_path: Path
) -> None:
    def settings() -> dict[str, str]:
        group = ConfigResource(ResourceType.GROUP, "workers")
        entries = view.admin.describe_configs([group])[group].result(20)
        return {k: e.value for k, e in entries.items() if e.source == ConfigSource.GROUP_CONFIG.value}

    def declared(**group: Any) -> None:
        groups = [{"group": "workers", **group}]
        spec = {"clusterRef": {"name": "main"}, "shareGroups": groups, "deadLetterTopics": {"deletionPolicy": "Delete"}}
        write(tmp_path, cluster(broker), manifest("KafkaDLQPolicy", "letters", spec))

    def policy_changes() -> dict[str, tuple[str | None, str | None]]:
        (entry,) = [
            e for e in json.loads(run("plan", tmp_path, "-o", "json").stdout)["resources"] if e["name"] == "letters"
        ]
        return {f["field"].partition(": ")[2]: (f["old"], f["new"]) for step in entry["steps"] for f in step["fields"]}

    topic_name, limit = "errors.deadletterqueue.topic.name", "share.delivery.count.limit"
    declared(maxAttempts=3)
    before = policy_changes()
    assert {key: new for key, (_, new) in before.items()} == {topic_name: "dlq.workers", limit: "3"}
    apply(tmp_path)
    # the controller has taken it, and the broker that is asked hears of it a moment later
    until(lambda: settings() == {topic_name: "dlq.workers", limit: "3"}, "the group is set")
    assert view.config("dlq.workers")["errors.deadletterqueue.group.enable"] == "true"
    same(tmp_path)

    declared()
    assert policy_changes() == {limit: ("3", None)}
    apply(tmp_path)
    until(lambda: settings() == {topic_name: "dlq.workers"}, "what is not declared any more is taken back")
    same(tmp_path)

    write(tmp_path, cluster(broker))
    told = run("plan", tmp_path, "--prune").stdout
    assert "- KafkaTopic shop/dlq.workers: delete topic dlq.workers (destructive)  made by KafkaDLQPolicy" in told
    assert f"share group workers: {topic_name}: dlq.workers -> default" in told
    apply(tmp_path, "--prune", "--yes")
    until(lambda: settings() == {} and not view.exists("dlq.workers"), "all is taken back")
    same(tmp_path)


def test_one_that_is_refused_does_not_hold_up_the_others(broker: Kafka, view: KafkaView, tmp_path: Path) -> None:
    view.create("theirs", 2)
    write(tmp_path, cluster(broker), topic("mine"), topic("theirs", partitions=4))
    done = run("apply", tmp_path)
    assert done.exit_code == 1
    assert "error: KafkaTopic shop/theirs: AdoptionRefused" in done.stderr
    assert view.exists("mine")
    assert view.partitions("theirs") == 2


def test_only_one_writes_and_a_state_file_is_known_for_one(broker: Kafka, tmp_path: Path) -> None:
    write(tmp_path, cluster(broker))
    with started("apply", tmp_path, "--watch") as first:
        until(lambda: (tmp_path / "state").exists() and "keeping" in first.said(), "it watches")
        done = run("apply", tmp_path)
        assert done.exit_code == 1
        assert f"in use by another kafkade (process {first.process.pid})" in done.stderr
        assert run("plan", tmp_path).exit_code == 0, "reading is free"
    (tmp_path / "state").write_text(
        "not a database, but a text that is long enough to be read as one, or so one may think"
    )
    done = run("apply", tmp_path)
    assert (done.exit_code, "cannot be used as state file" in done.stderr) == (1, True)


def test_a_broker_that_is_away_and_a_wrong_file_change_nothing(tmp_path: Path) -> None:
    away = manifest("KafkaCluster", "main", {"bootstrapServers": "127.0.0.1:1"})
    write(tmp_path, away, topic("t"))
    began = time.monotonic()
    done = run("apply", tmp_path)
    assert (done.exit_code, "nothing was done" in done.stderr) == (1, True)
    assert time.monotonic() - began < 20
    write(tmp_path, away, topic("t", partitons=1))
    assert "did you mean partitions?" in run("apply", tmp_path).stderr


class Started:
    """A command that runs on."""

    def __init__(self, args: list[str], log: Path) -> None:
        self.log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kafkade.cli.main", *args],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NO_COLOR": "1"},
            )

    def said(self) -> str:
        return self.log.read_text()

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(20) == 0, self.said()
        finally:
            self.process.kill()


def started(command: str, folder: Path, *args: str) -> Started:
    files = ["-f", str(folder / "manifests"), "--state", str(folder / "state")]
    return Started([command, *files, *args], folder / "out.log")


def test_killed_anywhere_it_is_finished_by_the_next_run(broker: Kafka, view: KafkaView, tmp_path: Path) -> None:
    names = [f"many-{n}" for n in range(60)]
    main = cluster(broker)
    lengths = random.Random(7)
    for turn in range(8):
        count, retention = 1 + turn % 3, str(1000 + turn)
        write(tmp_path, main, *(topic(n, config={"retention.ms": retention, "segment.ms": 900 + count}) for n in names))
        command = started("apply", tmp_path)
        # the start of Python and the plan take a second; after that the run itself is hit
        time.sleep(lengths.uniform(0.6, 2.4))
        command.process.kill()
        command.process.wait()
    apply(tmp_path)
    assert view.topics() == set(names)
    for name in names:
        until(lambda name=name: view.config(name)["retention.ms"] == "1007", f"{name} is as the last run had it", 10)
    write(tmp_path, main, *(topic(n) for n in names))
    apply(tmp_path)
    for name in names:
        until(
            lambda name=name: view.config(name) == {},
            f"what kafkade set on {name} is known after all these crashes",
            10,
        )
    write(tmp_path, main)
    for _ in range(3):
        command = started("apply", tmp_path, "--prune", "--yes")
        time.sleep(lengths.uniform(0.6, 1.6))
        command.process.kill()
        command.process.wait()
    apply(tmp_path, "--prune", "--yes")
    until(lambda: view.topics() == set(), "all are gone")
    same(tmp_path)


def test_watch_follows_files_and_repairs_drift(broker: Kafka, view: KafkaView, tmp_path: Path) -> None:
    main = cluster(broker, resyncInterval="1s")
    write(tmp_path, main, topic("one", config={"retention.ms": 1000}))
    with started("apply", tmp_path, "--watch", "--interval", "0.2", "--prune", "--yes") as command:
        until(lambda: view.exists("one"), "made")
        view.set_config("one", "retention.ms", "5")
        until(lambda: view.config("one") == {"retention.ms": "1000"}, "repaired")
        write(tmp_path, main, topic("one", partitions=2), topic("two"))
        until(lambda: view.exists("two") and view.partitions("one") == 2, "followed")
        write(tmp_path, main, topic("one", partitons=3))
        until(lambda: "did you mean partitions?" in command.said(), "told")
        assert view.exists("two"), "a wrong file changes nothing"
        write(tmp_path, main, topic("one", partitions=2))
        until(lambda: not view.exists("two"), "pruned")
    same(tmp_path)
