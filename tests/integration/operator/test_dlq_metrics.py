"""Metrics of dead letters as Prometheus gets them: over HTTP, from the running operator."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from integration.operator.conftest import World
from kafkade import __version__
from kafkade.dlq.redrive.ledger import Ledger, group_of
from support.groups import commit_places
from support.kubernetes import manifest
from support.letters import Seen, letter, write
from support.metrics import scrape
from support.waiting import until

Series = dict[str, float]


class Policy:
    """A KafkaDLQPolicy for one topic, and what is told of it."""

    def __init__(self, world: World, source: str, **spec: Any) -> None:
        self.world = world
        self.name = f"{source}-policy"
        self.origin, self.topic = source, f"{source}.dlq"
        self.namespace = world.kubectl.namespace
        self.apply(topics=[source], **spec)
        world.kubectl.wait_ready("KafkaDLQPolicy", self.name)

    def apply(self, **spec: Any) -> None:
        """Write its spec."""
        where = {"clusterRef": {"name": "main"}}
        self.world.kubectl.apply(manifest("KafkaDLQPolicy", self.name, {**where, **spec}, self.namespace))

    def told(self) -> Series:
        """Its series by their names without ``kafkade_dlq_``; each has just the labels that it should."""
        found: Series = {}
        for name, labels, value in scrape(self.world.metrics):
            if labels.get("policy") == self.name:
                found[name.removeprefix("kafkade_dlq_")] = value
                cluster = {"cluster_namespace": self.namespace, "cluster": "main"}
                expected = {"namespace": self.namespace, "policy": self.name, "topic": self.topic, **cluster}
                assert labels.items() <= expected.items(), labels
                assert ("topic" in labels) is not name.startswith("kafkade_dlq_policy_"), name
        return found

    def wait(self, test: Callable[[Series], bool], what: str, timeout: float = 60) -> Series:
        """Scrape until it is so."""
        found: Series = {}

        def so() -> bool:
            found.clear()
            found.update(self.told())
            return test(found)

        until(so, f"{what}; {self.name} has {found}", timeout)
        return found

    def write(self, *letters: Seen) -> None:
        """Write dead letters."""
        write(self.world.kafka.bootstrap, self.topic, letters)

    def put_back(self, metadata: str) -> None:
        """Write the ledger of what was put back: nothing, with this beside it."""
        place = TopicPartition(self.topic, 0, 0, metadata)
        commit_places(self.world.kafka.bootstrap, group_of(self.topic), place)


@pytest.fixture
def policy(world: World, topic: Callable[..., str]) -> Iterator[Callable[..., Policy]]:
    """Make a policy for a topic of its own; all policies go with the test."""

    def make(**spec: Any) -> Policy:
        source = topic(partitions=1)
        world.kubectl.wait_ready("KafkaTopic", source)
        return Policy(world, source, **spec)

    yield make
    world.kubectl.run("-n", world.kubectl.namespace, "delete", "kafkadlqpolicies", "--all", "--timeout=60s")


def test_depth_age_arrivals_growth_and_alert(world: World, policy: Callable[..., Policy]) -> None:
    letters = policy(alert={"depth": 6})
    empty = {"records": 0, "arrived_records_total": 0, "policy_alert": 0, "policy_counted": 1}
    letters.wait(lambda s: s == empty, "counted, nothing waits, growth is not known yet")

    since = int(time.time()) - 7200
    letters.write(*(letter(n, letters.origin)._replace(timestamp=since * 1000 + n) for n in range(3)))
    found = letters.wait(lambda s: s.get("records") == 3, "three wait")
    assert (found["arrived_records_total"], found["policy_alert"]) == (3, 0)
    assert found["oldest_record_timestamp_seconds"] == since
    assert found["oldest_record_age_seconds"] == pytest.approx(time.time() - since, abs=5)
    later = letters.told()["oldest_record_age_seconds"]
    assert later > found["oldest_record_age_seconds"], "the age grows with every scrape"

    letters.write(*(letter(n, letters.origin) for n in range(4)))
    # by the last of the four: a look may come when some of them are there
    found = letters.wait(lambda s: s.get("policy_alert") == 1, "the alert is on")
    assert (found["records"], found["arrived_records_total"]) == (7, 7)
    found = letters.wait(lambda s: s.get("growth_records_per_minute", 0) > 0, "growth is known")
    assert found["growth_records_per_minute"] <= 7 * 6, "seven in at least ten seconds"


def test_what_is_put_back_does_not_wait(world: World, policy: Callable[..., Policy]) -> None:
    letters = policy()
    letters.write(*(letter(n, letters.origin) for n in range(6)))
    found = letters.wait(lambda s: s.get("records") == 6, "six wait")
    assert "oldest_record_age_seconds" in found

    def redriven(name: str) -> Series:
        return {labels["outcome"]: value for _, labels, value in scrape(world.metrics) if labels.get("redrive") == name}

    for name, spec in (("only-count", {"dryRun": True}), ("put-back", {"filter": {"errorClass": "Error[01]"}})):
        spec |= {"clusterRef": {"name": "main"}, "source": {"policyRef": {"name": letters.name}}}
        world.kubectl.apply(manifest("KafkaDLQRedrive", name, spec, world.kubectl.namespace))
        world.kubectl.wait_ready("KafkaDLQRedrive", name, timeout=60)
    assert redriven("put-back") == {"moved": 4, "skipped": 2, "failed": 0, "quarantined": 0, "lost": 0}
    assert redriven("only-count") == {}, "a dry run puts nothing back"
    found = letters.wait(lambda s: s.get("records") == 2, "two are left")
    assert found["arrived_records_total"] == 6, "what came has come"
    world.kubectl.run("-n", world.kubectl.namespace, "delete", "kafkadlqredrives", "--all", "--timeout=60s")
    until(lambda: redriven("put-back") == {}, "its series go with it")


def test_what_cannot_be_counted_is_not_told_and_what_is_gone_is_forgotten(
    world: World, policy: Callable[..., Policy]
) -> None:
    letters = policy()
    nowhere = f"{letters.name}-away"
    cluster = {"bootstrapServers": "127.0.0.1:1", "resyncInterval": "2s"}
    spec = {"clusterRef": {"name": nowhere}, "topics": ["any"]}
    world.kubectl.apply(
        manifest("KafkaCluster", nowhere, cluster, world.kubectl.namespace),
        manifest("KafkaDLQPolicy", nowhere, spec, world.kubectl.namespace),
    )

    letters.write(letter(1, letters.origin))
    letters.wait(lambda s: s.get("records") == 1, "one waits")
    letters.put_back("what is this")
    letters.wait(lambda s: s == {"policy_counted": 0}, "what was put back cannot be read, so nothing is counted")
    letters.put_back(Ledger(0).metadata())
    letters.wait(lambda s: s.get("records") == 1, "counted again")
    letters.apply(topics=[letters.origin], paused=True)
    letters.wait(lambda s: s == {"policy_counted": 0}, "nobody counts")

    def away() -> Series:
        return {name: value for name, labels, value in scrape(world.metrics) if labels.get("policy") == nowhere}

    until(lambda: away() == {"kafkade_dlq_policy_counted": 0}, "its Kafka cannot be reached")
    for name in (letters.name, nowhere):
        world.kubectl.delete("KafkaDLQPolicy", name)
    letters.wait(lambda s: s == {}, "nothing of a policy that is gone")
    until(lambda: away() == {}, "nor of the other")
    world.kubectl.delete("KafkaCluster", nowhere)
    time.sleep(2.5)  # more than a resync
    assert letters.told() == {}, "and it does not come back"


def test_the_process_tells_of_itself(world: World) -> None:
    found = {name: (labels, value) for name, labels, value in scrape(world.metrics)}
    assert found["kafkade_build_info"] == ({"version": __version__}, 1)
    assert found["process_resident_memory_bytes"][1] > 10_000_000
    assert "python_gc_collections_total" in found


def refused(address: str, **environment: str) -> str:
    """What the operator says when it does not start, before it looks for a Kubernetes."""
    args = ("--metrics", address) if address else ()
    done = subprocess.run(
        [sys.executable, "-m", "kafkade.cli.main", "run", "--all-namespaces", *args],
        env={**os.environ, "KUBECONFIG": str(Path("no-such-file")), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr


def test_a_bad_address_is_refused() -> None:
    assert "error: --metrics 'http://0.0.0.0:9090' is not a host and a port" in refused("http://0.0.0.0:9090")
    assert "error: --metrics '9090' is not a host and a port" in refused("", KAFKADE_METRICS="9090")


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert f"error: metrics cannot be served at {address}: Address already in use" in refused(address)
