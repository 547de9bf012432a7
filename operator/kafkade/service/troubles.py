"""A service's own diagnosis: the checks of ``kafkade diagnose``, and what only the service itself knows.

Of consumers that is what became of their records (``kafka.messages``); of producers, librdkafka's statistics and how many
records were not acknowledged. A service need not be allowed to read what it writes: then these alone are the facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_records import RecordReader
from kafkade.diagnose import consumer, observe_consumer, observe_producer, producer
from kafkade.diagnose.client_metrics import ClientMetrics, of_statistics
from kafkade.diagnose.finding import Diagnosis, Finding, Severity, span
from kafkade.service.metrics import Metrics, Status

Statistics = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Two of librdkafka's statistics, one behind the other."""

_AT_ONCE = 8
"""Groups and topics that are looked at at the same time, each by connections of its own."""

_RECORDS = 1000
"""Records of each partition whose batches are looked at."""

_FAILED = (Status.DEAD_LETTER, Status.SKIPPED, Status.FAILED)
_COUNTED = (Status.PROCESSED, *_FAILED)
_WRITTEN = (Status.PUBLISHED, Status.PUBLISH_FAILED)

Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Troubles:
    """A diagnosis of each group that the service consumes with, and of each topic that it writes to."""

    consumers: tuple[Diagnosis, ...]
    producers: tuple[Diagnosis, ...]

    @property
    def worst(self) -> Severity:
        """Of all findings."""
        order = list(Severity)
        return max((one.worst for one in (*self.consumers, *self.producers)), key=order.index, default=Severity.OK)

    def data(self) -> dict[str, Any]:
        """As what JSON knows."""
        return {
            "result": self.worst.value,
            "consumers": [one.data() for one in self.consumers],
            "producers": [one.data() for one in self.producers],
        }


@dataclass(frozen=True, slots=True)
class Consumed:
    """What one group consumes, and where its dead letters go."""

    topics: set[str] = field(default_factory=set)
    letters: set[str] = field(default_factory=set)


async def diagnose(
    security: Security,
    metrics: Metrics,
    groups: Mapping[str, Consumed],
    written: Collection[str],
    statistics: Callable[[], Statistics | None],
    window: float,
) -> Troubles:
    """Look at all groups and topics for ``window`` seconds. ``statistics``: the publisher's, where there is one."""
    before = dict(metrics.messages)
    room = asyncio.Semaphore(_AT_ONCE)

    async def of_group(group: str, consumed: Consumed) -> Diagnosis:
        async with room, _Connected(security) as kafka:
            facts = await observe_consumer.observe(
                kafka, group, window=window, suffix=".dlq", letters=sorted(consumed.letters), progress=_nobody
            )
        counted = outcomes(before, dict(metrics.messages), sorted(consumed.topics), window)
        return consumer.diagnose(replace(facts, outcomes=counted), consumer.Limits())

    async def of_topic(topic: str) -> Diagnosis:
        async with room, _Connected(security) as kafka:
            facts = await observe_producer.observe(
                kafka, RecordReader(security), topic, records=_RECORDS, window=window, client=None, progress=_nobody
            )
        own = client(statistics(), before, dict(metrics.messages), topic, window)
        return producer.diagnose(replace(facts, client=own), producer.Limits())

    topics = {*written, *(topic for topic, status in before if status in _WRITTEN)}
    found = await asyncio.gather(
        *(_or_why(f"group {name}", of_group(name, one)) for name, one in sorted(groups.items())),
        *(_or_why(f"topic {name}", of_topic(name)) for name in sorted(topics)),
    )
    return Troubles(tuple(found[: len(groups)]), tuple(found[len(groups) :]))


def outcomes(before: Counts, after: Counts, topics: Collection[str], window: float) -> tuple[consumer.Outcomes, ...]:
    """What became of the records of topics; nothing of those that had none yet."""
    found = []
    for topic in topics:
        counts, when = _recent(before, after, topic, _COUNTED, window)
        if any(counts[status] for status in _COUNTED):
            failed = sum(counts[status] for status in _FAILED)
            found.append(
                consumer.Outcomes(topic, counts[Status.PROCESSED], failed, counts.get(Status.RETRIED, 0), when)
            )
    return tuple(found)


def client(
    statistics: Statistics | None, before: Counts, after: Counts, topic: str, window: float
) -> ClientMetrics | None:
    """The service's producer by its own figures; None where it has none.

    What brokers refuse is no failure of a request for librdkafka, so failures are told by the records' own answers.
    """
    counts, when = _recent(before, after, topic, _WRITTEN, window)
    total = sum(counts[status] for status in _WRITTEN)
    own = None if statistics is None else of_statistics(statistics[1], statistics[0], topic)
    if not total:
        return own
    failed = counts[Status.PUBLISH_FAILED] / total
    if own is None:
        return ClientMetrics(f"this service, {when}", failed=failed)
    return replace(own, client=f"{own.client}, {when}", failed=failed)


def _recent(
    before: Counts, after: Counts, topic: str, statuses: Collection[Status], window: float
) -> tuple[dict[Status, int], str]:
    """A topic's counts within the window, or since the service's start where nothing came within it; and which it is."""
    every = (*statuses, Status.RETRIED)
    total = {status: after.get((topic, status), 0) for status in every}
    recent = {status: total[status] - before.get((topic, status), 0) for status in every}
    if any(recent.values()):
        return recent, f"within {span(window)}"
    return total, "since the service began"


class _Connected:
    """A KafkaAdmin for a block."""

    def __init__(self, security: Security) -> None:
        self._security = security

    async def __aenter__(self) -> KafkaAdmin:
        self._kafka = KafkaAdmin(self._security)
        return self._kafka

    async def __aexit__(self, *_: object) -> None:
        await self._kafka.close()


async def _or_why(subject: str, looking: Any) -> Diagnosis:
    """A diagnosis; where it cannot be made, one that says why."""
    try:
        return await looking  # type: ignore[no-any-return]
    except KafkadeError as error:
        says = "it could not be looked at"
        return Diagnosis(subject, (Finding("connection", Severity.PROBLEM, subject, says, (), error.message, ""),))


def _nobody(_: float) -> None:
    pass
