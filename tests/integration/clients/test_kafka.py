"""Every request of KafkaAdmin against real brokers: what it does, what it answers for one bad topic among good ones."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import pytest
from confluent_kafka import Uuid

from kafkade.api.errors import (
    ClusterUnreachable,
    InvalidConfig,
    InvalidSpec,
    KafkadeError,
    KafkaRequestFailed,
    NamingRefused,
    NotEnoughBrokers,
    TopicAlreadyExists,
    TopicDeletionDisabled,
    UnknownTopic,
)
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.model import ConfigEntry, ConfigSource, NewTopic, Replication, TopicDescription
from kafkade.devstack.kafka import Kafka

T = TypeVar("T")
THROTTLE = "leader.replication.throttled.rate"
LOOKS = 10
"""After so many random choices, each of three brokers has most likely been asked."""


async def until(test: Callable[[], Awaitable[bool]], what: str) -> None:
    """Poll until a test holds."""
    deadline = time.monotonic() + 60
    while not await test():
        assert time.monotonic() < deadline, f"not so within 60 s: {what}"
        await asyncio.sleep(0.05)


async def make(admin: KafkaAdmin, *topics: NewTopic) -> None:
    """Create topics and wait until they show, whichever broker is asked: some hear of them later than others."""
    assert await admin.create_topics(topics) == {t.name: None for t in topics}

    async def there() -> bool:
        for _ in range(LOOKS):
            found = await admin.describe_topics([t.name for t in topics])
            if not all(isinstance(d, TopicDescription) for d in found.values()):
                return False
        return True

    await until(there, "the new topics show")


async def described(admin: KafkaAdmin, name: str) -> TopicDescription:
    """A topic that is there."""
    return await known(lambda: admin.describe_topics([name]), name)


async def configs(admin: KafkaAdmin, name: str) -> Mapping[str, ConfigEntry]:
    """A topic's settings."""
    return await known(lambda: admin.topic_configs([name]), name)


async def known(ask: Callable[[], Awaitable[Mapping[str, T | KafkadeError]]], name: str) -> T:
    """The answer for a topic, once the broker that happens to be asked has heard of the topic."""
    deadline = time.monotonic() + 60
    while True:
        found = (await ask())[name]
        if not isinstance(found, UnknownTopic) or time.monotonic() > deadline:
            assert not isinstance(found, KafkadeError), found
            return found
        await asyncio.sleep(0.05)


def kinds(answers: Mapping[str, object]) -> dict[str, type]:
    """The type of each answer."""
    return {key: type(value) for key, value in answers.items()}


async def test_describe_cluster(admin: KafkaAdmin, three: Kafka) -> None:
    seen = [await admin.describe_cluster() for _ in range(5)]
    assert [(b.id, b.rack) for b in seen[0].brokers] == [(1, "a"), (2, "b"), (3, "c")]
    assert [f"{b.host}:{b.port}" for b in seen[0].brokers] == three.bootstrap.split(",")
    assert len(seen[0].cluster_id) == 22
    assert {s.controller for s in seen} <= {1, 2, 3}
    assert len(set(seen)) == 1, "KRaft brokers name a random controller; the quorum's leader is always the same"


async def test_health_counts_new_topics(admin: KafkaAdmin, name: str) -> None:
    before = (await admin.describe_cluster()).health
    await make(admin, NewTopic(name, 4, 3))

    async def counted() -> bool:
        now = (await admin.describe_cluster()).health
        return (now.topics, now.partitions) == (before.topics + 1, before.partitions + 4)

    await until(counted, "one topic and four partitions more")
    assert (await admin.describe_cluster()).health.offline == 0
    await admin.delete_topics([name])


async def test_replication(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 2, 3, {"min.insync.replicas": "2"}), NewTopic(f"{name}-b", 1, 1))

    seen: list[Replication] = []

    async def agreed() -> bool:
        try:
            seen[:] = [await admin.replication()]
        except UnknownTopic:  # one of the brokers has not heard of it yet
            return False
        topics, voters = seen[0].topics, seen[0].quorum.voters
        in_sync = [len(p.isr) for p in (*topics.get(name, ()), *topics.get(f"{name}-b", ()))] == [3, 3, 1]
        return in_sync and all(voter.behind is not None and voter.behind < 2000 for voter in voters)

    await until(agreed, "all brokers know the topics, and none is far behind")
    (found,) = seen
    assert found.brokers == {1, 2, 3}
    assert [(set(p.replicas), set(p.isr)) for p in found.topics[name]] == [({1, 2, 3}, {1, 2, 3})] * 2
    assert (found.min_isr[name], found.min_isr[f"{name}-b"]) == (2, 1)
    assert {voter.id for voter in found.quorum.voters} == {1, 2, 3}
    assert found.quorum.leader == (await admin.describe_cluster()).controller
    await admin.delete_topics([name, f"{name}-b"])


async def test_features(admin: KafkaAdmin) -> None:
    features = await admin.features()
    assert features is not None
    assert features["metadata.version"] == "4.1-IV1"
    assert features["group.version"] == 1


async def test_create_topics_answers_each(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(f"{name}.there", 1, 1))
    answers = await admin.create_topics(
        [
            NewTopic(name, 2, 3, {"retention.ms": "86400000", "min.insync.replicas": "2"}),
            NewTopic(f"{name}.there", 1, 1),
            NewTopic(f"{name}_there", 1, 1),
            NewTopic("not a name", 1, 1),
            NewTopic(f"{name}-many", 1, 4),
            NewTopic(f"{name}-none", 0, 1),
            NewTopic(f"{name}-key", 1, 1, {"retention.mss": "1"}),
            NewTopic(f"{name}-value", 1, 1, {"retention.ms": "soon"}),
        ]
    )
    assert kinds(answers) == {
        name: type(None),
        f"{name}.there": TopicAlreadyExists,
        f"{name}_there": NamingRefused,
        "not a name": NamingRefused,
        f"{name}-many": NotEnoughBrokers,
        f"{name}-none": InvalidSpec,
        f"{name}-key": InvalidConfig,
        f"{name}-value": InvalidConfig,
    }
    assert "collides" in str(answers[f"{name}_there"])
    assert "retention.mss" in str(answers[f"{name}-key"]), "the broker's own text is kept"
    found = await described(admin, name)
    assert len(found.partitions) == 2
    assert all(len(p.replicas) == len(p.isr) == 3 and p.leader in p.replicas for p in found.partitions)


async def test_describe_topics(admin: KafkaAdmin, name: str, three: Kafka) -> None:
    await make(admin, NewTopic(name, 1, 1))
    found = await admin.describe_topics([name, f"{name}-absent", name])
    assert kinds(found) == {name: TopicDescription, f"{name}-absent": UnknownTopic}
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", (await described(admin, name)).topic_id)
    assert kinds(await admin.describe_topics([f"{name}-absent"])) == {f"{name}-absent": UnknownTopic}


async def test_looks_at_topics_leave_nothing_behind(admin: KafkaAdmin, name: str) -> None:
    """An object for each topic and look stayed, of confluent_kafka's: a soak found them."""
    await make(admin, *(NewTopic(f"{name}-{n}", 1, 1) for n in range(5)))

    def ids() -> int:
        gc.collect()
        return sum(type(each) is Uuid for each in gc.get_objects())

    before = ids()
    for _ in range(20):
        await admin.describe_topics([f"{name}-{n}" for n in range(5)])
    assert ids() - before < 5


async def test_topic_ids_are_spelt_as_kafka_does(admin: KafkaAdmin, name: str) -> None:
    """With 24 random ids, one of them without any of the two letters that differ is as good as impossible."""
    topics = [NewTopic(f"{name}-{n}", 1, 1) for n in range(24)]
    await make(admin, *topics)
    ids = "".join([(await described(admin, t.name)).topic_id for t in topics])
    assert set("-_") & set(ids)
    assert not set("+/=") & set(ids)
    await admin.delete_topics([t.name for t in topics])


async def test_topic_configs(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 1, 1, {"retention.ms": "1000"}))
    found = await admin.topic_configs([name, f"{name}-absent"])
    assert isinstance(found[f"{name}-absent"], UnknownTopic)
    entries = await configs(admin, name)
    assert (entries["retention.ms"].value, entries["retention.ms"].source) == ("1000", ConfigSource.TOPIC)
    assert (entries["cleanup.policy"].value, entries["cleanup.policy"].source) == ("delete", ConfigSource.DEFAULT)


async def test_survey(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 1, 1, {"retention.ms": "1000"}))
    absent = f"{name}-absent"
    wanted = {name: {"retention.ms", "cleanup.policy", "no.such.key"}, absent: {"retention.ms"}}
    found = await known(lambda: admin.survey(wanted), name)
    everything = await configs(admin, name)
    assert found.description == await described(admin, name), "both clients tell the same of a topic"
    assert found.configs == {key: everything[key] for key in ("cleanup.policy", "retention.ms")}
    assert isinstance((await admin.survey(wanted))[absent], UnknownTopic)
    assert (await known(lambda: admin.survey({name: ()}), name)).configs == {}


async def test_group_configs(admin: KafkaAdmin, name: str) -> None:
    """Each group by itself, whether or not it has members."""
    other, wrong = f"{name}-other", f"{name}-wrong"
    answers = await admin.alter_group_configs(
        {name: {"share.auto.offset.reset": "earliest"}, other: {}, wrong: {"no.such": "1"}}
    )
    assert (answers[name], answers[other]) == (None, None)
    assert isinstance(answers[wrong], InvalidConfig)

    async def told(group: str, expected: ConfigEntry) -> None:
        async def so() -> bool:
            found = await known(lambda: admin.group_configs([group]), group)
            return bool(found["share.auto.offset.reset"] == expected)

        await until(so, f"{group}: {expected}")

    await told(name, ConfigEntry("earliest", ConfigSource.GROUP))
    await told(other, ConfigEntry("latest", ConfigSource.DEFAULT))
    assert (await admin.alter_group_configs({name: {"share.auto.offset.reset": None}}))[name] is None
    await told(name, ConfigEntry("latest", ConfigSource.DEFAULT))
    assert await admin.group_configs([]) == {}


async def test_alter_topic_configs(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 1, 1, {"retention.ms": "1000", "segment.ms": "5000"}), NewTopic(f"{name}-b", 1, 1))
    answers = await admin.alter_topic_configs(
        {
            name: {"retention.ms": None, "cleanup.policy": "compact"},
            f"{name}-b": {"retention.ms": "soon"},
            f"{name}-absent": {"retention.ms": "1"},
            f"{name}-same": {},
        }
    )
    assert kinds(answers) == {
        name: type(None),
        f"{name}-b": InvalidConfig,
        f"{name}-absent": UnknownTopic,
        f"{name}-same": type(None),
    }

    async def changed() -> bool:
        entries = await configs(admin, name)
        own = {k: e.value for k, e in entries.items() if e.source is ConfigSource.TOPIC}
        return own == {"segment.ms": "5000", "cleanup.policy": "compact"}

    await until(changed, "one key set, one back to its default, one left alone")


async def test_create_partitions(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 2, 1), NewTopic(f"{name}-b", 2, 1))
    answers = await admin.create_partitions({name: 5, f"{name}-b": 1, f"{name}-absent": 3})
    assert kinds(answers) == {name: type(None), f"{name}-b": InvalidSpec, f"{name}-absent": UnknownTopic}

    async def grown() -> bool:
        return len((await described(admin, name)).partitions) == 5

    await until(grown, "five partitions")


async def test_delete_topics(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 1, 1))
    answers = await admin.delete_topics([name, f"{name}-absent"])
    assert kinds(answers) == {name: type(None), f"{name}-absent": UnknownTopic}

    async def gone() -> bool:
        return isinstance((await admin.describe_topics([name]))[name], UnknownTopic)

    await until(gone, "the topic is gone")


async def test_broker_configs(admin: KafkaAdmin) -> None:
    entries = await admin.broker_configs(2)
    assert entries["node.id"].value == "2"
    assert entries["node.id"].read_only
    assert not entries["message.max.bytes"].read_only
    assert entries["ssl.keystore.password"].sensitive
    assert entries["ssl.keystore.password"].value is None


async def test_alter_broker_configs(admin: KafkaAdmin) -> None:
    async def rate(broker: int) -> str | None:
        entry = (await admin.broker_configs(broker)).get(THROTTLE)
        return entry.value if entry is not None and entry.source is ConfigSource.BROKER else None

    async def throttled() -> bool:
        return await rate(2) == "1000000"

    async def free() -> bool:
        return await rate(2) is None

    await admin.alter_broker_configs(2, {THROTTLE: "1000000"})
    await until(throttled, "the rate is set")
    assert await rate(1) is None, "of one broker only"
    await admin.alter_broker_configs(2, {THROTTLE: None})
    await until(free, "the rate is taken away")
    with pytest.raises(InvalidConfig, match=r"process\.roles"):
        await admin.alter_broker_configs(2, {"process.roles": "broker"})


async def test_default_broker_configs(admin: KafkaAdmin) -> None:
    """The entity without a name, which confluent_kafka refuses (``Invalid ConfigResource``)."""
    key = "log.retention.ms"
    assert key not in await admin.default_broker_configs()
    await admin.alter_default_broker_configs({key: "86400000"})

    async def is_set() -> bool:
        entry = (await admin.default_broker_configs()).get(key)
        return entry is not None and (entry.value, entry.source) == ("86400000", ConfigSource.DEFAULT_BROKER)

    async def brokers_follow() -> bool:
        found = [(await admin.broker_configs(n))[key] for n in (1, 2, 3)]
        return all((e.value, e.source) == ("86400000", ConfigSource.DEFAULT_BROKER) for e in found)

    async def unset() -> bool:
        found = [(await admin.broker_configs(n))[key] for n in (1, 2, 3)]
        return all(e.source is ConfigSource.DEFAULT for e in found) and key not in await admin.default_broker_configs()

    await until(is_set, "set")
    await until(brokers_follow, "on all brokers")
    await admin.alter_default_broker_configs({key: None})
    await until(unset, "taken away on all brokers, whichever the next test asks")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"process.roles": "broker"}, r"process\.roles", id="static"),
        pytest.param({"message.max.bytes": "many"}, "not a number", id="not of its type"),
        pytest.param({"log.retention.ms": "5000", "message.max.bytes": "many"}, "not a number", id="all or nothing"),
    ],
)
async def test_default_broker_configs_refused(admin: KafkaAdmin, changes: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidConfig, match=f"(?i){text}"):
        await admin.alter_default_broker_configs(changes)
    assert not set(changes) & set(await admin.default_broker_configs())


async def test_reassign_to_the_end(admin: KafkaAdmin, name: str) -> None:
    """From one replica to three and on to another single one, followed as a reconcile does."""
    await make(admin, NewTopic(name, 3, 1))
    before = await described(admin, name)
    wanted = {(name, n): tuple(dict.fromkeys((p.replicas[0], 1, 2, 3))) for n, p in enumerate(before.partitions)}
    assert await admin.reassign(wanted) == dict.fromkeys(wanted)

    async def arrived(replicas: Mapping[tuple[str, int], tuple[int, ...]]) -> bool:
        moves = await admin.reassignments([name])
        assert all(set(m.adding) <= set(m.replicas) for m in moves.values())
        now = await described(admin, name)
        return not moves and all(
            p.replicas == replicas[name, n] and set(p.isr) == set(p.replicas) for n, p in enumerate(now.partitions)
        )

    await until(lambda: arrived(wanted), "three replicas each, in the order asked for")
    back = {key: (replicas[-1],) for key, replicas in wanted.items()}
    assert await admin.reassign(back) == dict.fromkeys(back)
    await until(lambda: arrived(back), "one replica each, on another broker")


async def test_reassign_can_be_seen_and_cancelled(admin: KafkaAdmin, name: str, three: Kafka) -> None:
    """With a broker down its replica cannot catch up, so the move stays until it is cancelled."""
    await make(admin, NewTopic(name, 1, 1))
    home = (await described(admin, name)).partitions[0].replicas[0]
    other = next(n for n in (3, 2) if n != home)
    try:
        await asyncio.to_thread(three.stop_broker, other)
        key = (name, 0)
        assert await admin.reassign({key: (home, other)}) == {key: None}
        moves = await admin.reassignments([name])
        assert (set(moves[key].replicas), moves[key].adding, moves[key].removing) == ({home, other}, (other,), ())

        async def lacking() -> bool:
            return (await admin.describe_cluster()).health.under_replicated >= 1

        await until(lacking, "the broker that is asked has heard of the replica that is not in sync")
        with pytest.raises(KafkaRequestFailed, match="not up"):
            await admin.alter_broker_configs(other, {THROTTLE: "1"})
        assert await admin.reassign({key: None}) == {key: None}
        assert await admin.reassignments([name]) == {}
    finally:
        await asyncio.to_thread(three.start_broker, other)


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_reads_outlive_the_loss_of_any_one_broker(name: str, three: Kafka, lost: int) -> None:
    """Also of the one that librdkafka takes for the controller, which differs from client to client."""
    patient, admin = KafkaAdmin(Security(three.bootstrap)), KafkaAdmin(Security(three.bootstrap), timeout=3)
    left = {1, 2, 3} - {lost}

    async def noticed() -> bool:
        """Whether those that are left know that it is lost."""
        try:
            found = await patient.replication()
        except KafkadeError:
            return False
        return found.brokers == left == set(found.topics[name][0].isr) and found.quorum.leader in left

    try:
        await make(patient, NewTopic(name, 1, 3))
        await described(admin, name)  # it has connections to lose
        await asyncio.to_thread(three.stop_broker, lost)
        await until(noticed, "the others know that it is lost")
        seen = await admin.describe_cluster()
        assert {b.id for b in seen.brokers} == left
        assert len((await described(admin, name)).partitions[0].isr) == 2
        assert (await configs(admin, name))["cleanup.policy"].value == "delete"
        replication = await admin.replication()
        assert replication.brokers == left
        assert set(replication.topics[name][0].isr) == left
        assert replication.quorum.leader in left
    finally:
        await asyncio.to_thread(three.start_broker, lost)
        await admin.close()
        await patient.close()


async def test_reassign_answers_each(admin: KafkaAdmin, name: str) -> None:
    await make(admin, NewTopic(name, 2, 1))
    home = [p.replicas for p in (await described(admin, name)).partitions]
    answers = await admin.reassign({(name, 0): home[0], (name, 1): (9,), (f"{name}-absent", 0): (1,), (name, 7): (1,)})
    assert kinds({f"{t}:{p}": a for (t, p), a in answers.items()}) == {
        f"{name}:0": type(None),
        f"{name}:1": NotEnoughBrokers,
        f"{name}-absent:0": UnknownTopic,
        f"{name}:7": UnknownTopic,
    }


async def test_topic_deletion_disabled(name: str) -> None:
    with Kafka(config={"delete.topic.enable": "false"}) as kafka:
        admin = KafkaAdmin(Security(kafka.bootstrap))
        await make(admin, NewTopic(name, 1, 1))
        answers = await admin.delete_topics([name])
        await admin.close()
    assert kinds(answers) == {name: TopicDeletionDisabled}


async def test_one_request_for_many_topics(admin: KafkaAdmin, name: str, three: Kafka) -> None:
    names = [f"{name}-{n}" for n in range(50)]
    requests: dict[str, Callable[[], Awaitable[object]]] = {
        "CreateTopics": lambda: admin.create_topics([NewTopic(n, 1, 1) for n in names]),
        "Metadata": lambda: admin.describe_topics(names),
        "DescribeConfigs": lambda: admin.topic_configs(names),
        "IncrementalAlterConfigs": lambda: admin.alter_topic_configs({n: {"retention.ms": "5000"} for n in names}),
        "CreatePartitions": lambda: admin.create_partitions(dict.fromkeys(names, 2)),
        "DeleteTopics": lambda: admin.delete_topics(names),
    }
    await admin.describe_cluster()  # librdkafka's own requests of a new connection are made
    for api, request in requests.items():
        before = three.request_counts()
        await request()
        spent = {k: v for k, v in (three.request_counts() - before).items() if k in requests}
        # brokers hand requests for the controller on to it, in an envelope that holds one of the same API, and sometimes twice
        assert spent[api] <= 4, f"{api}: {spent}"


async def test_nothing_to_do_makes_no_request() -> None:
    admin = KafkaAdmin(Security("127.0.0.1:1"))
    assert await admin.describe_topics([]) == {}
    assert await admin.topic_configs([]) == {}
    assert await admin.survey({}) == {}
    assert await admin.create_topics([]) == {}
    assert await admin.create_partitions({}) == {}
    assert await admin.alter_topic_configs({}) == {}
    assert await admin.alter_topic_configs({"a": {}}) == {"a": None}
    assert await admin.delete_topics([]) == {}
    assert await admin.reassign({}) == {}
    assert await admin.reassignments([]) == {}
    await admin.alter_broker_configs(1, {})
    await admin.alter_default_broker_configs({})
    await admin.close()


async def test_the_event_loop_is_never_blocked(admin: KafkaAdmin, name: str) -> None:
    """A thousand topics made, read and deleted while a ticker runs, and beside it one in a thread of its own.

    Where neither of them ticks, the machine has something else to do.
    """
    gaps: list[tuple[float, float]] = []
    thread: list[float] = []
    ended = threading.Event()

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.005)
            gaps.append((last, time.monotonic()))
            last = time.monotonic()

    def tick_in_thread() -> None:
        while not ended.wait(0.005):
            thread.append(time.monotonic())

    beside = threading.Thread(target=tick_in_thread)
    beside.start()
    ticker = asyncio.create_task(tick())
    names = [f"{name}-{n}" for n in range(1000)]
    answers = await admin.create_topics([NewTopic(n, 1, 1) for n in names])
    assert not any(answers.values())
    await admin.describe_cluster()
    await admin.default_broker_configs()
    await admin.delete_topics(names)
    ticker.cancel()
    ended.set()
    beside.join()
    assert len(gaps) > 5
    # building a thousand requests and answers takes its time in Python itself
    blocked = [end - start for start, end in gaps if sum(start < at < end for at in thread) > 30]
    assert max(blocked, default=0) < 1.5, "no answer of a broker was waited for"


async def test_a_closed_client_leaves_no_threads(three: Kafka) -> None:
    before = threading.active_count()
    for _ in range(3):
        admin = KafkaAdmin(Security(three.bootstrap))
        await admin.describe_cluster()
        await admin.close()

    async def ended() -> bool:
        return threading.active_count() <= before

    await until(ended, "its threads are gone")


async def test_closed_under_running_requests(three: Kafka, name: str) -> None:
    """A connection is replaced while a batch is on its way: each request has its answer or a retryable error."""
    admin = KafkaAdmin(Security(three.bootstrap))
    await admin.describe_cluster()
    requests = [
        admin.create_topics([NewTopic(name, 1, 1)]),
        admin.default_broker_configs(),
        admin.describe_cluster(),
    ]
    running = [asyncio.create_task(request) for request in requests]
    await asyncio.sleep(0.002)
    await admin.close()
    answers = await asyncio.gather(*running, return_exceptions=True)
    assert [a for a in answers if isinstance(a, BaseException) and not isinstance(a, ClusterUnreachable)] == []
    for request in (admin.describe_cluster, admin.default_broker_configs):
        with pytest.raises(ClusterUnreachable, match="is closed"):
            await request()
    assert await admin.features() is None
    await admin.close()


async def test_nothing_is_printed(
    three: Kafka, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """librdkafka and kafka-python log through logging only, and no password at any level."""
    caplog.set_level(logging.DEBUG)
    admin = KafkaAdmin(Security("127.0.0.1:1"), timeout=2)
    with pytest.raises(KafkadeError):
        await admin.describe_cluster()
    await admin.close()
    assert capfd.readouterr() == ("", "")
    assert "Connection refused" in caplog.text
