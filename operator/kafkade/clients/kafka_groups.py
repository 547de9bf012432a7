"""Groups, their offsets, and the logs that these point into, in few requests: one a broker and kind of question.

Blocking: called in :class:`kafkade.clients.kafka_python.KafkaPython`'s worker thread. A group or partition that cannot be
answered for has the protocol's error code in place of its answer, and its neighbours theirs. librdkafka is not asked: its
requests to coordinators can end the process.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from kafka import errors as foreign
from kafka.protocol.admin import DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from kafka.protocol.metadata import FindCoordinatorRequest, MetadataRequest

from kafkade.clients.group_model import Group, GroupKind, GroupListing, LogRange, Member, TopicPartition
from kafkade.clients.kafka_errors import COORDINATOR_AWAY
from kafkade.clients.messages import ConsumerGroupDescribeRequest, ShareGroupDescribeRequest
from kafkade.clients.model import Committed

T = TypeVar("T")

_NOT_OURS = (struct.error, ValueError, TypeError, LookupError, AttributeError, MemoryError)
"""What kafka-python makes of bytes that are no assignment or subscription: any client may send what it likes."""

_DELAYS = (0.2, 0.5, 1.0, 2.0)
"""Seconds before groups are asked for again that nobody was in charge of: the first question makes a broker take them on."""

NOT_FOUND = 69
"""GROUP_ID_NOT_FOUND."""

_NO_LEADER = 5
_UNKNOWN_PARTITION = 3
_EARLIEST, _LATEST = -2, -1
_READ_COMMITTED = 1
_GROUP_COORDINATOR = 0


def list_groups(client: Any) -> dict[str, GroupListing]:
    """ListGroups of every broker: each has the groups that it coordinates.

    Raises:
        kafka.errors.KafkaError: a broker did not answer, or has no answer.
    """
    return dict(client._manager.run(_list_groups, client))


async def _list_groups(client: Any) -> dict[str, GroupListing]:
    manager = client._manager
    await manager.cluster.refresh_metadata()
    found = {}
    for node in [broker.node_id for broker in manager.cluster.brokers()]:
        response = await _loaded(client, node)
        if response.error_code != 0:
            raise foreign.for_code(response.error_code)()
        for group in response.groups:
            found[group.group_id] = GroupListing(
                group.group_id,
                _kind(getattr(group, "group_type", None), group.protocol_type),
                getattr(group, "group_state", None) or "",
                group.protocol_type or "",
            )
    return found


def _kind(named: str | None, protocol_type: str) -> GroupKind:
    """Brokers before 3.8 do not tell: theirs are classic ones, but for the early access of KIP-848."""
    try:
        return GroupKind((named or "classic").lower())
    except ValueError:
        return GroupKind.OTHER


async def _loaded(client: Any, node: int) -> Any:
    """The broker's list, once it has loaded its groups."""
    for delay in _DELAYS:
        response = await client._manager.send(ListGroupsRequest(), node_id=node)
        if response.error_code not in COORDINATOR_AWAY:
            return response
        await client._net.sleep(delay)
    return await client._manager.send(ListGroupsRequest(), node_id=node)


def describe_groups(client: Any, kinds: Mapping[str, GroupKind]) -> dict[str, Group | int]:
    """The groups by name, each asked for as its kind wants it; Streams groups are not asked for members."""
    found: dict[str, Group | int] = {
        name: Group(name, kind, "", "", members=None)
        for name, kind in kinds.items()
        if kind in (GroupKind.STREAMS, GroupKind.OTHER)
    }
    for kind, request, read in (
        (GroupKind.CLASSIC, _describe_classic, _classic),
        (GroupKind.CONSUMER, _describe_consumer, _consumer),
        (GroupKind.SHARE, _describe_share, _share),
    ):
        names = [name for name, its in kinds.items() if its is kind]
        try:
            found |= client._manager.run(_of_coordinators, client, names, request, read)
        except foreign.IncompatibleBrokerVersion:  # share groups of 4.0, in early access
            found |= {name: Group(name, kind, "", "", members=None) for name in names}
    return found


def _describe_classic(names: list[str]) -> Any:
    return DescribeGroupsRequest(groups=names, include_authorized_operations=False)


def _describe_consumer(names: list[str]) -> Any:
    return ConsumerGroupDescribeRequest(group_ids=names, include_authorized_operations=False)


def _describe_share(names: list[str]) -> Any:
    return ShareGroupDescribeRequest(group_ids=names, include_authorized_operations=False)


def _classic(response: Any) -> Iterable[tuple[str, Group | int]]:
    for found in response.groups:
        if found.error_code != 0 or found.group_state == "Dead":
            yield found.group_id, found.error_code or NOT_FOUND
            continue
        ours = found.protocol_type in ("", "consumer")  # others have assignments of their own form
        members = tuple(_classic_member(member, ours) for member in found.members)
        yield (
            found.group_id,
            Group(
                found.group_id, GroupKind.CLASSIC, found.group_state, found.protocol_type, found.protocol_data, members
            ),
        )


def _classic_member(member: Any, ours: bool) -> Member:
    assigned: frozenset[TopicPartition] = frozenset()
    topics: tuple[str, ...] = ()
    if ours:
        try:
            if member.member_assignment:
                decoded = ConsumerProtocolAssignment.decode(member.member_assignment)
                assigned = frozenset((tp.topic, tp.partition) for tp in decoded.partitions())
            if member.member_metadata:
                topics = tuple(sorted(ConsumerProtocolSubscription.decode(member.member_metadata).topics))
        except _NOT_OURS:
            pass  # of a client with a form of its own: who is there is known all the same
    return Member(
        member.member_id,
        member.client_id,
        member.client_host.removeprefix("/"),
        getattr(member, "group_instance_id", None),
        assigned,
        None,
        topics,
    )


def _consumer(response: Any) -> Iterable[tuple[str, Group | int]]:
    return _described(response, GroupKind.CONSUMER)


def _share(response: Any) -> Iterable[tuple[str, Group | int]]:
    return _described(response, GroupKind.SHARE)


def _described(response: Any, kind: GroupKind) -> Iterable[tuple[str, Group | int]]:
    """The two newer protocols answer alike, and their groups' type is called as their kind."""
    for found in response.groups:
        if found.error_code != 0:
            yield found.group_id, found.error_code
            continue
        members = tuple(map(_member, found.members))
        yield (
            found.group_id,
            Group(found.group_id, kind, found.group_state, kind.value, found.assignor_name, members),
        )


def _member(member: Any) -> Member:
    target = getattr(member, "target_assignment", None)  # those of share groups have none, and no instance id
    return Member(
        member.member_id,
        member.client_id,
        member.client_host.removeprefix("/"),
        getattr(member, "instance_id", None),
        _partitions(member.assignment),
        None if target is None else _partitions(target),
        tuple(sorted(member.subscribed_topic_names)),
    )


def _partitions(assignment: Any) -> frozenset[TopicPartition]:
    return frozenset((entry.topic_name, number) for entry in assignment.topic_partitions for number in entry.partitions)


def group_offsets(client: Any, groups: Collection[str]) -> dict[str, dict[TopicPartition, Committed] | int]:
    """OffsetFetch: all that each group has committed; nothing for one that does not exist or never committed."""
    answer = client._manager.run(_of_coordinators, client, list(groups), _fetch_offsets, _offsets)
    return dict(answer)


def _fetch_offsets(names: list[str]) -> Any:
    group = OffsetFetchRequest.OffsetFetchRequestGroup
    # version 8 is the first for several groups, and the last that names topics
    return OffsetFetchRequest(
        groups=[group(group_id=name, topics=None) for name in names], min_version=8, max_version=8
    )


def _offsets(response: Any) -> Iterable[tuple[str, dict[TopicPartition, Committed] | int]]:
    for found in response.groups:
        if found.error_code not in (0, NOT_FOUND):
            yield found.group_id, found.error_code
            continue
        yield (
            found.group_id,
            {
                (topic.name, partition.partition_index): Committed(
                    partition.committed_offset, (partition.metadata or "").rstrip("\0")
                )
                for topic in found.topics
                for partition in topic.partitions
                if partition.error_code == 0 and partition.committed_offset >= 0
            },
        )


async def _of_coordinators(
    client: Any,
    groups: list[str],
    request: Callable[[list[str]], Any],
    read: Callable[[Any], Iterable[tuple[str, T | int]]],
) -> dict[str, T | int]:
    """Ask for each group the broker that coordinates it, all groups of a broker at once, again while one is loading."""
    answers: dict[str, T | int] = {}
    left = groups
    for delay in (*_DELAYS, None):
        nodes = defaultdict(list)
        for name, node in (await _coordinators(client._manager, left, answers)).items():
            nodes[node].append(name)
        asked = [client._manager.send(request(names), node_id=node) for node, names in nodes.items()]
        for future in asked:
            answers |= dict(read(await future))
        left = [name for name in left if answers.get(name) in COORDINATOR_AWAY]
        if not left or delay is None:
            break
        await client._net.sleep(delay)
    return answers


async def _coordinators(manager: Any, groups: list[str], answers: dict[str, Any]) -> dict[str, int]:
    """Node ids by group; the error code goes to ``answers`` where there is none."""
    if not groups:
        return {}
    request = FindCoordinatorRequest(key_type=_GROUP_COORDINATOR, coordinator_keys=groups, min_version=4, max_version=5)
    found = {}
    for coordinator in (await manager.send(request)).coordinators:
        if coordinator.error_code != 0:
            answers[coordinator.key] = coordinator.error_code
            continue
        found[coordinator.key] = coordinator.node_id
    if any(manager.cluster.broker_metadata(node) is None for node in found.values()):
        await manager.cluster.refresh_metadata()
    return found


def log_ranges(client: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, LogRange | int]:
    """Metadata, and two ListOffsets of each leader: where logs begin and end, whatever transactions are open."""
    return dict(client._manager.run(_log_ranges, client._manager, partitions))


async def _log_ranges(manager: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, LogRange | int]:
    leaders, answers = await leaders_of(manager, partitions)
    asked = [
        (spec, manager.send(_list_offsets(dict.fromkeys(of_leader, spec)), node_id=leader))
        for leader, of_leader in leaders.items()
        for spec in (_EARLIEST, _LATEST)
    ]
    found: dict[int, dict[TopicPartition, int]] = {_EARLIEST: {}, _LATEST: {}}
    codes: dict[TopicPartition, int] = {}
    for spec, future in asked:
        for topic in (await future).topics:
            for partition in topic.partitions:
                key = (topic.name, partition.partition_index)
                if partition.error_code != 0:
                    codes[key] = partition.error_code
                else:
                    found[spec][key] = partition.offset
    ranges: dict[TopicPartition, LogRange | int] = {
        key: LogRange(start, found[_LATEST][key]) for key, start in found[_EARLIEST].items() if key in found[_LATEST]
    }
    return ranges | answers | codes


def offsets_at(client: Any, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """ListOffsets by time, in milliseconds since 1970: the first offset whose record is not older.

    A partition is missing where there is no such record, or no leader.
    """
    return dict(client._manager.run(_offsets_at, client._manager, times))


async def _offsets_at(
    manager: Any, times: Mapping[TopicPartition, int], isolation: int = 0
) -> dict[TopicPartition, int]:
    leaders, _ = await leaders_of(manager, times)
    asked = [
        manager.send(_list_offsets({key: times[key] for key in of_leader}, isolation), node_id=leader)
        for leader, of_leader in leaders.items()
    ]
    found: dict[TopicPartition, int] = {}
    for future in asked:
        for topic in (await future).topics:
            for partition in topic.partitions:
                if partition.error_code == 0 and partition.offset >= 0:
                    found[topic.name, partition.partition_index] = partition.offset
    return found


def stable_ends(client: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """ListOffsets with read_committed: where the first transaction that is open begins, else the log's end."""
    times = dict.fromkeys(partitions, _LATEST)
    return dict(client._manager.run(_offsets_at, client._manager, times, _READ_COMMITTED))


def _list_offsets(times: Mapping[TopicPartition, int], isolation: int = 0) -> Any:
    topic = ListOffsetsRequest.ListOffsetsTopic
    return ListOffsetsRequest(
        isolation_level=isolation,
        topics=[
            topic(
                name=name,
                partitions=[topic.ListOffsetsPartition(partition_index=n, timestamp=times[name, n]) for n in numbers],
            )
            for name, numbers in by_topic(times).items()
        ],
        min_version=2 if isolation else 1,
    )


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Partition numbers by topic."""
    grouped = defaultdict(list)
    for name, number in partitions:
        grouped[name].append(number)
    return grouped


async def leaders_of(
    manager: Any, partitions: Collection[TopicPartition]
) -> tuple[dict[int, list[TopicPartition]], dict[TopicPartition, int]]:
    """The partitions by their leader's node id, and error codes of those that have none."""
    if not partitions:
        return {}, {}
    names = sorted({name for name, _ in partitions})
    request = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=name) for name in names],
        allow_auto_topic_creation=False,
        max_version=9,
    )
    response = await manager.send(request)
    up = {broker.node_id for broker in response.brokers}
    known: dict[TopicPartition, int] = {}
    codes: dict[str, int] = {}
    for topic in response.topics:
        codes[topic.name] = topic.error_code
        for partition in topic.partitions:
            known[topic.name, partition.partition_index] = partition.leader_id
    leaders = defaultdict(list)
    errors: dict[TopicPartition, int] = {}
    for key in dict.fromkeys(partitions):
        leader = known.get(key)
        if leader is None:
            errors[key] = codes.get(key[0]) or _UNKNOWN_PARTITION
        elif leader not in up:
            errors[key] = _NO_LEADER
        else:
            leaders[leader].append(key)
    if any(manager.cluster.broker_metadata(leader) is None for leader in leaders):
        await manager.cluster.refresh_metadata()
    return leaders, errors
