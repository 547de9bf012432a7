"""What only kafka-python has, or has without danger or in less memory: reassignments, the quorum, features, many topics at once.

kafka-python blocks and runs threads of its own, so its client is made when needed, called in one worker thread, and
closed when idle.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from kafka import KafkaAdminClient, TopicPartition
from kafka import errors as foreign
from kafka.admin import ConfigResourceType, OffsetSpec, OffsetTimestamp
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.protocol.admin import DescribeConfigsRequest, IncrementalAlterConfigsRequest

from kafkade.api.errors import AuthenticationFailed, ClusterUnreachable, KafkadeError
from kafkade.clients import kafka_batches, kafka_disks, kafka_groups
from kafkade.clients.fence import FENCE
from kafkade.clients.group_model import Group, GroupKind, GroupListing, LogRange, NextRecord
from kafkade.clients.kafka_config import SaslOAuth, Security, python_config
from kafkade.clients.kafka_errors import Action, answer_error
from kafkade.clients.kafka_link import check_open
from kafkade.clients.kafka_oauth import TokenProvider
from kafkade.clients.kafka_replication import quorum, read
from kafkade.clients.kafka_survey import Refused, entries, overview, survey
from kafkade.clients.model import (
    ClusterDescription,
    Committed,
    ConfigEntry,
    PartitionMove,
    PartitionOffsets,
    Replication,
    TopicState,
)

IDLE = 1.0
"""Seconds without a call after which the connections are closed: kept over a broker's end they are tried on and on."""

_SET, _DELETE = 0, 1
"""IncrementalAlterConfigs operations (KIP-339)."""

_DEFAULT_BROKER = ""
"""The broker entity's name that means "all brokers" (KIP-226)."""

# its errors arrive as exceptions; at DEBUG it would write the whole configuration, passwords included
logging.getLogger("kafka").setLevel(logging.CRITICAL)

R = TypeVar("R")


class _ClosedWhenRefused(KafkaNetSocket):  # type: ignore[misc]
    """A direct connection. kafka-python leaves the socket of each refused one to the garbage collector.

    Ways to connect are chosen by the scheme of ``proxy_url``; this class registers itself for one.
    """

    SCHEMES = ("kafkade",)
    URL = "kafkade://direct"

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        """Connect ``sock``, or close it."""
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


_READ_DEFAULTS = Action("read", "cluster-wide broker settings", "DescribeConfigs")
_SETTINGS = Action("read the settings of", "topic", "DescribeConfigs")
_DESCRIBE_TOPIC = Action("describe", "topic", "Describe")
_ALTER_DEFAULTS = Action("change", "cluster-wide broker settings", "AlterConfigs")
_REASSIGN = Action("reassign", "topic", "Alter")
_REASSIGN_ALL = Action("reassign partitions in", "the cluster", "Alter")
_MOVES = Action("list the reassignments of", "the cluster", "Describe")
_DESCRIBE = Action("describe", "the cluster", "Describe")
_REPLICATION = Action("see the replication of", "all topics", "Describe and DescribeConfigs")
_OFFSETS = Action("list the offsets of", "dead-letter topics", "Describe")
_COMMITTED = Action("read the committed offsets of", "consumer groups", "Describe")
_DELETE_GROUPS = Action("delete", "group", "Delete")
_LIST_GROUPS = Action("list the groups of", "the cluster", "Describe")
_DESCRIBE_GROUP = Action("describe", "group", "Describe")
_GROUP_OFFSETS = Action("read the committed offsets of", "group", "Describe")
_LOG = Action("list the offsets of", "topic", "Describe")
_DISKS = Action("see the disks of", "the cluster", "Describe")
_READ = Action("read", "topic", "Read")
_NEXT = Action("read", "topics", "Read")


class KafkaPython:
    """A kafka-python admin client behind ``await``. ``timeout`` in seconds bounds each request."""

    def __init__(self, security: Security, timeout: float, way_is_clear: Callable[[], Awaitable[object]]) -> None:
        """``way_is_clear`` is awaited before each request.

        It is librdkafka that tells soon why no broker can be talked to; kafka-python tries until its time is up.
        """
        self._security = security
        self._timeout = timeout
        self._way_is_clear = way_is_clear
        self._client: Any = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="kafkade-kafka-python")
        self._idle: asyncio.TimerHandle | None = None
        self.answered_at = float("-inf")
        """When a broker answered last, on time.monotonic's clock."""
        self._asking = 0
        """Calls that are under way or wait for their turn."""
        self._closed = False

    async def controller(self) -> int | None:
        """Node id of the active controller, from DescribeQuorum; None where none is elected."""
        return await self._run(_DESCRIBE, lambda client: quorum(client).leader)

    async def replication(self) -> Replication:
        """Metadata and DescribeConfigs of all topics from each broker, and DescribeQuorum."""
        return await self._run(_REPLICATION, read)

    async def overview(self) -> ClusterDescription:
        """Brokers with their racks, and counts, from Metadata of all topics. The controller is whoever that names."""
        return await self._run(_DESCRIBE, overview)

    async def features(self) -> dict[str, int]:
        """Finalized feature levels (KIP-584) by name."""
        answer = await self._run(_DESCRIBE, lambda client: client.describe_features())
        return {name: int(entry["finalized"][1]) for name, entry in answer.items() if "finalized" in entry}

    async def offsets(self, partitions: Mapping[str, Collection[int]]) -> dict[tuple[str, int], PartitionOffsets]:
        """ListOffsets: where partitions begin and end, and the timestamp of their first record."""
        wanted = [TopicPartition(name, number) for name, numbers in partitions.items() for number in numbers]
        asked = [dict.fromkeys(wanted, spec) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetTimestamp(0))]
        starts, ends, firsts = await self._run(
            _OFFSETS, lambda client: [client.list_partition_offsets(specs) for specs in asked]
        )
        return {
            (tp.topic, tp.partition): PartitionOffsets(starts[tp].offset, ends[tp].offset, _timestamp(firsts.get(tp)))
            for tp in wanted
        }

    async def committed(self, groups: Collection[str]) -> dict[str, dict[tuple[str, int], Committed]]:
        """OffsetFetch: what each group has committed, by topic and partition; nothing for a group that does not exist."""
        answer = await self._run(_COMMITTED, lambda client: client.list_group_offsets(dict.fromkeys(groups)))
        return {
            group: {
                # confluent_kafka commits metadata with a NUL at its end
                (tp.topic, tp.partition): Committed(found.offset, (found.metadata or "").rstrip("\0"))
                for tp, found in answer.get(group, {}).items()
                if found.offset >= 0
            }
            for group in groups
        }

    async def delete_groups(self, groups: Collection[str]) -> dict[str, KafkadeError | None]:
        """DeleteGroups: by group, what kept it from being deleted. One that does not exist is well."""
        answer = await self._run(_DELETE_GROUPS, lambda client: client.delete_groups(list(groups)), write=True)
        return {group: self._kept(group, answer.get(group, "OK")) for group in groups}

    def _kept(self, group: str, answer: str) -> KafkadeError | None:
        """kafka-python answers with the name of its own class of error."""
        error: Any = getattr(foreign, answer, foreign.UnknownError)
        if answer == "OK" or error is foreign.GroupIdNotFoundError:
            return None
        return answer_error(_DELETE_GROUPS, group, error.errno, answer, self._security.principal)

    async def list_groups(self) -> dict[str, GroupListing]:
        """ListGroups of each broker."""
        return await self._run(_LIST_GROUPS, kafka_groups.list_groups)

    async def describe_groups(self, kinds: Mapping[str, GroupKind]) -> dict[str, Group | KafkadeError]:
        """DescribeGroups, ConsumerGroupDescribe (KIP-848) and ShareGroupDescribe (KIP-932); who is gone is left out."""
        answers = await self._run(_DESCRIBE_GROUP, lambda client: kafka_groups.describe_groups(client, kinds))
        return {
            name: self._unless_code(_DESCRIBE_GROUP, name, answer)
            for name, answer in answers.items()
            if answer != kafka_groups.NOT_FOUND
        }

    async def group_offsets(
        self, groups: Collection[str]
    ) -> dict[str, dict[tuple[str, int], Committed] | KafkadeError]:
        """OffsetFetch of each coordinator."""
        answers = await self._run(_GROUP_OFFSETS, lambda client: kafka_groups.group_offsets(client, groups))
        return {name: self._unless_code(_GROUP_OFFSETS, name, answer) for name, answer in answers.items()}

    async def log_ranges(
        self, partitions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], LogRange | KafkadeError]:
        """Two ListOffsets of each leader."""
        answers = await self._run(_LOG, lambda client: kafka_groups.log_ranges(client, partitions))
        return {key: self._unless_code(_LOG, f"{key[0]} partition {key[1]}", answer) for key, answer in answers.items()}

    async def next_records(
        self, offsets: Mapping[tuple[str, int], int], rounds: int
    ) -> dict[tuple[str, int], NextRecord]:
        """Fetch of each leader."""
        return await self._run(_NEXT, lambda client: kafka_batches.next_records(client, offsets, rounds))

    async def offsets_at(self, times: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """ListOffsets of each leader, by time."""
        return await self._run(_LOG, lambda client: kafka_groups.offsets_at(client, times))

    async def stable_ends(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """ListOffsets of each leader, with read_committed."""
        return await self._run(_LOG, lambda client: kafka_groups.stable_ends(client, partitions))

    async def batches(
        self, ranges: Mapping[tuple[str, int], LogRange], partition_bytes: int
    ) -> dict[tuple[str, int], list[kafka_batches.Batch] | KafkadeError]:
        """Fetch of each leader, until the ranges' ends."""
        answers = await self._run(_READ, lambda client: kafka_batches.read_batches(client, ranges, partition_bytes))
        return {key: self._unless_code(_READ, key[0], answer) for key, answer in answers.items()}

    async def arrivals(
        self, offsets: Mapping[tuple[str, int], int], seconds: float
    ) -> list[tuple[tuple[str, int], kafka_batches.Batch, float]]:
        """Fetches that wait, of each leader."""
        return await self._run(_NEXT, lambda client: kafka_batches.arrivals(client, offsets, seconds))

    async def log_dirs(self) -> list[kafka_disks.LogDir]:
        """DescribeLogDirs of each broker."""
        return await self._run(_DISKS, kafka_disks.log_dirs)

    async def versions(self) -> dict[int, str]:
        """ApiVersions of each broker."""
        return await self._run(_DESCRIBE, kafka_disks.versions)

    def _unless_code(self, action: Action, name: str, answer: R | int) -> R | KafkadeError:
        """The answer, or the error for the protocol's code that stands in its place."""
        if not isinstance(answer, int):
            return answer
        text = foreign.for_code(answer).__name__
        return answer_error(action, name, answer, text, self._security.principal)

    async def reassign(
        self, moves: Mapping[tuple[str, int], tuple[int, ...] | None]
    ) -> dict[tuple[str, int], KafkadeError | None]:
        """AlterPartitionReassignments (KIP-455); None cancels."""
        wanted = {TopicPartition(*key): None if to is None else list(to) for key, to in moves.items()}
        answer = await self._run(_REASSIGN_ALL, lambda client: client.alter_partition_reassignments(wanted), write=True)
        results: dict[tuple[str, int], KafkadeError | None] = {}
        for key in moves:
            error = answer.get(TopicPartition(*key), foreign.UnknownTopicOrPartitionError)
            results[key] = None if error is None else self._refused(error, key)
        return results

    def _refused(self, error: type[Any], key: tuple[str, int]) -> KafkadeError:
        text = getattr(error, "description", error.__name__)
        return answer_error(_REASSIGN, f"{key[0]} partition {key[1]}", error.errno, text, self._security.principal)

    async def reassignments(self, partitions: Mapping[str, Collection[int]]) -> dict[tuple[str, int], PartitionMove]:
        """ListPartitionReassignments for these partitions: those that move."""
        wanted = {name: sorted(numbers) for name, numbers in partitions.items()}
        answer = await self._run(_MOVES, lambda client: client.list_partition_reassignments(wanted))
        return {
            (tp.topic, tp.partition): PartitionMove(
                tuple(move["replicas"]), tuple(move["adding_replicas"]), tuple(move["removing_replicas"])
            )
            for tp, move in answer.items()
        }

    async def moving(self) -> bool:
        """ListPartitionReassignments for all topics: whether any partition moves."""
        return bool(await self._run(_MOVES, lambda client: client.list_partition_reassignments(None)))

    async def default_broker_configs(self) -> dict[str, ConfigEntry]:
        """The cluster-wide dynamic defaults: the entity's own settings only."""
        request = DescribeConfigsRequest(resources=[(ConfigResourceType.BROKER, _DEFAULT_BROKER, None)], min_version=1)
        response = await self._send(_READ_DEFAULTS, request)
        result = response.results[0]
        self._raise_for(_READ_DEFAULTS, result)
        return entries(result)

    async def survey(self, keys: Mapping[str, Collection[str]]) -> dict[str, TopicState | KafkadeError]:
        """Metadata and DescribeConfigs of some keys of each topic; a key that there is none of is missing."""
        answers = await self._run(_SETTINGS, lambda client: survey(client, keys, self._timeout))
        return {name: self._unless_refused(name, answer) for name, answer in answers.items()}

    def _unless_refused(self, name: str, answer: TopicState | Refused) -> TopicState | KafkadeError:
        if isinstance(answer, TopicState):
            return answer
        text = answer.text or foreign.for_code(answer.code).__name__
        action = _SETTINGS if answer.settings else _DESCRIBE_TOPIC
        return answer_error(action, name, answer.code, text, self._security.principal)

    async def alter_default_broker_configs(self, changes: Mapping[str, str | None]) -> None:
        """IncrementalAlterConfigs of the cluster-wide dynamic defaults; None takes a setting away.

        Raises:
            InvalidConfig: with the broker's text.
        """
        entries = [(key, _DELETE if value is None else _SET, value) for key, value in changes.items()]
        request = IncrementalAlterConfigsRequest(
            resources=[(ConfigResourceType.BROKER, _DEFAULT_BROKER, entries)], validate_only=False
        )
        response = await self._send(_ALTER_DEFAULTS, request, write=True)
        self._raise_for(_ALTER_DEFAULTS, response.responses[0])

    async def close(self) -> None:
        """Close the connections once running requests have their answers; new ones get ClusterUnreachable."""
        if self._closed:
            return
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._worker.submit(self._close)
        self._worker.shutdown(wait=False)

    async def _send(self, action: Action, request: Any, *, write: bool = False) -> Any:
        # the public methods take only numbers for a broker's name (kafka/admin/_configs.py, _group_config_resources)
        return await self._run(action, lambda client: client._manager.run(client._manager.send, request), write=write)

    def _raise_for(self, action: Action, result: Any) -> None:
        if result.error_code != 0:
            text = result.error_message or foreign.for_code(result.error_code).__name__
            raise answer_error(action, "", result.error_code, text, self._security.principal)

    async def _run(self, action: Action, work: Callable[[Any], R], *, write: bool = False) -> R:
        if write:
            FENCE.check()
        loop = asyncio.get_running_loop()
        self._begin()
        try:
            await self._way_is_clear()
            check_open(self._closed)
            answer = await loop.run_in_executor(self._worker, self._call, action, work, write)
        except ClusterUnreachable:
            self._close_soon()
            raise
        else:
            self.answered_at = time.monotonic()
            return answer
        finally:
            self._end(loop)

    def _begin(self) -> None:
        self._asking += 1
        if self._idle is not None:
            self._idle.cancel()

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asking -= 1
        if self._asking == 0:
            self._idle = loop.call_later(IDLE, self._close_soon)

    def _close_soon(self) -> None:
        if not self._closed:
            self._worker.submit(self._close)

    def _call(self, action: Action, work: Callable[[Any], R], write: bool) -> R:
        """In the worker thread."""
        try:
            if self._client is None:
                self._client = self._connect()
            if write:
                FENCE.check()  # again, since the way took its time
            return work(self._client)
        except foreign.BrokerResponseError as error:
            self._close()
            raise answer_error(action, "", error.errno, str(error), self._security.principal) from error
        except foreign.IncompatibleBrokerVersion as error:
            raise answer_error(action, "", foreign.UnsupportedVersionError.errno, str(error), "") from error
        except (foreign.KafkaError, OSError, ValueError, RuntimeError) as error:
            self._close()
            raise self._unreached(error) from error
        except KafkadeError:
            raise
        except Exception:
            self._close()  # a defect, or an answer that cannot be read: what is left on the connections is not known
            raise

    def _connect(self) -> Any:
        """A client; one whose making fails is ended too, as it would run its thread for ever."""
        made: list[Any] = []

        def make(**settings: Any) -> Any:
            made.append(KafkaNetClient(**settings))
            return made[-1]

        try:
            return KafkaAdminClient(kafka_client=make, **self._settings())
        except BaseException:
            for half in made:
                half._manager.close()
                half._net.stop()
                half._net.close()
            raise

    def _unreached(self, error: Exception) -> KafkadeError:
        text = str(error)
        if "uthentic" in text or "Sasl" in text:
            return AuthenticationFailed(f"the brokers refused the login of {self._security.principal}: {text}")
        return ClusterUnreachable(f"no broker at {self._security.bootstrap} can be reached: {text}")

    def _settings(self) -> dict[str, Any]:
        settings = python_config(self._security, self._timeout) | {"proxy_url": _ClosedWhenRefused.URL}
        if isinstance(self._security.sasl, SaslOAuth):
            settings["sasl_oauth_token_provider"] = TokenProvider(self._security.sasl, self._timeout)
        return settings

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _timestamp(found: Any) -> int | None:
    """ListOffsets answers -1 where no record has such a timestamp."""
    return None if found is None or found.timestamp is None or found.timestamp < 0 else int(found.timestamp)
