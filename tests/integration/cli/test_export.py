"""``kafkade export`` against real parts: what it writes plans as "no change", whatever there was to export."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import NewTopic
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN, USER
from support.cli import secure
from support.kafka import KafkaView
from support.snapshot import Snapshot, of_kafka
from support.waiting import until

TOPICS = 500


@pytest.fixture(scope="module")
def view(plain: Kafka) -> Iterator[KafkaView]:
    """500 topics of all kinds, for the time of this module."""
    found = KafkaView(plain.bootstrap)
    for future in found.admin.create_topics(list(many(TOPICS)), request_timeout=60).values():
        future.result(60)
    until(lambda: len(found.topics()) == TOPICS, f"{TOPICS} topics", timeout=60)
    yield found
    found.delete(*found.topics())


def many(count: int) -> Iterator[NewTopic]:
    """Topics as there are in a company: names of every style, partitions and settings as chance has it, always the same."""
    chance = random.Random(7)
    styles = ("{}", "shop.{}", "Shop_{}", "{}_Events", "_{}", "{}.v1", "UPPER-{}", "{}..x")
    settings: dict[str, list[str]] = {
        "retention.ms": ["-1", "1000", "604800000", "9223372036854775807"],
        "cleanup.policy": ["delete", "compact", "compact,delete", "delete,compact"],
        "compression.type": ["producer", "zstd", "lz4"],
        "max.message.bytes": ["1048588", "2000000"],
        "min.cleanable.dirty.ratio": ["0.5", "0.10", "1"],
        "unclean.leader.election.enable": ["true", "false"],
        "message.timestamp.type": ["CreateTime", "LogAppendTime"],
        "segment.bytes": ["1073741824", "1048576"],
        "min.insync.replicas": ["1"],
    }
    for number in range(count):
        name = chance.choice(styles).format(f"topic-{number}")
        chosen = chance.sample(sorted(settings), chance.choice((0, 0, 1, 2, 5)))
        config = {key: chance.choice(settings[key]) for key in chosen}
        yield NewTopic(name, chance.choice((1, 1, 1, 2, 3)), 1, config=config)


def run(command: str, *args: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(app, [command, *map(str, args)], env={"NO_COLOR": "1", **environment})


def bodies(done: Result) -> dict[str, dict[str, Any]]:
    """The resources of a stream by name."""
    assert done.exit_code == 0, done.stderr
    return {body["metadata"]["name"]: body for body in yaml.safe_load_all(done.stdout)}


def test_five_hundred_topics_plan_as_no_change(plain: Kafka, view: KafkaView, tmp_path: Path) -> None:
    before = of_kafka(view)
    done = run("export", "-b", plain.bootstrap, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert f"{TOPICS + 1} files written" in done.stderr
    assert f"exported: 1 KafkaCluster, {TOPICS} KafkaTopics" in done.stderr
    planned = run("plan", "-f", tmp_path / "out", "-b", plain.bootstrap, "-o", "json")
    assert planned.exit_code == 0, planned.stdout[-2000:] + planned.stderr
    summary = json.loads(planned.stdout)["summary"]
    assert {action: count for action, count in summary.items() if count} == {"adopt": TOPICS, "none": 1}
    assert run("plan", "-f", tmp_path / "out").exit_code == 0, "the KafkaCluster that was written says where Kafka is"
    checked = run("validate", "-f", tmp_path / "out", "--strict")
    assert checked.exit_code == 0, checked.stdout
    assert of_kafka(view) == before

    again = run("export", "-b", plain.bootstrap, "--out", tmp_path / "out")
    assert f"0 files written to {tmp_path / 'out'}, {TOPICS + 1} were so already" in again.stderr


def test_applied_it_adopts_every_topic_and_changes_none(plain: Kafka, view: KafkaView, tmp_path: Path) -> None:
    before = of_kafka(view)
    assert run("export", "-b", plain.bootstrap, "-t", "shop.*", "-d", tmp_path / "out").exit_code == 0
    done = run("apply", "-f", tmp_path / "out", "--state", tmp_path / "state", "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert of_kafka(view) == before
    after = run("plan", "-f", tmp_path / "out", "--state", tmp_path / "state", "-o", "json")
    assert after.exit_code == 0
    assert json.loads(after.stdout)["summary"]["adopt"] == 0, "they are kafkade's own now"


def test_only_what_was_asked_for(plain: Kafka, view: KafkaView) -> None:
    every = {t for t in view.topics() if t.startswith("shop.")}
    found = bodies(run("export", "-b", plain.bootstrap, "-t", "shop.*", "--no-cluster", "-n", "shop"))
    assert {body["spec"].get("topicName", name) for name, body in found.items()} == every
    assert {body["metadata"]["namespace"] for body in found.values()} == {"shop"}
    assert all(body["spec"]["adoptionPolicy"] == "IfIdentical" for body in found.values())
    fewer = bodies(run("export", "-b", plain.bootstrap, "-t", r"/shop\.topic-\d+/", "--exclude", "*[0-8]"))
    assert {body["spec"].get("topicName", name) for name, body in fewer.items() if name != "main"} == {
        t for t in every if t.endswith("9")
    }
    nothing = run("export", "-b", plain.bootstrap, "-t", "shup.*")
    assert nothing.exit_code == 1
    assert "--topics shup.*: no topic fits" in nothing.stderr


def without_offsets(view: KafkaView) -> Snapshot:
    """What a Kafka has, but for the topic that it makes itself when somebody asks for a group's offsets."""
    return {what: found for what, found in of_kafka(view).items() if what != "topic __consumer_offsets"}


def test_dead_letter_topics_become_policies_that_change_none(plain: Kafka, view: KafkaView, tmp_path: Path) -> None:
    made = {
        "d-orders": (3, {}),
        "d-orders.dlq": (3, {}),
        "d-carts": (1, {"max_message_bytes": "3000000"}),
        "d-carts.dlq": (1, {}),
        "d-clicks": (2, {"retention_ms": "1000"}),
        "d-clicks-dlq": (1, {"retention_ms": "-1", "cleanup_policy": "compact", "segment_bytes": "1048576"}),
        "d-Pays": (2, {}),
        "d-Pays.retry.1": (2, {"retention_ms": "86400000"}),
        "d-Pays.retry.2": (2, {"retention_ms": "3600000"}),
        "d-Pays.dlq": (2, {"retention_ms": "86400000"}),
        "d-alone.dlq": (1, {}),
    }
    for name, (partitions, config) in made.items():
        view.create(name, partitions, **config)
    try:
        before = without_offsets(view)
        done = run("export", "-b", plain.bootstrap, "-t", "d-*", "-n", "shop", "-d", tmp_path / "out")
        assert done.exit_code == 0, done.stderr
        assert (
            "4 topics are taken for dead-letter and retry topics by their names, and kept by 4 KafkaDLQPolicies"
            in done.stderr
        )
        topics = {p.stem for p in (tmp_path / "out/topics").iterdir()}
        sources = {"d-orders", "d-carts", "d-clicks", "d-pays"}
        assert topics == sources | {"d-pays.retry.1", "d-pays.retry.2", "d-alone.dlq"}, "what fits no policy"
        planned = run("plan", "-f", tmp_path / "out", "-o", "json")
        assert planned.exit_code == 0, planned.stdout
        checked = run("validate", "-f", tmp_path / "out", "--strict")
        assert checked.exit_code == 0, checked.stdout
        applied = run("apply", "-f", tmp_path / "out", "--state", tmp_path / "state", "--yes")
        assert applied.exit_code == 0, applied.stdout + applied.stderr
        assert without_offsets(view) == before
        assert run("plan", "-f", tmp_path / "out", "--state", tmp_path / "state").exit_code == 0

        without = run("export", "-b", plain.bootstrap, "-t", "d-*", "--no-dead-letters")
        assert "1 KafkaCluster, 11 KafkaTopics" in without.stderr
        other = bodies(run("export", "-b", plain.bootstrap, "-t", "d-*", "--dlq-suffix", "-dlq"))
        assert other["dead-letters"]["spec"]["topics"] == ["d-clicks"]
    finally:
        view.delete(*made)


def test_files_that_say_something_else_are_not_overwritten(plain: Kafka, view: KafkaView, tmp_path: Path) -> None:
    options = ("export", "-b", plain.bootstrap, "-t", "shop.topic-*", "-d", tmp_path)
    assert run(*options).exit_code == 0
    (file, *others) = sorted((tmp_path / "topics").glob("*.yaml"))
    whole = file.read_text()
    file.write_text("mine: true\n")
    others[0].unlink()
    refused = run(*options)
    assert refused.exit_code == 1
    assert f"nothing was written: {file} would be overwritten" in refused.stderr
    assert not others[0].exists(), "not even what is missing"
    assert run(*options, "--force").exit_code == 0
    assert file.read_text() == whole
    assert others[0].exists()


def test_a_secured_cluster_is_exported_without_its_secrets(kafka: Kafka, tmp_path: Path) -> None:
    view = KafkaView(kafka.bootstrap)
    name = "exported-Over_TLS"
    view.create(name, 2, retention_ms="86400000")
    try:
        environment = secure(kafka, tmp_path, ADMIN)
        done = run("export", "-t", "exported-*", "-d", tmp_path / "out", **environment)
        assert done.exit_code == 0, done.stderr
        text = "".join(p.read_text() for p in (tmp_path / "out").rglob("*.yaml"))
        assert ADMIN[1] not in text + done.stderr
        assert "BEGIN CERTIFICATE" not in text
        spec = yaml.safe_load((tmp_path / "out/clusters/main.yaml").read_text())["spec"]
        assert spec["sasl"] == {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "main-credentials"}}
        assert spec["tls"] == {"caSecretRef": {"name": "main-ca"}}
        assert "kubectl -n default create secret generic main-ca --from-file=ca.crt=ca.pem" in text
        planned = run("plan", "-f", tmp_path / "out", **environment)
        assert planned.exit_code == 0, planned.stdout + planned.stderr

        narrow = run("export", "-t", "exported-*", **secure(kafka, tmp_path, USER))
        assert narrow.exit_code == 1, "a user without rights gets no half export that looks whole"
        assert USER[0] not in narrow.stdout
        assert USER[1] not in narrow.stdout + narrow.stderr
    finally:
        view.delete(name)


def test_what_is_wrong_with_the_connection_is_said(kafka: Kafka, tmp_path: Path) -> None:
    away = run("export", "-b", "127.0.0.1:1")
    assert away.exit_code == 1
    assert away.stdout == ""
    assert "--bootstrap-server HOST:PORT names the brokers" in away.stderr

    wrong = run("export", **secure(kafka, tmp_path, (ADMIN[0], "not-the-password")))
    assert wrong.exit_code == 1
    assert "user name, password and sasl.mechanism" in wrong.stderr
    assert "not-the-password" not in wrong.stderr

    broken = tmp_path / "broken.properties"
    broken.write_text("security.protocol=SASL_SSL\nsasl.mechanizm=PLAIN\n")
    typo = run("export", "-b", "127.0.0.1:1", "--command-config", broken)
    assert typo.exit_code == 1
    assert f"{broken}, line 2: sasl.mechanizm is not a setting" in typo.stderr
