"""``kafkade diagnose`` against a real Kafka, with groups, topics and producers that have what it looks for."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer, ShareConsumer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from typer.testing import CliRunner, Result

from kafkade.cli.diagnose import app
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import USER
from support.acls import allowed
from support.cli import secure
from support.coordinators import once_there
from support.group_tool import describe
from support.groups import commit, member
from support.kafka import KafkaView
from support.meanwhile import at_work
from support.transactions import transactions_ended
from support.waiting import until


@pytest.fixture
def view(kafka: Kafka) -> KafkaView:
    return KafkaView(kafka.bootstrap)


@pytest.fixture
def name() -> str:
    """A name of this test's own, for a topic and a group."""
    return f"d-{uuid.uuid4().hex[:10]}"


def run(*arguments: str, **environment: str) -> Result:
    """The command, as a person calls it."""
    return CliRunner().invoke(app, list(arguments), env={"NO_COLOR": "1", "COLUMNS": "200", **environment})


def found(result: Result) -> dict[str, dict[str, Any]]:
    """Findings by check, of ``-o json``."""
    assert result.exit_code in (0, 2), result.output
    return {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}


def produce(kafka: Kafka, topic: str, count: int, *, age: float = 0.0, partitions: int = 1, **settings: Any) -> None:
    """Records that are ``age`` seconds old, spread over the partitions."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, **settings})
    timestamp = int((time.time() - age) * 1000)
    for number in range(count):
        producer.produce(topic, b"x" * 100, key=str(number), partition=number % partitions, timestamp=timestamp)
    assert producer.flush(20) == 0


@contextmanager
def consuming(
    kafka: Kafka, group: str, topic: str, *, protocol: str = "classic", leave: int | None = None
) -> Iterator[None]:
    """A consumer that reads and commits in a thread, and has begun to; it commits nothing for the partition ``leave``."""
    begun = threading.Event()
    with member(kafka.bootstrap, group, topic, protocol) as consumer:

        def work(stop: threading.Event) -> None:
            while not stop.is_set():
                read = [m for m in consumer.consume(100, 0.05) if m.error() is None and m.partition() != leave]
                # of several records of a partition the last one
                done = {m.partition(): TopicPartition(topic, m.partition(), m.offset() + 1) for m in read}
                if done:
                    once_there(lambda done=done: consumer.commit(offsets=list(done.values()), asynchronous=False))
                    begun.set()

        with at_work(work):
            assert begun.wait(20)
            yield


@contextmanager
def producing(kafka: Kafka, topic: str, partitions: int = 2) -> Iterator[None]:
    """A producer of some hundred records a second."""

    def work(stop: threading.Event) -> None:
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        number = 0
        while not stop.wait(0.02):
            producer.produce(topic, b"x" * 100, partition=number % partitions)
            producer.poll(0)
            number += 1
        producer.flush(20)

    with at_work(work):
        yield


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_that_is_well(kafka: Kafka, view: KafkaView, name: str, protocol: str) -> None:
    view.create(name, 2)
    with producing(kafka, name), consuming(kafka, name, name, protocol=protocol):
        result = run("consumer", name, "-b", kafka.bootstrap, "--sample", "2", "-o", "json")
    checks = found(result)
    assert result.exit_code == 0
    assert checks["kind"]["figures"] == {"kind": protocol, "state": "Stable", "members": 1}
    assert (
        checks["assignment"]["severity"] == checks["lag"]["severity"] == checks["processing-rate"]["severity"] == "ok"
    )
    figures = checks["processing-rate"]["figures"]
    # two seconds of a busy machine: the group may have been behind, and have caught up
    assert 5 < figures["arrivedPerSecond"] < 200
    assert 5 < figures["processedPerSecond"] < 500
    assert checks["error-rate"]["severity"] == "unknown"  # there is no dead-letter topic
    if protocol == "consumer":
        assert "consumer.session.timeout.ms=45000" in checks["kind"]["evidence"][1]


def test_a_partition_that_stands_still(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 2)
    produce(kafka, name, 10, age=120, partitions=2)
    commit(kafka.bootstrap, name, {(name, 1): 2})
    with producing(kafka, name), consuming(kafka, name, name, leave=1):
        result = run("consumer", name, "-b", kafka.bootstrap, "--sample", "5.5", "-o", "json")
        tool = describe(kafka.bootstrap, name)
    checks = found(result)
    assert result.exit_code == 2
    assert checks["stuck-partitions"]["figures"] == {"partitions": 1, "moving": 1}
    assert f"{name}/1: committed 2" in checks["stuck-partitions"]["evidence"][0]
    assert "consumer orders-app (127.0.0.1)" in checks["stuck-partitions"]["evidence"][0]
    assert checks["lag"]["severity"] == "problem"
    assert 120 <= checks["lag"]["figures"]["seconds"] < 180
    assert tool[name, 1].committed == 2
    assert 0 < checks["lag"]["figures"]["records"] <= sum(row.lag or 0 for row in tool.values())


def test_a_transaction_that_is_not_ended(kafka: Kafka, view: KafkaView, name: str) -> None:
    """The consumer has read all that it may; what it waits for is behind a transaction."""
    view.create(name, 1)
    produce(kafka, name, 3, age=60)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": name})
    with consuming(kafka, name, name):
        until(lambda: describe(kafka.bootstrap, name)[name, 0].lag == 0, "all is read")
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(name, b"x", partition=0, timestamp=int((time.time() - 60) * 1000))
        assert producer.flush(20) == 0
        checks = found(run("consumer", name, "-b", kafka.bootstrap, "--sample", "5.1", "-o", "json"))
        producer.abort_transaction(20)
    assert checks["open-transaction"]["severity"] == "problem"
    assert f"{name}/0: committed 3, open from 3 on, 1 record waits" in checks["open-transaction"]["evidence"]
    assert "stuck-partitions" not in checks


def test_a_group_without_members_that_is_behind(kafka: Kafka, view: KafkaView, name: str) -> None:
    """Its lag is what Kafka's own tool says; half of what comes are dead letters."""
    view.create(name, 2)
    view.create(f"{name}.dlq", 1)
    produce(kafka, name, 40, age=100, partitions=2)
    produce(kafka, f"{name}.dlq", 20)
    commit(kafka.bootstrap, name, {(name, 0): 5, (name, 1): 20})
    result = run("consumer", name, "-b", kafka.bootstrap, "--sample", "0", "-o", "yaml")
    assert result.exit_code == 2
    checks = {finding["check"]: finding for finding in yaml.safe_load(result.stdout)["findings"]}
    assert checks["members"]["figures"] == {"members": 0, "lag": 15}
    assert checks["lag"]["figures"]["records"] == sum(row.lag or 0 for row in describe(kafka.bootstrap, name).values())
    assert checks["lag"]["figures"]["seconds"] == pytest.approx(100, abs=20)
    assert checks["error-rate"]["figures"] == {"deadLetters": 20, "records": 40, "share": 0.5}
    other = found(run("consumer", name, "-b", kafka.bootstrap, "--sample", "0", "--dlq", name, "-o", "json"))
    assert other["error-rate"]["subject"] == f"topic {name}"


def test_records_that_were_deleted_before_they_were_read(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 1, retention_ms="60000")
    produce(kafka, name, 10, age=50)
    commit(kafka.bootstrap, name, {(name, 0): 2})
    for future in view.admin.delete_records([TopicPartition(name, 0, 6)]).values():
        future.result(20)
    checks = found(run("consumer", name, "-b", kafka.bootstrap, "--sample", "0", "-o", "json"))
    assert checks["lost-records"]["figures"] == {"records": 4, "partitions": 1}
    assert checks["retention"]["figures"]["retentionSeconds"] == 60


@pytest.mark.parametrize("version", ["3.5.2", "3.9.1"])
def test_older_brokers(name: str, version: str) -> None:
    """Which know no other groups than classic ones."""
    with Kafka(version) as kafka:
        KafkaView(kafka.bootstrap).create(name, 2)
        produce(kafka, name, 50, age=100, partitions=2)
        commit(kafka.bootstrap, name, {(name, 0): 5, (name, 1): 25})
        group = found(run("consumer", name, "-b", kafka.bootstrap, "--sample", "0", "-o", "json"))
        assert group["kind"]["figures"]["kind"] == "classic"
        assert group["lag"]["figures"]["records"] == 20
        assert group["lag"]["figures"]["seconds"] == pytest.approx(100, abs=20)
        writes = found(run("producer", name, "-b", kafka.bootstrap, "--sample", "0", "-o", "json"))
        assert writes["batch-size"]["figures"]["records"] == 50
        assert found(run("topic", name, "-b", kafka.bootstrap, "-o", "json"))["consumers"]["severity"] == "problem"
        cluster = found(run("cluster", "-b", kafka.bootstrap, "-o", "json"))
        assert version.rpartition(".")[0] in cluster["versions"]["says"]
        assert cluster["disk"]["figures"]["total"] > 0


def test_a_share_group(name: str) -> None:
    """It is named as such, with its member; that it has no offsets is no problem."""
    one = {
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
    }
    with Kafka("4.4.0", config=one) as kafka:
        KafkaView(kafka.bootstrap).create(name, 1)
        consumer = ShareConsumer({"bootstrap.servers": kafka.bootstrap, "group.id": name})
        consumer.subscribe([name])

        def seen() -> bool:
            consumer.poll(0.2)
            return "1 member" in run("consumer", name, "-b", kafka.bootstrap, "--sample", "0").stdout

        until(seen, "the member is there")
        checks = found(run("consumer", name, "-b", kafka.bootstrap, "-o", "json"))
        consumer.close()
    assert checks["kind"]["figures"] == {"kind": "share", "state": "Stable", "members": 1}
    assert "a share group (KIP-932)" in checks["kind"]["says"]
    assert not {"members", "lag", "assignment"} & checks.keys()


def test_for_people(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 1)
    produce(kafka, name, 3, age=100)
    commit(kafka.bootstrap, name, {(name, 0): 0})
    result = run("consumer", name, "-b", kafka.bootstrap, "--sample", "0")
    assert result.exit_code == 2
    assert "✖ problem   members: nobody consumes: the group has no member, and 3 records wait" in result.stdout
    assert "remedy: start the application" in result.stdout
    assert f"group {name}: 2 problems" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_group_that_is_not_there(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 1)
    commit(kafka.bootstrap, f"{name}-app", {(name, 0): 0})
    result = run("consumer", f"{name}-ap", "-b", kafka.bootstrap, "-o", "json")
    assert result.exit_code == 2
    assert f"{name}-app" in found(result)["group"]["remedy"]


def test_what_may_not_be_read_is_said(kafka: Kafka, view: KafkaView, name: str, tmp_path: Path) -> None:
    """With the right to describe the topic and the group, and no other."""
    view.create(name, 1)
    produce(kafka, name, 3, age=100)
    commit(kafka.bootstrap, name, {(name, 0): 1})
    rights = secure(kafka, tmp_path, USER)
    nobody = run("consumer", name, "--sample", "0", **rights)
    assert "there is no such group" in nobody.stdout
    assert "this user may not describe it" in nobody.stdout
    who = (f"User:{USER[0]}", "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)
    acls = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, *who) for kind in (ResourceType.TOPIC, ResourceType.GROUP)
    ]
    allowed(view.admin, *acls)
    checks = found(run("consumer", name, "--sample", "0", "-o", "json", **rights))
    assert checks["members"]["figures"]["lag"] == 2
    assert checks["lag"]["figures"]["seconds"] is None
    assert "for how long is not known" in checks["lag"]["says"]
    blind = found(run("producer", name, "--sample", "0", "-o", "json", **rights))
    assert blind["unread"]["severity"] == "unknown"
    assert "batch-size" not in blind
    few = found(run("topic", name, "-o", "json", **rights))
    assert "grant it Describe on the cluster" in few["unread"]["cause"] or "DescribeConfigs" in few["unread"]["cause"]


def test_a_producer_that_is_well(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 2)
    produce(
        kafka, name, 400, partitions=2, **{"linger.ms": 100, "compression.type": "zstd", "enable.idempotence": True}
    )
    with producing(kafka, name):
        result = run(
            "producer", name, "-b", kafka.bootstrap, "--sample", "2", "--max-latency-seconds", "30", "-o", "json"
        )
    checks = found(result)
    assert result.exit_code == 0, result.output
    assert checks["batch-size"]["figures"]["records"] >= 400
    assert checks["compression"]["figures"]["batches.zstd"] >= 2
    assert checks["compression"]["figures"]["ratio"] > 2
    assert checks["latency"]["figures"]["seen"] > 10
    assert 0 <= checks["latency"]["figures"]["p50"] < 1
    assert checks["key-skew"]["severity"] == "ok"
    assert checks["failure-rate"]["severity"] == "unknown"


def test_a_producer_that_sends_one_by_one_and_aborts(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 2)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": name, "linger.ms": 0})
    producer.init_transactions(20)
    for number in range(24):
        producer.begin_transaction()
        producer.produce(name, os.urandom(2000).hex(), key="always-me", partition=0)
        assert producer.flush(20) == 0  # what was not sent yet when a transaction is aborted never is
        producer.commit_transaction(20) if number % 2 else producer.abort_transaction(20)
    transactions_ended(kafka.bootstrap, name, partitions=2)
    result = run("producer", name, "-b", kafka.bootstrap, "--sample", "0", "-o", "json")
    checks = found(result)
    assert checks["batch-size"]["severity"] == "warning"
    assert checks["batch-size"]["figures"]["recordsPerBatch"] == 1
    assert checks["compression"]["says"] == "100% of the batches are not compressed"
    assert checks["compression"]["figures"]["ratio"] == pytest.approx(1.0, abs=0.01)
    assert checks["failure-rate"]["figures"] == {"transactions": 24, "aborted": 12}
    assert checks["idempotence"]["figures"] == {"notIdempotent": 0, "transactional": 24, "producers": 1}
    assert checks["key-skew"]["severity"] == "warning"
    assert checks["latency"]["severity"] == "unknown"


def test_a_producers_own_metrics(kafka: Kafka, view: KafkaView, name: str, tmp_path: Path) -> None:
    """Statistics of librdkafka, as it hands them out."""
    view.create(name, 1)
    said: list[str] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "statistics.interval.ms": 200, "stats_cb": said.append})
    deadline = time.monotonic() + 60
    while not any(json.loads(text)["topics"].get(name, {}).get("batchcnt", {}).get("avg") for text in said):
        assert time.monotonic() < deadline
        producer.produce(name, b"x" * 500)
        producer.poll(0.02)
    producer.flush(20)
    file = tmp_path / "statistics.json"
    file.write_text("\n".join(said))
    checks = found(
        run("producer", name, "-b", kafka.bootstrap, "--sample", "0", "--client-metrics", str(file), "-o", "json")
    )
    assert checks["failure-rate"]["figures"]["failed"] == 0
    assert checks["failure-rate"]["severity"] == "ok"
    assert 0 < checks["latency"]["figures"]["request"] < 1
    refused = run("producer", name, "-b", kafka.bootstrap, "--client-metrics", str(tmp_path / "not-there"))
    assert refused.exit_code == 1
    assert "not-there cannot be read: No such file" in refused.stderr


def test_a_topic(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(name, 2, retention_ms="3600000", min_insync_replicas="2")
    produce(kafka, name, 40, age=100, partitions=2)
    commit(kafka.bootstrap, f"{name}-app", {(name, 0): 5, (name, 1): 20})
    checks = found(run("topic", name, "-b", kafka.bootstrap, "-o", "json"))
    assert checks["replicas"]["severity"] == checks["retention"]["severity"] == "ok"
    assert checks["replication-factor"]["figures"] == {"factor": 1, "brokers": 1}
    assert checks["min-isr"]["severity"] == "problem"
    assert "is above the replication factor" in checks["min-isr"]["cause"]
    assert checks["settings"]["figures"] == {"retention.ms": "3600000", "min.insync.replicas": "2"}
    assert checks["partition-skew"]["figures"]["bytes"] > 4000
    assert checks["consumers"]["severity"] == "problem"
    assert checks["consumers"]["figures"]["records"] == 15
    assert checks["consumers"]["figures"]["seconds"] == pytest.approx(100, abs=20)
    assert describe(kafka.bootstrap, f"{name}-app")[name, 0].lag == 15


def test_a_topic_that_is_not_there(kafka: Kafka, view: KafkaView, name: str) -> None:
    view.create(f"{name}-events", 1)
    result = run("topic", f"{name}-event", "-b", kafka.bootstrap)
    assert result.exit_code == 1
    assert f"topic {name}-event does not exist, or may not be described; there is {name}-events" in result.stderr


def test_a_cluster(kafka: Kafka) -> None:
    result = run("cluster", "-b", kafka.bootstrap, "-o", "json")
    checks = found(result)
    assert checks["brokers"]["figures"] == {"brokers": 1, "away": 0}
    assert checks["controllers"]["figures"] == {"voters": 1, "late": 0, "active": 1}
    assert checks["controllers"]["severity"] == "warning"
    assert checks["disk"]["figures"]["total"] > checks["disk"]["figures"]["usable"] > 0
    assert any("metadata.version" in line for line in checks["versions"]["evidence"])


def test_a_cluster_whose_broker_goes(name: str) -> None:
    """Three brokers, and then two: partitions lose a replica, and some are at the least that they need."""
    with Kafka(brokers=3) as kafka:
        view = KafkaView(kafka.bootstrap)
        view.create(name, 3, 3, min_insync_replicas="2")
        well = run("cluster", "-b", kafka.bootstrap, "-o", "json")
        assert found(well)["brokers"]["severity"] == "ok"
        assert found(well)["partitions"]["severity"] == "ok"
        problems = {check for check, finding in found(well).items() if finding["severity"] == "problem"}
        assert problems <= {"disk"}, "this machine's disk may be full; there is nothing else"
        assert well.exit_code == (2 if problems else 0), well.output
        kafka.stop_broker(3)
        bootstrap = ",".join(kafka.bootstrap.split(",")[:2])

        def known() -> list[tuple[list[int], list[set[int]]]]:
            """What each of the two that are left knows: the brokers, and the replicas that are in sync."""
            found = [view.answers(1, 2)[broker] for broker in (1, 2)]
            return [(sorted(f.brokers), [set(p.isrs) for p in f.topics[name].partitions.values()]) for f in found]

        until(lambda: known() == [([1, 2], [{1, 2}] * 3)] * 2, lambda: f"both know that it is lost: {known()}")
        assert "3 of 3 partitions have" in run("topic", name, "-b", bootstrap).stdout
        result = run("cluster", "-b", bootstrap, "-o", "json")
        checks = found(result)
        assert result.exit_code == 2
        assert checks["brokers"]["says"] == "1 broker that has replicas is not up: 3"
        assert checks["at-min-isr"]["figures"]["partitions"] == 3
        assert checks["under-replicated"]["severity"] == "warning"
        checks = found(run("topic", name, "-b", bootstrap, "-o", "json"))
        assert "brokers that are not up: 3" in checks["under-replicated"]["evidence"]


def test_a_broker_that_is_away() -> None:
    result = run("cluster", "-b", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "error: no broker at 127.0.0.1:1 can be reached" in result.stderr
    assert "hint: --bootstrap-server" in result.stderr


@pytest.mark.parametrize(
    "what", [("consumer", "any"), ("producer", "any"), ("topic", "any"), ("cluster",)], ids=lambda what: what[0]
)
def test_a_wrong_password(kafka: Kafka, tmp_path: Path, what: tuple[str, ...]) -> None:
    result = run(*what, **secure(kafka, tmp_path, (USER[0], "not-the-password")))
    assert result.exit_code == 1
    assert "refused the login of User:alice" in result.stderr
    assert "not-the-password" not in result.output
    assert "hint: SASL settings" in result.stderr
