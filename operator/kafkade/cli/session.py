"""What a command holds while it runs: connections to Kafka and to a registry, closed at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from kafkade.api.errors import AuthorizationFailed, KafkaRequestFailed, UnknownTopic
from kafkade.cli.connection import registry_from, security_from
from kafkade.cli.output import warn
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_records import RecordReader
from kafkade.clients.model import Committed, PartitionOffsets
from kafkade.dlq.decode import Decoder
from kafkade.dlq.redrive.ledger import Ledger, group_of

T = TypeVar("T")

_COORDINATOR_DELAYS = (0.2, 0.5, 1.0, 2.0)
"""Seconds to wait before asking again."""


class Session:
    """Kafka by its admin API and as a reader of records, and a decoder that asks the registry. Nothing is written.

    Raises:
        KafkadeError: where the connection's settings cannot be used; its methods as those of the clients.
    """

    def __init__(self, bootstrap: str, command_config: Path | None, registry: str | None = None) -> None:
        self.security = security_from(bootstrap, command_config)
        schemas = registry_from(registry, command_config)
        self._stack = ExitStack()
        self._runner = self._stack.enter_context(asyncio.Runner())
        self._admin = KafkaAdmin(self.security)
        self._stack.callback(lambda: self.run(self._admin.close()))
        self._reader: RecordReader | None = None
        self.decoder = Decoder()
        if schemas is not None:
            self._stack.callback(lambda: self.run(schemas.close()))
            self.decoder = Decoder(lambda schema_id: self.run(schemas.by_id(schema_id)))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``."""
        return self._runner.run(work)

    @property
    def kafka(self) -> KafkaAdmin:
        """The admin API, whose answers ``run`` awaits."""
        return self._admin

    @property
    def reader(self) -> RecordReader:
        """Reads records; connects when it is first used."""
        if self._reader is None:
            self._reader = RecordReader(self.security)
        return self._reader

    def topics(self) -> dict[str, int]:
        """All topics that may be described, with their numbers of partitions."""
        return self.run(self._admin.topics())

    def offsets(self, topics: Sequence[str], partitions: Mapping[str, int]) -> dict[str, dict[int, PartitionOffsets]]:
        """Where each partition of each topic begins and ends. ``partitions``: what ``topics()`` gave.

        Raises:
            UnknownTopic: one is not among them.
        """
        for topic in topics:
            if topic not in partitions:
                raise UnknownTopic(f"topic {topic} does not exist, or may not be described")
        found = self.run(self._admin.offsets({topic: range(partitions[topic]) for topic in topics}))
        by_topic: dict[str, dict[int, PartitionOffsets]] = {topic: {} for topic in topics}
        for (topic, partition), offsets in sorted(found.items()):
            by_topic[topic][partition] = offsets
        return by_topic

    def ledgers(self, topics: Sequence[str]) -> dict[str, dict[int, Ledger]]:
        """What was put back, by topic and partition; nothing, and a warning, where groups may not be described."""
        try:
            groups = self.run(self._committed([group_of(topic) for topic in topics]))
        except (AuthorizationFailed, KafkaRequestFailed) as error:
            warn(f"records that were put back are counted as well: {error.message}")
            groups = {}
        return {
            topic: {
                partition: Ledger.read(found.offset, found.metadata)
                for (name, partition), found in groups.get(group_of(topic), {}).items()
                if name == topic
            }
            for topic in topics
        }

    async def _committed(self, groups: Sequence[str]) -> dict[str, dict[tuple[str, int], Committed]]:
        """Where no group ever was, no broker is in charge of groups; the first question makes one take them on."""
        for delay in _COORDINATOR_DELAYS:
            try:
                return await self._admin.committed(groups)
            except KafkaRequestFailed as error:
                if not getattr(error.__cause__, "retriable", True):
                    raise
                await asyncio.sleep(delay)
        return await self._admin.committed(groups)
