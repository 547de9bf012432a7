"""KafkaDLQRedrive, by behaviour: exact counts, each record once whatever happens to the operator, and every way to stop it."""

from __future__ import annotations

import itertools
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from integration.operator.conftest import World
from kafkade.devstack.parallel import gather
from kafkade.dlq.letter import OWN_TOPIC, REDRIVE_COUNT
from kafkade.dlq.redrive.pool import MOST, PATIENCE
from support.audit import writes
from support.kubernetes import Kubectl, condition, current, manifest
from support.letters import START, Seen, assert_each_once, letter, read, write
from support.waiting import until

NOTHING = {"read": 0, "moved": 0, "skipped": 0, "quarantined": 0, "failed": 0, "lost": 0}
FINISHED = ("Completed", "Cancelled", "Failed")


class Letters:
    """A topic with dead letters in a dead-letter topic, both made by hand."""

    def __init__(self, world: World, partitions: int = 3, **config: str) -> None:
        self.bootstrap = world.kafka.bootstrap
        self.view = world.view
        self.origin = f"letters-{uuid.uuid4().hex[:8]}"
        self.topic = f"{self.origin}.dlq"
        self.partitions = partitions
        self.view.create(self.origin, partitions, **config)
        self.view.create(self.topic, partitions)

    def write(self, numbers: range) -> list[Seen]:
        """Write these letters, and return them."""
        made = [letter(number, self.origin) for number in numbers]
        self.add(*made)
        return made

    def add(self, *letters: Seen) -> None:
        """Write letters that the test made itself."""
        write(self.bootstrap, self.topic, letters)

    def back(self, topic: str | None = None) -> list[Seen]:
        """What a reader of committed records finds where they came from, or in another topic."""
        return read(self.bootstrap, topic or self.origin)

    def committed(self, group: str) -> list[int]:
        """What a group has committed of the dead-letter topic: offsets, -1001 where it has none."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "log_level": 0})
        try:
            wanted = [TopicPartition(self.topic, number) for number in range(self.partitions)]
            return [found.offset for found in consumer.committed(wanted, 20)]
        finally:
            consumer.close()


@pytest.fixture
def redrives(world: World) -> Iterator[Redrives]:
    """KafkaDLQRedrives of a test; they go with it."""
    made = Redrives(world.kubectl)
    yield made
    world.kubectl.run("-n", world.kubectl.namespace, "delete", "kafkadlqredrives", "--all", "--timeout=60s")


class Redrives:
    """Applies KafkaDLQRedrives and waits for what becomes of them."""

    def __init__(self, kubectl: Kubectl, cluster: str = "main", namespace: str | None = None) -> None:
        self.kubectl = kubectl
        self.ref = {"clusterRef": {"name": cluster, **({"namespace": namespace} if namespace else {})}}

    def apply(
        self, source: Letters | str | None = None, name: str | None = None, policy: str | None = None, **spec: Any
    ) -> str:
        """Make one, or change the one of that name."""
        name = name or f"r-{uuid.uuid4().hex[:8]}"
        if policy is not None:
            spec["source"] = {"policyRef": {"name": policy}}
        else:
            spec["source"] = {"topic": source.topic if isinstance(source, Letters) else source}
        self.kubectl.apply(manifest("KafkaDLQRedrive", name, {**self.ref, **spec}, self.kubectl.namespace))
        return name

    def get(self, name: str) -> dict[str, Any]:
        """As it is now."""
        found = self.kubectl.get("KafkaDLQRedrive", name)
        assert found is not None
        return found

    def wait(self, name: str, test: Callable[[dict[str, Any]], bool], what: str, timeout: float = 60) -> dict[str, Any]:
        """Poll until it is so."""
        return self.kubectl.wait_for("KafkaDLQRedrive", name, test, what, timeout=timeout)

    def phase(self, name: str, phase: str, timeout: float = 60) -> dict[str, Any]:
        """Wait for a phase; its status."""
        return self.wait(name, lambda o: o["status"].get("phase") == phase and current(o), phase, timeout)["status"]

    def reason(self, name: str, reason: str) -> dict[str, Any]:
        """Wait for a reason of Ready; its condition."""
        return condition(self.kubectl.wait_reason("KafkaDLQRedrive", name, reason))

    def moved(self, name: str, more_than: int = 0) -> int:
        """Wait until more than so many were put back; how many."""

        def many(obj: dict[str, Any]) -> bool:
            return bool(obj["status"].get("counts", NOTHING)["moved"] > more_than)

        return int(self.wait(name, many, f"more than {more_than} put back")["status"]["counts"]["moved"])

    def group(self, name: str) -> str:
        """The group that keeps its progress."""
        return f"kafkade-redrive.{self.get(name)['metadata']['uid']}"


def counts(**fields: int) -> dict[str, int]:
    """Counts of a status."""
    return {**NOTHING, **fields}


def conditions(found: dict[str, Any]) -> dict[str, str]:
    """Type and status of each condition of a status."""
    return {c["type"]: c["status"] for c in found["conditions"]}


DONE = {"Ready": "True", "Reconciling": "False", "Stalled": "False"}
STALLED = {"Ready": "False", "Reconciling": "False", "Stalled": "True"}


@pytest.mark.core
def test_everything_is_put_back_once(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(500))
    name = redrives.apply(letters)
    status = redrives.phase(name, "Completed")
    assert status["counts"] == counts(read=500, moved=500)
    assert status["topics"] == [letters.topic]
    assert status["started"] <= status["finished"]
    assert conditions(status) == DONE
    assert condition({"status": status})["message"] == "500 put back"
    assert [(p["topic"], p["partition"]) for p in status["progress"]] == [(letters.topic, n) for n in range(3)]
    assert all(p["next"] == p["end"] for p in status["progress"])
    assert not status.keys() & {"failures", "histogram"}
    assert_each_once(letters.back(), sent)

    uid = redrives.get(name)["metadata"]["uid"]
    until(lambda: "finalizers" not in redrives.get(name)["metadata"], "nothing holds it any more")
    assert letters.committed(f"kafkade-redrive.{uid}") == [-1001] * 3, "its group is gone"
    assert min(letters.committed(f"kafkade-dlq.{letters.topic}")) > 0, "what was put back stays known"

    again = redrives.apply(letters)
    assert redrives.phase(again, "Completed")["counts"] == counts()
    assert_each_once(letters.back(), sent)
    # nothing of a finished one is done again, whatever comes
    more = letters.write(range(500, 510))
    redrives.apply(letters, name, ttlSecondsAfterFinished=3600)
    redrives.wait(name, current, "looked at anew")
    assert redrives.get(name)["status"]["counts"] == counts(read=500, moved=500)
    assert_each_once(letters.back(), sent)
    assert redrives.phase(redrives.apply(letters), "Completed")["counts"] == counts(read=10, moved=10)
    assert_each_once(letters.back(), [*sent, *more])


def test_a_dry_run_counts_and_writes_nothing(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    letters.write(range(90))
    name = redrives.apply(letters, dryRun=True, filter={"errorClass": "Error[01]"})
    status = redrives.phase(name, "Completed")
    assert status["counts"] == counts(read=90, moved=60, skipped=30)
    lines = [(b["error"], b["origin"], b["age"], b["records"]) for b in status["histogram"]]
    assert lines == [(f"Error{n}", letters.origin, "under 1d", 30) for n in (0, 1)]
    assert condition({"status": status})["message"] == "60 would be put back, 30 skipped"
    assert letters.back() == []
    assert letters.committed(f"kafkade-dlq.{letters.topic}") == [-1001] * 3
    assert letters.committed(redrives.group(name)) == [-1001] * 3
    assert "finalizers" not in redrives.get(name)["metadata"], "its deletion has nothing to do"


def test_cancelled_and_the_rest_by_another(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(600))
    name = redrives.apply(letters, rateLimit=50)
    redrives.moved(name)
    redrives.apply(letters, name, rateLimit=50, cancel=True)
    status = redrives.phase(name, "Cancelled")
    moved = status["counts"]["moved"]
    assert 0 < moved < 600
    assert len(letters.back()) == moved == status["counts"]["read"]
    assert conditions(status) == DONE
    assert condition({"status": status})["message"] == f"spec.cancel is true: stopped ({moved} put back)"

    rest = redrives.phase(redrives.apply(letters), "Completed")
    assert rest["counts"] == counts(read=600 - moved, moved=600 - moved)
    assert_each_once(letters.back(), sent)


def test_cancelled_before_it_began(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    letters.write(range(10))
    status = redrives.phase(redrives.apply(letters, cancel=True), "Cancelled")
    assert "started" not in status
    assert "finished" in status
    assert letters.back() == []


def test_paused_and_at_another_rate(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(600))
    name = redrives.apply(letters, rateLimit=30, paused=True)
    assert redrives.reason(name, "Paused")["status"] == "Unknown"
    assert redrives.get(name)["status"]["phase"] == "Pending"
    redrives.apply(letters, name, rateLimit=30)
    redrives.moved(name)
    redrives.apply(letters, name, rateLimit=30, paused=True)
    redrives.reason(name, "Paused")
    held = redrives.get(name)["status"]
    assert held["phase"] == "Running"
    time.sleep(2)
    assert len(letters.back()) == held["counts"]["moved"], "it holds, and says how far it is"
    redrives.apply(letters, name, rateLimit=30)
    redrives.moved(name, held["counts"]["moved"])
    assert redrives.get(name)["status"]["phase"] == "Running"
    redrives.apply(letters, name)  # no limit, from now on
    assert redrives.phase(name, "Completed")["counts"] == counts(read=600, moved=600)
    assert_each_once(letters.back(), sent)


def test_observe_does_not_run(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    letters.write(range(10))
    name = redrives.apply(letters, managementPolicy="Observe")
    assert "does not run" in redrives.reason(name, "Observed")["message"]
    assert redrives.get(name)["status"]["phase"] == "Pending"
    assert letters.back() == []
    redrives.apply(letters, name)
    redrives.phase(name, "Completed")


def test_one_waits_for_the_other(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(300))
    first = redrives.apply(letters, rateLimit=20)
    redrives.moved(first)
    second = redrives.apply(letters)
    told = redrives.reason(second, "WaitingForRedrive")
    assert f"KafkaDLQRedrive {world.kubectl.namespace}/{first}" in told["message"]
    assert redrives.get(second)["status"]["phase"] == "Pending"
    assert not [e for e in world.kubectl.events(second) if e["type"] == "Warning"], "nothing is wrong with waiting"
    redrives.apply(letters, first)
    assert redrives.phase(first, "Completed")["counts"] == counts(read=300, moved=300)
    assert redrives.phase(second, "Completed")["counts"] == counts()
    assert_each_once(letters.back(), sent)


def test_more_than_may_run_at_once_wait(world: World, redrives: Redrives) -> None:
    grounds = [Letters(world, partitions=1) for _ in range(6)]
    sent = [letters.write(range(40)) for letters in grounds]
    names = [redrives.apply(letters, rateLimit=1) for letters in grounds]  # slow enough that none ends before all wait

    def reasons() -> list[str]:
        return [condition(redrives.get(name)).get("reason", "") for name in names]

    # of those that begin at once, too, two find no worker
    until(lambda: reasons().count("WaitingForWorker") == 6 - MOST, lambda: f"two wait: {reasons()}")
    until(lambda: reasons().count("Redriving") == MOST, lambda: f"the others run: {reasons()}")
    for name, letters in zip(names, grounds, strict=True):
        redrives.apply(letters, name)
    for name, letters, expected in zip(names, grounds, sent, strict=True):
        assert redrives.phase(name, "Completed")["counts"] == counts(read=40, moved=40)
        assert_each_once(letters.back(), expected)


def plain(number: int, *headers: tuple[str, bytes | None], size: int = 10, key: bytes | None = b"k") -> Seen:
    """A letter with these headers only."""
    return Seen(key, b"v" * size, START + number, headers)


def test_records_that_cannot_be_put_back_stay(world: World, redrives: Redrives) -> None:
    """Each with its reason; another redrive, which can, takes them."""
    letters = Letters(world, partitions=1, max_message_bytes="100000")
    compacted, other = f"{letters.origin}-compacted", f"{letters.origin}-other"
    world.view.create(compacted, 1, cleanup_policy="compact")
    random.seed(1)
    large = Seen(b"k", random.randbytes(200_000), START, ((OWN_TOPIC, letters.origin.encode()),))
    wrong = [
        ("NoDestination", plain(0)),
        ("UnknownTopic", plain(1, (OWN_TOPIC, b"no-such-events"))),
        ("NotAllowed", plain(2, (OWN_TOPIC, letters.topic.encode()))),
        ("NotAllowed", plain(3, (OWN_TOPIC, b"__consumer_offsets"))),
        ("RecordTooLarge", large),
        ("NoKey", plain(5, (OWN_TOPIC, compacted.encode()), key=None)),
    ]
    good = letters.write(range(20))
    letters.add(*(record for _, record in wrong))
    status = redrives.phase(redrives.apply(letters), "Completed")
    assert status["counts"] == counts(read=26, moved=20, failed=6)
    assert [(f["offset"], f["reason"]) for f in status["failures"]] == [
        (20 + n, reason) for n, (reason, _) in enumerate(wrong)
    ]
    assert condition({"status": status})["message"] == "20 put back, 6 failed"
    assert_each_once(letters.back(), good)
    assert "no-such-events" not in world.view.topics()

    world.view.create(other, 1)
    status = redrives.phase(redrives.apply(letters, destination={"topic": other}), "Completed")
    assert status["counts"] == counts(read=6, moved=6)
    assert_each_once(letters.back(other), [record for _, record in wrong])
    assert_each_once(letters.back(), good)


def test_a_namespace_has_what_its_prefixes_allow(world: World) -> None:
    """A source outside them is refused, and so is a destination, record by record; changes of the prefixes count at once."""
    home, namespace = world.kubectl.namespace, f"redrive-team-{uuid.uuid4().hex[:6]}"
    team = world.kubectl.at(namespace)
    team.run("create", "namespace", namespace)
    letters = Letters(world, partitions=1)
    foreign = Letters(world, partitions=1)

    def cluster(*prefixes: str) -> None:
        spec = {
            "bootstrapServers": world.kafka.bootstrap,
            "allowedNamespaces": {"from": "All", "topicPrefixes": list(prefixes)},
            "resyncInterval": "2s",
        }
        world.kubectl.apply(manifest("KafkaCluster", namespace, spec, home))

    cluster(letters.origin)
    world.kubectl.wait_ready("KafkaCluster", namespace)
    redrives = Redrives(team, namespace, home)
    refused = redrives.apply(foreign)
    told = redrives.reason(refused, "NotAllowed")
    assert f"topic {foreign.topic}" in told["message"]
    assert f"only topics that start with {letters.origin}" in told["message"]
    assert conditions(redrives.get(refused)["status"]) == STALLED
    assert "internal" in redrives.reason(redrives.apply("__consumer_offsets"), "NamingRefused")["message"]

    sent = letters.write(range(10))
    letters.add(plain(0, (OWN_TOPIC, foreign.origin.encode())))
    status = redrives.phase(redrives.apply(letters), "Completed")
    assert status["counts"] == counts(read=11, moved=10, failed=1)
    assert [f["reason"] for f in status["failures"]] == ["NotAllowed"]
    assert_each_once(letters.back(), sent)
    assert foreign.back() == []

    # a right that is taken away holds what runs
    more = letters.write(range(10, 200))
    name = redrives.apply(letters, rateLimit=10)
    redrives.moved(name)
    cluster("elsewhere-")
    redrives.reason(name, "NotAllowed")
    stopped = len(letters.back())
    time.sleep(2)
    assert len(letters.back()) == stopped < len(sent) + len(more)
    cluster(letters.origin)
    redrives.apply(letters, name)
    redrives.phase(name, "Completed")
    assert_each_once(letters.back(), [*sent, *more])
    team.end()
    world.kubectl.delete("KafkaCluster", namespace)


def test_a_topic_that_is_not_there_is_waited_for(world: World, redrives: Redrives) -> None:
    topic = f"late-{uuid.uuid4().hex[:8]}"
    name = redrives.apply(topic)
    told = redrives.reason(name, "UnknownTopic")
    assert f"topic {topic} does not exist" in told["message"]
    status = redrives.get(name)["status"]
    assert (status["phase"], conditions(status)) == ("Pending", STALLED)
    world.view.create(topic, 1)
    assert redrives.phase(name, "Completed")["counts"] == counts()


def test_it_goes_after_its_time(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(10))
    name = redrives.apply(letters, ttlSecondsAfterFinished=3)
    world.kubectl.wait_event(name, "Completed")
    until(lambda: world.kubectl.get("KafkaDLQRedrive", name) is None, "deleted after three seconds")
    kept = redrives.apply(letters)
    redrives.phase(kept, "Completed")
    redrives.apply(letters, kept, ttlSecondsAfterFinished=0)
    until(lambda: world.kubectl.get("KafkaDLQRedrive", kept) is None, "deleted at once")
    assert_each_once(letters.back(), sent)


def test_deleted_while_it_runs(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(300))
    name = redrives.apply(letters, rateLimit=5)  # a minute of work
    redrives.moved(name)
    group = redrives.group(name)
    assert max(letters.committed(group)) > 0
    began = time.monotonic()
    world.kubectl.delete("KafkaDLQRedrive", name)
    assert time.monotonic() - began < 20
    moved = len(letters.back())
    assert 0 < moved < 300
    time.sleep(2)
    assert len(letters.back()) == moved, "nothing goes on behind it"
    assert letters.committed(group) == [-1001] * 3
    rest = redrives.phase(redrives.apply(letters, name), "Completed")
    assert rest["counts"]["moved"] == 300 - moved
    assert_each_once(letters.back(), sent)


def test_all_topics_of_a_policy(world: World, redrives: Redrives) -> None:
    grounds = [Letters(world, partitions=2) for _ in range(3)]
    sent = {letters.topic: letters.write(range(50)) for letters in grounds}
    name = f"p-{uuid.uuid4().hex[:8]}"
    limited = redrives.apply(policy=name, maxRecords=70)
    assert (
        f"KafkaDLQPolicy {world.kubectl.namespace}/{name} does not exist"
        in (redrives.reason(limited, "PolicyNotReady")["message"])
    )
    spec = {"clusterRef": {"name": "main"}, "topics": [letters.origin for letters in grounds]}
    world.kubectl.apply(manifest("KafkaDLQPolicy", name, spec, world.kubectl.namespace))
    status = redrives.phase(limited, "Completed")
    topics = sorted(sent)
    assert status["topics"] == topics
    assert status["counts"]["moved"] == 70, "from all topics together"
    assert [len(letters.back()) for letters in sorted(grounds, key=lambda g: g.topic)] == [50, 20, 0]

    rest = redrives.phase(redrives.apply(policy=name), "Completed")
    assert rest["counts"] == counts(read=80, moved=80)
    assert [p["topic"] for p in rest["progress"]] == [topic for topic in topics for _ in range(2)]
    for letters in grounds:
        assert_each_once(letters.back(), sent[letters.topic])
    world.kubectl.delete("KafkaDLQPolicy", name)


@pytest.mark.timeout(400)
def test_deleted_in_any_order_the_dead_letters_stay(world: World, redrives: Redrives) -> None:
    kubectl, ref = world.kubectl, {"clusterRef": {"name": "main"}}
    orders = list(itertools.permutations(("KafkaDLQPolicy", "KafkaTopic", "KafkaDLQRedrive")))
    names = [f"order-{uuid.uuid4().hex[:6]}-{number}" for number in range(len(orders))]
    for name in names:
        topic = manifest("KafkaTopic", name, {**ref, "partitions": 1, "replicationFactor": 1}, kubectl.namespace)
        policy = manifest("KafkaDLQPolicy", name, {**ref, "topics": [name]}, kubectl.namespace)
        kubectl.apply(topic, policy)
    written = [letter(number, "somewhere") for number in range(20)]
    for name in names:
        until(lambda name=name: world.view.exists(f"{name}.dlq"), "the policy makes the dead-letter topic")
        write(world.kafka.bootstrap, f"{name}.dlq", written)
        redrives.apply(f"{name}.dlq", name, destination={"topic": name})
    for name, order in zip(names, orders, strict=True):
        assert redrives.phase(name, "Completed")["counts"] == counts(read=20, moved=20)
        for kind in order:
            kubectl.delete(kind, name)
    for name in names:
        until(lambda name=name: not world.view.exists(name), "the source topic went with its resource")
        assert_each_once(read(world.kafka.bootstrap, f"{name}.dlq"), written)


def test_records_that_keep_coming_back_are_put_aside(world: World, redrives: Redrives) -> None:
    letters = Letters(world, partitions=1)
    parked = f"{letters.origin}-parked"
    world.view.create(parked, 1)
    origin = (OWN_TOPIC, letters.origin.encode())
    letters.add(plain(0, origin), plain(1, origin, (REDRIVE_COUNT, b"1")), plain(2, origin, (REDRIVE_COUNT, b"2")))
    guard = {"maxRedrives": 2, "action": "Quarantine", "quarantineTopic": parked}
    status = redrives.phase(redrives.apply(letters, loopGuard=guard), "Completed")
    assert status["counts"] == counts(read=3, moved=2, quarantined=1)
    told = [dict(found.headers)[REDRIVE_COUNT] for found in sorted(letters.back(), key=lambda s: s.timestamp)]
    assert told == [b"1", b"2"]
    assert_each_once(letters.back(parked), [plain(2, origin, (REDRIVE_COUNT, b"2"))])


@pytest.mark.core
@pytest.mark.timeout(400)
def test_the_operator_is_killed_in_the_middle(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(60_000))
    name = redrives.apply(letters, rateLimit=6_000)
    chance = random.Random()
    for _ in range(4):
        redrives.wait(name, lambda o: o["status"].get("phase") in ("Running", "Completed"), "begun")
        time.sleep(chance.uniform(0.0, 3.0))
        world.operator.kill()
        world.operator.start()
    redrives.apply(letters, name)
    status = redrives.phase(name, "Completed", timeout=120)
    assert status["counts"] == counts(read=60_000, moved=60_000)
    assert_each_once(letters.back(), sent)
    # and once more, now that it is finished: nothing is done again
    world.operator.kill()
    world.operator.start()
    time.sleep(3)
    assert redrives.get(name)["status"] == status
    assert_each_once(letters.back(), sent)


def test_cancelled_while_the_operator_is_away(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(600))
    name = redrives.apply(letters, rateLimit=50)
    redrives.moved(name)
    time.sleep(1)  # more is committed than the status tells
    world.operator.kill()
    redrives.apply(letters, name, rateLimit=50, cancel=True)
    world.operator.start()
    status = redrives.phase(name, "Cancelled")
    assert status["counts"]["moved"] == len(letters.back()), "as it is committed, not as it was written last"
    redrives.phase(redrives.apply(letters), "Completed")
    assert_each_once(letters.back(), sent)


def test_its_topic_is_made_again_while_the_operator_is_away(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(600))
    name = redrives.apply(letters, rateLimit=50)
    redrives.moved(name)
    assert redrives.get(name)["status"]["topicIds"] == [world.view.topic_id(letters.topic)]
    world.operator.kill()
    world.view.delete(letters.topic)
    world.view.create(letters.topic, letters.partitions)
    others = letters.write(range(1_000, 1_100))
    world.operator.start()
    status = redrives.phase(name, "Failed")
    assert redrives.reason(name, "TopicRecreated")["message"].endswith("apply another redrive")
    back = letters.back()
    assert set(back) <= set(sent), "nothing of the new topic"
    assert status["counts"]["moved"] <= len(back), "what was committed last may not have been told"
    assert redrives.phase(redrives.apply(letters), "Completed")["counts"] == counts(read=100, moved=100)
    assert_each_once([found for found in letters.back() if found not in back], others)


def test_the_operator_ends_promptly_and_goes_on(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    sent = letters.write(range(300))
    name = redrives.apply(letters, rateLimit=5)  # a minute of work
    redrives.moved(name)
    began = time.monotonic()
    world.operator.stop()
    assert time.monotonic() - began < PATIENCE + 5
    world.operator.start()
    redrives.apply(letters, name)
    assert redrives.phase(name, "Completed")["counts"] == counts(read=300, moved=300)
    assert_each_once(letters.back(), sent)


def test_brokers_go_and_come_back(world: World, redrives: Redrives) -> None:
    """Two of three brokers: no transaction can be committed meanwhile."""
    letters = Letters(world)
    sent = letters.write(range(400))
    name = redrives.apply(letters, rateLimit=40)
    redrives.moved(name)
    away: Sequence[int] = sorted(world.kafka.pids())[1:]
    for broker in away:
        world.kafka.kill_broker(broker)
    time.sleep(10)
    assert redrives.get(name)["status"]["phase"] == "Running"
    gather(*(partial(world.kafka.start_broker, broker) for broker in away))
    redrives.apply(letters, name)
    assert redrives.phase(name, "Completed", timeout=150)["counts"] == counts(read=400, moved=400)
    # a leader that was just made so tells readers of less than there is, until the others have fetched from it
    replicas = {len(partition.replicas) for partition in world.view.describe(letters.origin).partitions}
    until(
        lambda: {len(p.isr) for p in world.view.describe(letters.origin).partitions} == replicas, "all are in sync", 60
    )
    assert_each_once(letters.back(), sent)


def test_status_is_written_now_and_then(world: World, redrives: Redrives) -> None:
    letters = Letters(world)
    letters.write(range(300))
    began = time.monotonic()
    name = redrives.apply(letters, rateLimit=30)
    redrives.phase(name, "Completed")
    took = time.monotonic() - began
    # which comes after the last status, and that is in the audit log then
    world.kubectl.wait_event(name, "Completed")
    written = writes(world.control_plane, name=name, subresource="status")
    assert 4 <= len(written) <= 4 + took / 3, "ten seconds of work, a write every three, the beginning and the end"
    told = world.kubectl.events(name)
    assert [(e["type"], e["reason"], e["message"]) for e in told] == [("Normal", "Completed", "300 put back")]
