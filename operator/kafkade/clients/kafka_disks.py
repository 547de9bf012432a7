"""What brokers say of themselves that no metadata has: their disks, and which requests they know.

Blocking: called in :class:`kafkade.clients.kafka_python.KafkaPython`'s worker thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import errors as foreign
from kafka.protocol.admin import DescribeLogDirsRequest

from kafkade.clients.group_model import TopicPartition


@dataclass(frozen=True, slots=True)
class LogDir:
    """A folder with logs of a broker. ``error``: why it cannot be used, None where it can.

    ``total`` and ``usable``: bytes of its volume (KIP-827), None before Kafka 3.3. ``replicas``: bytes by partition.
    """

    broker: int
    path: str
    total: int | None
    usable: int | None
    error: str | None
    replicas: Mapping[TopicPartition, int]


def log_dirs(client: Any) -> list[LogDir]:
    """DescribeLogDirs of every broker."""
    return list(client._manager.run(_log_dirs, client._manager))


async def _log_dirs(manager: Any) -> list[LogDir]:
    await manager.cluster.refresh_metadata()
    request = {b.node_id: DescribeLogDirsRequest(topics=None) for b in manager.cluster.brokers()}
    found = []
    for broker, future in [(broker, manager.send(each, node_id=broker)) for broker, each in request.items()]:
        response = await future
        code = getattr(response, "error_code", None) or 0
        if code != 0:
            raise foreign.for_code(code)()
        found += [_dir(broker, each) for each in response.results]
    return found


def _dir(broker: int, found: Any) -> LogDir:
    return LogDir(
        broker,
        found.log_dir,
        _known(getattr(found, "total_bytes", None)),
        _known(getattr(found, "usable_bytes", None)),
        None if found.error_code == 0 else foreign.for_code(found.error_code).__name__,
        {
            (topic.name, partition.partition_index): partition.partition_size
            for topic in found.topics
            for partition in topic.partitions
            if not partition.is_future_key
        },
    )


def _known(size: int | None) -> int | None:
    return None if size is None or size < 0 else size


def versions(client: Any) -> dict[int, str]:
    """Each broker's version, as far as the requests that it knows tell it: the oldest release that has all of them."""
    return dict(client._manager.run(_versions, client._manager))


async def _versions(manager: Any) -> dict[int, str]:
    await manager.cluster.refresh_metadata()
    found = {}
    for broker in manager.cluster.brokers():
        connection = await manager.get_connection(broker.node_id)
        found[broker.node_id] = ".".join(map(str, connection.broker_version_data.broker_version))
    return found
