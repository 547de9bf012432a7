"""Kafka's admin requests, batched: one request for all topics of a call, and each answer keyed by its topic.

librdkafka (confluent_kafka) does what it can; kafka-python does the rest. The event loop is never blocked. Methods that
answer by topic put a KafkadeError in place of a topic's result; they raise only when the whole request got no answer:
ClusterUnreachable, AuthenticationFailed, TLSFailed, or InvalidSpec where the client's settings cannot be used; and NotLeader
where it is a write and this operator does not hold its Lease.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from confluent_kafka import KafkaError as ForeignError
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka import admin as ck
from confluent_kafka.admin import AdminClient

from kafkade.api.errors import ClusterUnreachable, KafkadeError, NotSupportedByCluster
from kafkade.clients.fence import FENCE
from kafkade.clients.group_model import Group, GroupKind, GroupListing, LogRange, NextRecord
from kafkade.clients.kafka_access import (
    Acl,
    ScramPassword,
    allowed_to,
    any_acl,
    binding,
    deletion,
    exactly,
    mechanisms,
    read_acls,
    upsertion,
)
from kafkade.clients.kafka_batches import Batch
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_disks import LogDir
from kafkade.clients.kafka_errors import Action, answer_error
from kafkade.clients.kafka_features import METADATA_VERSION, metadata_version_name
from kafkade.clients.kafka_link import DOWN_GRACE, Link
from kafkade.clients.kafka_python import KafkaPython
from kafkade.clients.kafka_topic_id import id_of
from kafkade.clients.model import (
    BrokerNode,
    ClusterDescription,
    Committed,
    ConfigEntry,
    ConfigSource,
    Health,
    NewTopic,
    Partition,
    PartitionMove,
    PartitionOffsets,
    Replication,
    TopicDescription,
    TopicState,
)
from kafkade.clients.tracing import traced

__all__ = ["KafkaAdmin", "Security"]

log = logging.getLogger("kafkade.kafka")

T = TypeVar("T")
ByTopic = dict[str, KafkadeError | None]

_CREATE = Action("create", "topic", "Create")
_DESCRIBE = Action("describe", "topic", "Describe")
_CONFIGS = Action("read the settings of", "topic", "DescribeConfigs")
_ALTER_CONFIGS = Action("change the settings of", "topic", "AlterConfigs")
_PARTITIONS = Action("add partitions to", "topic", "Alter")
_DELETE = Action("delete", "topic", "Delete")
_GROUP_CONFIGS = Action("read the settings of", "group", "DescribeConfigs")
_ALTER_GROUP = Action("change the settings of", "group", "AlterConfigs")
_READ_ACLS = Action("read", "the ACLs", "Describe")
_ADD_ACL = Action("add", "the ACL", "Alter")
_DELETE_ACL = Action("delete", "the ACL", "Alter")
_READ_USER = Action("look for", "SCRAM user", "Describe")
_ALTER_USER = Action("change", "SCRAM user", "Alter")
_NO_SUCH_USER = 91
"""RESOURCE_NOT_FOUND."""
_BROKER_CONFIGS = Action("read the settings of", "broker", "DescribeConfigs")
_ALTER_BROKER = Action("change the settings of", "broker", "AlterConfigs")

_AUXILIARY_TIMEOUT = 5.0
"""Seconds for what a status can do without: the racks, the active controller and the feature levels."""

_ANY_TOPIC = TopicCollection(["__cluster_metadata"])
"""A name that no user gives to a topic. Metadata that asks for a topic always has something to answer."""

_PAUSE = 0.5
"""Seconds between two looks for a broker that is up."""

_SINGLE_BROKER_TIMEOUT = 5.0
_FRESH = 1.0
"""Seconds for which an answer shows that brokers can be talked to."""

_SOURCES = {
    ck.ConfigSource.DYNAMIC_TOPIC_CONFIG.value: ConfigSource.TOPIC,
    ck.ConfigSource.DYNAMIC_BROKER_CONFIG.value: ConfigSource.BROKER,
    ck.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG.value: ConfigSource.DEFAULT_BROKER,
    ck.ConfigSource.STATIC_BROKER_CONFIG.value: ConfigSource.STATIC_BROKER,
    ck.ConfigSource.DEFAULT_CONFIG.value: ConfigSource.DEFAULT,
    ck.ConfigSource.GROUP_CONFIG.value: ConfigSource.GROUP,
}


@traced("kafka")
class KafkaAdmin:
    """One Kafka cluster's admin API. ``timeout`` in seconds bounds each request."""

    def __init__(self, security: Security, *, timeout: float = 15.0) -> None:
        self.throttling = asyncio.Lock()
        """To be held by whoever sets or takes away the brokers' throttle, which all moves of the cluster share."""
        self._security = security
        self._timeout = timeout
        self._link = Link(security, timeout)
        self._python = KafkaPython(security, timeout, self._way_is_clear)
        self._reaching: asyncio.Future[Any] | None = None
        self._controller: int | None = None
        self._racks: dict[int, str | None] = {}

    def __repr__(self) -> str:
        return f"KafkaAdmin({self._security!r})"

    @property
    def security(self) -> Security:
        """How the brokers are reached: for clients of the same cluster that are no admin clients."""
        return self._security

    async def close(self) -> None:
        """Close all connections once running requests have their answers; new requests get ClusterUnreachable."""
        await self._link.close()
        await self._python.close()

    async def describe_cluster(self) -> ClusterDescription:
        """Brokers and counts from one Metadata request over all topics that the principal may describe.

        Its answer is read by kafka-python, topic by topic: librdkafka has all of them in memory at once. librdkafka's own
        DescribeCluster would end the process where a broker that just started knows of no broker yet
        (rdkafka_admin.c, rd_kafka_DescribeClusterResponse_parse: an answer without brokers leaves no result, which is
        asserted). KRaft brokers name a random broker as the controller (KIP-500: requests for the controller go
        through any broker), so their answer counts only where there is no quorum to ask. When the quorum or the racks
        cannot be asked this time, what was last seen is kept; None when nothing was ever seen.
        """
        await self._reach()
        found: ClusterDescription | None = None
        try:
            async with asyncio.timeout(_AUXILIARY_TIMEOUT):
                found = await self._python.overview()
                self._racks |= {broker.id: broker.rack for broker in found.brokers}
                self._controller = await self._python.controller()
        except NotSupportedByCluster:
            self._controller = found.controller if found is not None else None
        except (KafkadeError, TimeoutError) as error:
            log.debug("not all is known of %s this time: %s", self._security.bootstrap, error)
        if found is None or not found.brokers:
            found = await self._metadata()
        return replace(found, controller=self._controller)

    async def _metadata(self) -> ClusterDescription:
        """The same by librdkafka, of a cluster that has brokers and answered just now; racks as they were last seen.

        A KRaft broker that starts or is being shut down names no broker at all, itself included. That is over in a
        moment, with an answer or without one, so it is asked again for a while. librdkafka closes its connections to
        brokers that are named no more, and a request that meets this fails: it gets one more try, on new connections.

        Raises:
            ClusterUnreachable: no broker is up, or none answers. Other KafkadeErrors as everywhere.
        """
        started = time.monotonic()
        nameless = lost = False
        while not nameless or time.monotonic() - started < DOWN_GRACE:
            try:
                found: ClusterDescription | None = await self._link.call_blocking(
                    lambda admin: _list_topics(admin, self._timeout)
                )
            except ClusterUnreachable:
                if lost and not nameless:
                    raise
                lost = True
            else:
                if found is not None and found.brokers:
                    return replace(found, brokers=tuple(replace(b, rack=self._racks.get(b.id)) for b in found.brokers))
                nameless = True
            await asyncio.sleep(_PAUSE)
        raise ClusterUnreachable(
            f"{self._security.bootstrap} answers, but knows of no broker that is up, itself included:"
            " look into the brokers' logs if this lasts"
        )

    async def features(self) -> Mapping[str, int | str] | None:
        """Finalized feature levels; metadata.version by its name (``4.1-IV1``).

        Empty where they cannot be had, None where there was no answer in time.
        """
        try:
            async with asyncio.timeout(_AUXILIARY_TIMEOUT):
                levels = await self._python.features()
        except (KafkadeError, TimeoutError) as error:
            log.debug("the feature levels of %s are not known: %s", self._security.bootstrap, error)
            return None if isinstance(error, TimeoutError) or error.retryable else {}
        named: dict[str, int | str] = dict(levels)
        if METADATA_VERSION in levels:
            named[METADATA_VERSION] = metadata_version_name(levels[METADATA_VERSION])
        return named

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicDescription | KafkadeError]:
        """Ids, partitions, replicas; UnknownTopic for a name that is no topic. One request, and no topic is made by it."""
        wanted = list(dict.fromkeys(names))
        answers = await self._many(
            wanted,
            lambda a: a.describe_topics(TopicCollection(wanted), request_timeout=self._timeout),
            repeatable=True,
        )
        return {name: self._result(_DESCRIBE, name, answers[name], _description) for name in wanted}

    async def topics(self) -> dict[str, int]:
        """All topics that the principal may describe, internal ones included, with their numbers of partitions."""
        metadata = await self._link.call_blocking(lambda admin: admin.list_topics(timeout=self._timeout))
        return {name: len(topic.partitions) for name, topic in metadata.topics.items()}

    async def offsets(self, partitions: Mapping[str, Collection[int]]) -> dict[tuple[str, int], PartitionOffsets]:
        """Where partitions begin and end, by topic and partition.

        Raises:
            UnknownTopic: one of them is not there. Other KafkadeErrors as everywhere.
        """
        return await self._python.offsets(partitions) if partitions else {}

    async def committed(self, groups: Collection[str]) -> dict[str, dict[tuple[str, int], Committed]]:
        """What groups have committed, by group, then by topic and partition; empty for one that does not exist."""
        return await self._python.committed(groups) if groups else {}

    async def list_groups(self) -> dict[str, GroupListing]:
        """All groups of every kind that the principal may describe, by name. One request to each broker."""
        return await self._python.list_groups()

    async def describe_groups(self, kinds: Mapping[str, GroupKind]) -> dict[str, Group | KafkadeError]:
        """Groups with their members, each asked for in its kind's way; one that does not exist is left out.

        One request to each coordinator and kind. ``kinds``: as ``list_groups`` has them.
        """
        return await self._python.describe_groups(kinds) if kinds else {}

    async def group_offsets(
        self, groups: Collection[str]
    ) -> dict[str, Mapping[tuple[str, int], Committed] | KafkadeError]:
        """What groups have committed, as ``committed``; an error in place of a group's that may not be read.

        One request to each coordinator.
        """
        return dict(await self._python.group_offsets(groups)) if groups else {}

    async def log_ranges(
        self, partitions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], LogRange | KafkadeError]:
        """Where partitions begin and end, as ``offsets``, but by partition: an error in place of one that has no leader.

        Two requests to each leader.
        """
        return await self._python.log_ranges(partitions) if partitions else {}

    async def next_records(
        self, offsets: Mapping[tuple[str, int], int], *, rounds: int = 8
    ) -> dict[tuple[str, int], NextRecord]:
        """What stands at each offset or after it: the time of the first record there, by the headers of batches.

        One request to each leader and round, each answer of 4 MiB at most (or one batch, where that is larger). A
        partition is missing where it cannot be read, its offset is not there, or the rounds were too few.
        """
        return await self._python.next_records(offsets, rounds) if offsets else {}

    async def offsets_at(self, times: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """The first offset of each partition whose record is not older than a time (milliseconds since 1970).

        A partition is missing where there is no such record. One request to each leader.
        """
        return await self._python.offsets_at(times) if times else {}

    async def stable_ends(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """How far consumers with isolation.level=read_committed can read: to the first transaction that is open.

        A partition is missing where it has no leader. One request to each leader.
        """
        return await self._python.stable_ends(partitions) if partitions else {}

    async def batches(
        self, ranges: Mapping[tuple[str, int], LogRange], *, partition_bytes: int
    ) -> dict[tuple[str, int], list[Batch] | KafkadeError]:
        """Headers of the batches in ranges of offsets, at most about ``partition_bytes`` of each partition.

        An error in place of those of a partition that cannot be read.
        """
        return await self._python.batches(ranges, partition_bytes) if ranges else {}

    async def arrivals(
        self, offsets: Mapping[tuple[str, int], int], seconds: float
    ) -> list[tuple[tuple[str, int], Batch, float]]:
        """Batches that come within some seconds, from these offsets on: partition, header, and when it was received.

        Other requests that kafka-python answers wait meanwhile.
        """
        return await self._python.arrivals(offsets, seconds) if offsets else []

    async def log_dirs(self) -> list[LogDir]:
        """The brokers' disks and what lies on them. One request to each broker.

        Raises:
            AuthorizationFailed: it takes Describe on the cluster. Other KafkadeErrors as everywhere.
        """
        return await self._python.log_dirs()

    async def versions(self) -> dict[int, str]:
        """The release that each broker is of at least, by its node id."""
        return await self._python.versions()

    async def delete_groups(self, groups: Collection[str]) -> dict[str, KafkadeError | None]:
        """Delete consumer groups with their offsets; by group, what kept it from being deleted.

        By kafka-python: librdkafka's requests to coordinators can end the process.
        """
        return await self._python.delete_groups(groups) if groups else {}

    async def topic_configs(self, names: Collection[str]) -> dict[str, Mapping[str, ConfigEntry] | KafkadeError]:
        """All settings of topics, defaults included: one DescribeConfigs."""
        wanted = [ck.ConfigResource(ck.ResourceType.TOPIC, name) for name in dict.fromkeys(names)]
        answers = await self._many(
            wanted, lambda a: a.describe_configs(wanted, request_timeout=self._timeout), repeatable=True
        )
        return {r.name: self._result(_CONFIGS, r.name, answers[r], _entries) for r in wanted}

    async def survey(self, keys: Mapping[str, Collection[str]]) -> dict[str, TopicState | KafkadeError]:
        """Topics with some of their settings, by name: a key that the broker does not know is missing.

        For many topics: one Metadata and one DescribeConfigs for each 20,000, read without keeping what nobody asked for. All
        settings of one topic, which librdkafka always asks for, are forty entries.
        """
        return await self._python.survey(keys) if keys else {}

    async def create_topics(self, topics: Sequence[NewTopic], *, dry: bool = False) -> ByTopic:
        """One CreateTopics. A topic is made whole, with its settings, or not at all. ``dry``: only told what would come of it."""
        new = [ck.NewTopic(t.name, t.partitions, t.replication_factor, config=dict(t.config)) for t in topics]
        how = {**self._timeouts, "validate_only": dry}
        return await self._change(_CREATE, new, lambda admin: admin.create_topics(new, **how))

    async def create_partitions(self, totals: Mapping[str, int]) -> ByTopic:
        """One CreatePartitions: topic -> how many it shall have in all."""
        new = [ck.NewPartitions(name, total) for name, total in totals.items()]
        return await self._change(_PARTITIONS, new, lambda admin: admin.create_partitions(new, **self._timeouts))

    async def delete_topics(self, names: Collection[str]) -> ByTopic:
        """One DeleteTopics."""
        wanted = list(dict.fromkeys(names))
        return await self._change(_DELETE, wanted, lambda admin: admin.delete_topics(wanted, **self._timeouts))

    async def alter_topic_configs(self, changes: Mapping[str, Mapping[str, str | None]]) -> ByTopic:
        """One IncrementalAlterConfigs (KIP-339); None takes a topic's own value away, back to the default.

        A topic without changes is not asked for and answered with None.
        """
        return await self._alter(_ALTER_CONFIGS, ck.ResourceType.TOPIC, changes)

    async def group_configs(self, names: Collection[str]) -> dict[str, Mapping[str, ConfigEntry] | KafkadeError]:
        """All settings of groups, defaults included: one DescribeConfigs (KIP-1043). A group need not exist."""
        wanted = [ck.ConfigResource(ck.ResourceType.GROUP, name) for name in dict.fromkeys(names)]
        answers = await self._many(
            wanted, lambda a: a.describe_configs(wanted, request_timeout=self._timeout), repeatable=True
        )
        return {r.name: self._result(_GROUP_CONFIGS, r.name, answers[r], _entries) for r in wanted}

    async def alter_group_configs(
        self, changes: Mapping[str, Mapping[str, str | None]]
    ) -> dict[str, KafkadeError | None]:
        """One IncrementalAlterConfigs; None takes a group's own value away. By group, what kept it from being changed.

        What is set holds also for a group that nobody has joined yet, and stays when the last member leaves.
        """
        return await self._alter(_ALTER_GROUP, ck.ResourceType.GROUP, changes)

    async def acls(self) -> frozenset[Acl]:
        """All ACLs of the cluster: one DescribeAcls.

        Raises:
            NotSupportedByCluster: the brokers have no authorizer. AuthorizationFailed and others as everywhere.
        """
        answers = await self._many(
            [""], lambda a: {"": a.describe_acls(any_acl(), request_timeout=self._timeout)}, repeatable=True
        )
        result = self._result(_READ_ACLS, "", answers[""], read_acls)
        if isinstance(result, KafkadeError):
            raise result
        return result

    async def create_acls(self, acls: Collection[Acl]) -> dict[Acl, KafkadeError | None]:
        """One CreateAcls; by ACL, what kept it from being made. One that exists already is well."""
        new = {binding(acl): acl for acl in sorted(acls)}
        answers = await self._write(list(new), lambda a: a.create_acls(list(new), request_timeout=self._timeout))
        return {acl: self._refusal(_ADD_ACL, str(acl), answers[key]) for key, acl in new.items()}

    async def delete_acls(self, acls: Collection[Acl]) -> dict[Acl, KafkadeError | None]:
        """One DeleteAcls of just these; by ACL, what kept it from being deleted. One that is gone is well."""
        gone = {exactly(acl): acl for acl in sorted(acls)}
        answers = await self._write(list(gone), lambda a: a.delete_acls(list(gone), request_timeout=self._timeout))
        return {acl: self._refusal(_DELETE_ACL, str(acl), answers[key]) for key, acl in gone.items()}

    async def delete_allowed(self, principals: Collection[str]) -> dict[str, KafkadeError | None]:
        """One DeleteAcls of all that allows something to just these principals; by principal, what kept it from being done."""
        gone = {allowed_to(principal): principal for principal in sorted(set(principals))}
        answers = await self._write(list(gone), lambda a: a.delete_acls(list(gone), request_timeout=self._timeout))
        return {who: self._refusal(_DELETE_ACL, f"of {who}", answers[key]) for key, who in gone.items()}

    async def scram_users(self, names: Collection[str]) -> dict[str, frozenset[str] | KafkadeError]:
        """The mechanisms that users have a password for, none for a user that there is not: one DescribeUserScramCredentials."""
        wanted = list(dict.fromkeys(names))
        answers = await self._many(
            wanted,
            lambda a: a.describe_user_scram_credentials(wanted, request_timeout=self._timeout),  # type: ignore[arg-type, return-value]
            repeatable=True,
        )
        found: dict[str, frozenset[str] | KafkadeError] = {}
        for name, answer in answers.items():
            absent = isinstance(answer, ForeignError) and answer.code() == _NO_SUCH_USER
            found[name] = frozenset() if absent else self._result(_READ_USER, name, answer, mechanisms)
        return found

    async def alter_scram_users(
        self, passwords: Collection[ScramPassword], deletions: Collection[tuple[str, str]] = ()
    ) -> dict[str, KafkadeError | None]:
        """One AlterUserScramCredentials; ``deletions``: user and mechanism. By user, what kept it from being changed.

        A password to be deleted that there is not is well.
        """
        changes = [upsertion(new) for new in passwords] + [deletion(*gone) for gone in deletions]
        answers = await self._write(
            changes, lambda a: a.alter_user_scram_credentials(changes, request_timeout=self._timeout)
        )
        absent = {n for n, a in answers.items() if isinstance(a, ForeignError) and a.code() == _NO_SUCH_USER}
        return {n: None if n in absent else self._refusal(_ALTER_USER, n, answer) for n, answer in answers.items()}

    async def broker_configs(self, broker: int) -> Mapping[str, ConfigEntry]:
        """All settings of one broker, as it runs with them.

        Raises:
            KafkaRequestFailed: this broker is not up, though others may be. Other KafkadeErrors as everywhere.
        """
        wanted = ck.ConfigResource(ck.ResourceType.BROKER, str(broker))
        answers = await self._many([wanted], lambda a: a.describe_configs([wanted], request_timeout=self._single))
        result = self._result(_BROKER_CONFIGS, str(broker), answers[wanted], _entries)
        if isinstance(result, KafkadeError):
            raise result
        return result

    async def alter_broker_configs(self, broker: int, changes: Mapping[str, str | None]) -> None:
        """Dynamic settings of one broker (replication throttles); None takes one away.

        Raises:
            InvalidConfig: with the broker's text.
            KafkaRequestFailed: this broker is not up, though others may be. Other KafkadeErrors as everywhere.
        """
        if not changes:
            return
        wanted = _alteration(ck.ResourceType.BROKER, str(broker), changes)
        answers = await self._write(
            [wanted], lambda a: a.incremental_alter_configs([wanted], request_timeout=self._single)
        )
        error = self._refusal(_ALTER_BROKER, str(broker), answers[wanted])
        if error is not None:
            raise error

    async def default_broker_configs(self) -> Mapping[str, ConfigEntry]:
        """The cluster-wide dynamic broker settings (KIP-226): only those that are set."""
        return await self._python.default_broker_configs()

    async def alter_default_broker_configs(self, changes: Mapping[str, str | None]) -> None:
        """Set cluster-wide dynamic broker settings; None takes one away. All or nothing.

        Raises:
            InvalidConfig: with the broker's text. Other KafkadeErrors as everywhere.
        """
        if changes:
            await self._python.alter_default_broker_configs(changes)

    async def reassign(
        self, moves: Mapping[tuple[str, int], tuple[int, ...] | None]
    ) -> dict[tuple[str, int], KafkadeError | None]:
        """AlterPartitionReassignments (KIP-455) by topic and partition; None cancels a running move."""
        return await self._python.reassign(moves) if moves else {}

    async def reassignments(self, names: Collection[str]) -> dict[tuple[str, int], PartitionMove]:
        """The partitions of these topics that move right now."""
        found = await self.describe_topics(names)
        partitions = {n: range(len(d.partitions)) for n, d in found.items() if isinstance(d, TopicDescription)}
        return await self._python.reassignments(partitions) if partitions else {}

    async def moving(self) -> bool:
        """Whether any partition of the cluster moves right now."""
        return await self._python.moving()

    async def replication(self) -> Replication:
        """What decides whether a broker can be spared, as all brokers agree, and the quorum's voters.

        Raises:
            NotSupportedByCluster: there is no quorum to ask (ZooKeeper).
            KafkaError: a broker did not answer, or the principal may not see a topic's settings.
        """
        return await self._python.replication()

    async def _alter(self, action: Action, kind: Any, changes: Mapping[str, Mapping[str, str | None]]) -> ByTopic:
        wanted = [_alteration(kind, name, keys) for name, keys in changes.items() if keys]
        answers = await self._write(
            wanted, lambda a: a.incremental_alter_configs(wanted, request_timeout=self._timeout)
        )
        results: ByTopic = dict.fromkeys(changes)
        for resource in wanted:
            results[resource.name] = self._refusal(action, resource.name, answers[resource])
        return results

    @property
    def _timeouts(self) -> dict[str, float]:
        """The broker waits a little less for the change to be visible than the client waits for the broker."""
        return {"request_timeout": self._timeout, "operation_timeout": self._timeout * 0.8}

    @property
    def _single(self) -> float:
        """For requests that only one certain broker can answer, which may well be down."""
        return min(self._timeout, _SINGLE_BROKER_TIMEOUT)

    async def _many(
        self,
        wanted: Sequence[Any],
        start: Callable[[AdminClient], Mapping[Any, Any]],
        *,
        repeatable: bool = False,
    ) -> dict[Any, Any]:
        return await self._link.call(start, repeatable=repeatable) if wanted else {}

    async def _write(self, wanted: Sequence[Any], start: Callable[[AdminClient], Mapping[Any, Any]]) -> dict[Any, Any]:
        def begin(admin: AdminClient) -> Mapping[Any, Any]:
            FENCE.check()
            return start(admin)

        return await self._many(wanted, begin)

    async def _way_is_clear(self) -> None:
        """Raises the reason when no broker can be talked to."""
        if time.monotonic() - max(self._link.answered_at, self._python.answered_at) > _FRESH:
            await self._reach()

    async def _reach(self) -> None:
        """Ask for next to nothing, whatever the answer is; raises the reason when no broker can be talked to.

        Who asks while it is being asked gets the same answer.
        """
        if self._reaching is None:
            self._reaching = asyncio.ensure_future(
                self._link.call(
                    lambda admin: admin.describe_topics(_ANY_TOPIC, request_timeout=self._timeout), repeatable=True
                )
            )
            self._reaching.add_done_callback(self._reached)
        await asyncio.shield(self._reaching)

    def _reached(self, asked: asyncio.Future[Any]) -> None:
        self._reaching = None
        if not asked.cancelled():
            asked.exception()  # seen, also where nobody waits for it any more

    async def _change(
        self, action: Action, wanted: Sequence[Any], start: Callable[[AdminClient], Mapping[str, Any]]
    ) -> ByTopic:
        answers = await self._write(wanted, start)
        return {name: self._refusal(action, name, answer) for name, answer in answers.items()}

    def _refusal(self, action: Action, name: str, answer: Any) -> KafkadeError | None:
        if not isinstance(answer, ForeignError):
            return None
        return answer_error(action, name, answer.code(), answer.str(), self._security.principal)

    def _result(self, action: Action, name: str, answer: Any, read: Callable[[Any], T]) -> T | KafkadeError:
        error = self._refusal(action, name, answer)
        return read(answer) if error is None else error


def _list_topics(admin: AdminClient, timeout: float) -> ClusterDescription | None:
    """None: a broker answered that it knows of no broker and no topic, which librdkafka takes for half an answer.

    Topics, some 1.5 KB each, are counted and let go by the thread that asked.
    """
    try:
        found: Any = admin.list_topics(timeout=timeout)
        brokers = sorted(found.brokers.values(), key=lambda b: b.id)
        controller = found.controller_id if found.controller_id >= 0 else None
        nodes = tuple(BrokerNode(b.id, b.host, b.port, None) for b in brokers)
        return ClusterDescription(found.cluster_id, controller, nodes, _health(found))
    except KafkaException as error:
        if error.args[0].code() == ForeignError._PARTIAL:
            return None
        raise


def _health(metadata: Any) -> Health:
    partitions = [p for topic in metadata.topics.values() for p in topic.partitions.values()]
    return Health(
        topics=len(metadata.topics),
        partitions=len(partitions),
        under_replicated=sum(len(p.isrs) < len(p.replicas) for p in partitions),
        offline=sum(p.leader < 0 for p in partitions),
    )


def _description(found: Any) -> TopicDescription:
    partitions = tuple(
        Partition(
            replicas=tuple(n.id for n in p.replicas),
            isr=tuple(n.id for n in p.isr),
            leader=p.leader.id if p.leader is not None and p.leader.id >= 0 else None,
        )
        for p in sorted(found.partitions, key=lambda p: p.id)
    )
    return TopicDescription(found.name, id_of(found), partitions, internal=bool(found.is_internal))


def _entries(found: Mapping[str, Any]) -> dict[str, ConfigEntry]:
    return {
        key: ConfigEntry(
            value=None if entry.is_sensitive else entry.value,
            source=_SOURCES.get(int(getattr(entry.source, "value", entry.source)), ConfigSource.OTHER),
            read_only=entry.is_read_only,
            sensitive=entry.is_sensitive,
        )
        for key, entry in found.items()
    }


def _alteration(kind: Any, name: str, changes: Mapping[str, str | None]) -> Any:
    operations = [
        ck.ConfigEntry(
            key,
            value,
            incremental_operation=ck.AlterConfigOpType.DELETE if value is None else ck.AlterConfigOpType.SET,
        )
        for key, value in changes.items()
    ]
    return ck.ConfigResource(kind, name, incremental_configs=operations)
