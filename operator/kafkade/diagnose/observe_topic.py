"""Facts about a topic: replicas, settings, sizes, and the groups that consume it."""

from __future__ import annotations

import difflib
import time

from kafkade.api.errors import KafkadeError, UnknownTopic
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import TopicDescription
from kafkade.diagnose.looking import known, unless
from kafkade.diagnose.topic import ConsumerOf, TopicFacts
from kafkade.groups.observe import lags
from kafkade.groups.series import OWN_GROUPS


async def described(kafka: KafkaAdmin, name: str) -> TopicDescription:
    """The topic.

    Raises:
        UnknownTopic: there is none; names those that are called almost so. Other KafkadeErrors as everywhere.
    """
    found = (await kafka.describe_topics([name]))[name]
    if isinstance(found, UnknownTopic):
        near = difflib.get_close_matches(name, await kafka.topics(), 3, 0.6)
        hint = f"; there is {', '.join(near)}" if near else ""
        raise UnknownTopic(f"topic {name} does not exist, or may not be described{hint}")
    if isinstance(found, KafkadeError):
        raise found
    return found


async def observe(kafka: KafkaAdmin, name: str) -> TopicFacts:
    """Look at a topic.

    Raises:
        UnknownTopic: there is none. Other KafkaErrors as everywhere.
    """
    topic = await described(kafka, name)
    unread: dict[str, KafkadeError] = {}
    cluster = await kafka.describe_cluster()
    configs = known((await kafka.topic_configs([name]))[name], "settings", unread)
    sizes: dict[int, int] = {}
    for disk in await unless(kafka.log_dirs(), "sizes of partitions", unread) or ():
        for (other, number), has in disk.replicas.items():
            if other == name:
                sizes[number] = max(has, sizes.get(number, 0))
    led = [n for n, p in enumerate(topic.partitions) if p.leader is not None]
    offsets = await kafka.offsets({name: led}) if led else {}
    consumers = await unless(_consumers(kafka, name, unread), "groups", unread)
    return TopicFacts(
        topic,
        frozenset(broker.id for broker in cluster.brokers),
        configs or {},
        sizes,
        {number: found.end - found.start for (_, number), found in offsets.items()},
        {n: found.first_timestamp for (_, n), found in offsets.items() if found.first_timestamp is not None},
        round(time.time() * 1000),
        consumers,
        unread,
    )


async def _consumers(kafka: KafkaAdmin, name: str, unread: dict[str, KafkadeError]) -> tuple[ConsumerOf, ...]:
    """Groups with offsets of the topic, by name; which they are is seen by what they have committed.

    kafkade's own consume nothing: who deleted one would have records put back a second time.
    """
    listed = {group: found for group, found in (await kafka.list_groups()).items() if not group.startswith(OWN_GROUPS)}
    committed = await kafka.group_offsets(listed)
    groups = [
        group
        for group, offsets in committed.items()
        if not isinstance(offsets, KafkadeError) and any(topic == name for topic, _ in offsets)
    ]
    found = await lags(kafka, groups)
    for group, answer in [*committed.items(), *found.errors.items()]:
        if isinstance(answer, KafkadeError):
            unread[f"offsets of group {group}"] = answer
    unread.update((f"{name}/{number}", error) for (topic, number), error in found.logs.items() if topic == name)
    return tuple(
        ConsumerOf(
            group,
            tuple(p for p in found.groups[group].partitions if p.topic == name),
            listed[group].kind.value,
            listed[group].state,
        )
        for group in sorted(found.groups)
    )
