"""How many requests a look at a cluster and one at all of its topics are, which a resync begins at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from kafka.protocol.api_key import ApiKey

from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kafka_python import IDLE
from support.fake_broker import METADATA, JustStarted


class Counting(JustStarted):
    """Counts the requests that it gets, and takes its time for those that are about topics."""

    def __init__(self) -> None:
        super().__init__(lucid=1_000_000)
        self.asked: Counter[str] = Counter()

    def answer(self, key: int, version: int, body: bytes) -> Any:
        """As any broker."""
        self.asked[ApiKey(key).name] += 1
        if key == METADATA:
            time.sleep(0.4)
        return super().answer(key, version, body)


async def test_they_share_the_way_to_the_brokers() -> None:
    with Counting() as broker:
        kafka = KafkaAdmin(Security(broker.bootstrap), timeout=10)
        await kafka.describe_cluster()
        await asyncio.sleep(IDLE + 1)  # until the connections are closed that nobody needs
        broker.asked.clear()
        await asyncio.gather(kafka.describe_cluster(), kafka.survey({f"t{number}": () for number in range(1000)}))
        await kafka.close()
    # whether a broker is there, what a new connection begins with, the cluster, the topics
    assert broker.asked == {"Metadata": 4, "ApiVersions": 2}
