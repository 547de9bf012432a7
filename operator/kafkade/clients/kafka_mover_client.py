"""The reading side of a mover: one topic as committed records, what groups committed, single records of other topics.

All of it blocks, and belongs to one thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError as ForeignError
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka import admin as ck

from kafkade.api.errors import UnknownTopic
from kafkade.clients.kafka_errors import COORDINATOR_AWAY, LEADER_AWAY, Action
from kafkade.clients.kafka_mover_model import Positions, Record, Target
from kafkade.clients.kafka_topic_id import id_of
from kafkade.clients.kafka_way import MARGIN
from kafkade.clients.kafka_way_client import GROUP_DENIED, Way, record_of
from kafkade.clients.model import Committed

log = logging.getLogger("kafkade.librdkafka")

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that brokers get to become able to answer: a coordinator that moves, a broker that restarts."""

_READ = Action("read", "topic", "Read")
_GROUP = Action("use", "consumer group", "Read")
_PAUSE = 0.2
_TICK = 0.5
"""Seconds after which a wait can be broken off."""

_UNHEARD = 5.0
"""Seconds between two reads after which silence is not counted any more."""

_APPEARS = 3.0
"""Seconds until a topic is believed to be gone: a broker that has just started may not know it yet."""

_SEEK = 1_000
"""Records that are rather read and dropped than jumped over."""


class TopicReader:
    """Reads one topic, and what the group that it is named after has committed for it."""

    def __init__(self, way: Way, topic: str, group: str, stop: Callable[[], bool]) -> None:
        self.topic = topic
        self._way = way
        self._group = group
        self._stop = stop
        self._consumer = way.consumer(group)
        self._heard = self._asked = time.monotonic()

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def bounds(self) -> dict[int, tuple[int, int]]:
        """First offset and end of each partition, as readers of committed records see it.

        Raises:
            UnknownTopic: the topic does not exist. Others as ``Way.failed``.
        """
        numbers = partitions_of(self._way, self._consumer, self.topic)
        if numbers is None:
            raise UnknownTopic(f"topic {self.topic}: the brokers do not know it")
        return {p: bounds_of(self._way, self._consumer, self.topic, p, self._stop) for p in sorted(numbers)}

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions, each from its offset on; what was read ahead is forgotten."""
        self._consumer.unassign()
        self._consumer.assign([TopicPartition(self.topic, p, offset) for p, offset in positions.items()])
        self._heard = time.monotonic()

    def leave(self, partition: int) -> None:
        """Read no more of a partition."""
        self._consumer.incremental_unassign([TopicPartition(self.topic, partition)])

    def read(self, limit: int, timeout: float) -> tuple[list[Record], dict[int, int]]:
        """The next records, those of a partition in their order, and the ends of partitions that have no more for now.

        Raises:
            UnknownTopic: the topic was deleted.
            ClusterUnreachable: nothing came for as long as the timeout. Others as ``Way.failed``.
        """
        now = time.monotonic()
        if now - self._asked > _UNHEARD:
            # nobody listened meanwhile, because of a pause or a rate limit
            self._heard = now
        found = self._consumer.consume(limit, timeout)
        self._asked = time.monotonic()
        records = [record_of(message) for message in found if message.error() is None]
        ended: dict[int, int] = {}
        for message in found if len(records) < len(found) else ():
            error = message.error()
            if error is None:
                continue
            if error.code() == ForeignError._PARTITION_EOF:
                ended[message.partition()] = message.offset()
            elif error.code() == GROUP_DENIED or error.code() < 0 or error.retriable():
                log.debug("reading %s: %s", self.topic, error.str())
            else:
                raise self._way.failed(error, _READ, self.topic)
        if records or ended:
            self._heard = time.monotonic()
            self._way.heard()
        elif time.monotonic() - self._heard > PATIENCE:
            raise self._way.silent()
        return records, ended

    def committed(self) -> Positions:
        """What the group has committed, once no transaction that carries offsets of it is open (KIP-447).

        Raises:
            ClusterUnreachable, AuthorizationFailed, UnknownTopic: as the brokers answer.
        """
        return committed(self._way, self._consumer, self._group, self.topic, self._stop)

    def metadata(self) -> Any:
        """The group, as a transactional producer wants it."""
        return self._consumer.consumer_group_metadata()


def committed(way: Way, consumer: Any, group: str, topic: str, stop: Callable[[], bool]) -> Positions:
    """What ``group`` has committed for ``topic``, asked for by a consumer that is named after it."""
    asked = [TopicPartition(topic, partition) for partition in partitions_of(way, consumer, topic) or ()]

    def passing(cause: Any) -> bool:
        # librdkafka does not call the answer of a broker that was a group's coordinator a moment ago retriable
        return cause.retriable() or cause.code() < 0 or cause.code() in COORDINATOR_AWAY

    try:
        found = _once_there(lambda: consumer.committed(asked, timeout=way.timeout), passing, stop)
    except KafkaException as error:
        raise way.failed(error.args[0], _GROUP, group) from error
    for place in found:
        if place.error is not None:
            raise way.failed(place.error, _GROUP, group)
    # librdkafka's Python client commits metadata with the zero byte that ends strings in C
    return {p.partition: Committed(p.offset, (p.metadata or "").rstrip("\0")) for p in found if p.offset >= 0}


def _once_there(ask: Callable[[], T], passing: Callable[[Any], bool], stop: Callable[[], bool]) -> T:
    """What brokers answer, asked again while an error is ``passing``, for PATIENCE at most; then it is raised."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except KafkaException as error:
            if not passing(error.args[0]) or time.monotonic() > deadline or stop():
                raise
            time.sleep(_PAUSE)


def partitions_of(way: Way, client: Any, topic: str) -> list[int] | None:
    """The numbers of a topic's partitions; None where there is no such topic, which is not made by asking.

    Raises:
        KafkadeError: as ``Way.failed``.
    """
    try:
        found = client.list_topics(topic, timeout=way.timeout).topics.get(topic)
    except KafkaException as error:
        raise way.failed(error.args[0], _READ, topic) from error
    if found is None or (found.error is not None and found.error.code() == ForeignError.UNKNOWN_TOPIC_OR_PART):
        return None
    if found.error is not None and found.error.code() != ForeignError.LEADER_NOT_AVAILABLE:
        raise way.failed(found.error, _READ, topic)
    return list(found.partitions)


def bounds_of(way: Way, consumer: Any, topic: str, partition: int, stop: Callable[[], bool]) -> tuple[int, int]:
    """First offset and end of a partition, as the consumer's isolation level sees it."""
    place = TopicPartition(topic, partition)
    try:
        low, high = _once_there(
            lambda: consumer.get_watermark_offsets(place, timeout=way.timeout),
            lambda cause: cause.code() in LEADER_AWAY,
            stop,
        )
    except KafkaException as error:
        raise way.failed(error.args[0], _READ, topic) from error
    return low, high


class Lookup:
    """Topics to write to, and single records of others."""

    def __init__(self, way: Way, stop: Callable[[], bool]) -> None:
        self._way = way
        self._stop = stop
        self._admin = way.make(ck.AdminClient, {})
        self._consumer: Any = None

    def close(self) -> None:
        """Close the connections."""
        if self._consumer is not None:
            self._consumer.close()
        self._admin = self._consumer = None

    def target(self, topic: str) -> Target | None:
        """A topic to write to, or None when there is none; it is not made by asking."""
        numbers = partitions_of(self._way, self._admin, topic)
        if numbers is None:
            return None
        resource = ck.ConfigResource(ck.ResourceType.TOPIC, topic)
        try:
            settings = self._answer(
                self._admin.describe_configs([resource], request_timeout=self._way.timeout)[resource]
            )
        except KafkaException as error:
            if error.args[0].code() < 0:
                raise self._way.failed(error.args[0], _READ, topic) from error
            return Target(len(numbers))  # a right that is not needed to write
        policy = settings["cleanup.policy"].value or ""
        return Target(len(numbers), int(settings["max.message.bytes"].value), compacted="compact" in policy)

    def identity(self, topic: str) -> str:
        """The topic's id, which another topic of the same name does not have (KIP-516).

        Raises:
            UnknownTopic: there is no such topic, and it does not come within seconds. Others as ``Way.failed``.
        """
        deadline = time.monotonic() + _APPEARS
        while True:
            try:
                asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=self._way.timeout)
                return id_of(self._answer(asked[topic]))
            except KafkaException as error:
                if error.args[0].code() != ForeignError.UNKNOWN_TOPIC_OR_PART:
                    raise self._way.failed(error.args[0], _READ, topic) from error
                if time.monotonic() > deadline or self._stop():
                    raise UnknownTopic(f"topic {topic}: the brokers do not know it") from error
            time.sleep(_PAUSE)

    def _answer(self, future: Future[Any]) -> Any:
        """A request's answer. librdkafka (2.16) leaves one without any now and then, whatever timeout it was given.

        Raises:
            KafkaException: as the brokers answer. ClusterUnreachable: they do not, as ``Way.silent``.
        """
        try:
            return future.result(self._way.timeout + MARGIN)
        except TimeoutError as error:
            raise self._way.silent() from error

    def fetch(self, topic: str, partition: int, offsets: Collection[int]) -> dict[int, Record]:
        """Single records by offset, whatever transaction they are of; those that are not there are left out.

        Raises:
            ClusterUnreachable: the partition's leader does not answer. Others as ``Way.failed``.
        """
        if partition not in (partitions_of(self._way, self._admin, topic) or ()):
            return {}
        if self._consumer is None:
            # what a share group gave up on may well be of a transaction that was aborted later
            self._consumer = self._way.consumer("kafkade-reader", isolation="read_uncommitted")
        low, high = bounds_of(self._way, self._consumer, topic, partition, self._stop)
        found: dict[int, Record] = {}
        for group in _near(sorted(offset for offset in set(offsets) if low <= offset < high)):
            found |= self._range(topic, partition, set(group), group[-1])
        return found

    def _range(self, topic: str, partition: int, wanted: set[int], last: int) -> dict[int, Record]:
        found: dict[int, Record] = {}
        self._consumer.assign([TopicPartition(topic, partition, min(wanted))])
        heard, at = time.monotonic(), -1
        try:
            while at < last:
                for message in self._consumer.consume(_SEEK, _TICK):
                    error = message.error()
                    if error is None:
                        heard, at = time.monotonic(), message.offset()
                        if at in wanted:
                            found[at] = record_of(message)
                    elif error.code() == ForeignError._PARTITION_EOF:
                        at = max(at, message.offset())
                    elif error.code() >= 0 and error.code() != GROUP_DENIED and not error.retriable():
                        raise self._way.failed(error, _READ, topic)
                if time.monotonic() - heard > PATIENCE or (at < last and self._stop()):
                    raise self._way.silent()
        finally:
            self._consumer.unassign()
        return found


def _near(offsets: list[int]) -> list[list[int]]:
    """Offsets in order, in groups that are read in one go."""
    groups: list[list[int]] = []
    for offset in offsets:
        if groups and offset - groups[-1][-1] <= _SEEK:
            groups[-1].append(offset)
        else:
            groups.append([offset])
    return groups
