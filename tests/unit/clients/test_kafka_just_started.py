"""A broker that just started and knows of no broker yet, itself included."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kafkade.api.errors import ClusterUnreachable
from kafkade.clients.kafka import KafkaAdmin, Security
from support.fake_broker import JustStarted

ALWAYS = 1_000_000


async def test_it_is_not_reachable_yet() -> None:
    async def refused(lucid: int) -> None:
        with JustStarted(lucid) as broker:
            admin = KafkaAdmin(Security(broker.bootstrap), timeout=2)
            started = time.monotonic()
            with pytest.raises(ClusterUnreachable, match=broker.bootstrap):
                await admin.describe_cluster()
            assert time.monotonic() - started < 10
            await admin.close()

    # side by side, as each is waited for
    await asyncio.gather(*(refused(lucid) for lucid in range(3)))


@asynccontextmanager
async def forgetful() -> AsyncIterator[tuple[JustStarted, KafkaAdmin]]:
    """A broker that was described once, and knows of no broker any more."""
    with JustStarted(ALWAYS) as broker:
        admin = KafkaAdmin(Security(broker.bootstrap), timeout=5)
        await admin.describe_cluster()
        broker.lucid = 0
        yield broker, admin
        await admin.close()


async def test_it_is_asked_again_for_a_while() -> None:
    async with forgetful() as (broker, admin):
        described = asyncio.create_task(admin.describe_cluster())
        await asyncio.sleep(1)
        assert not described.done()
        broker.lucid = ALWAYS
        assert [b.id for b in (await described).brokers] == [1]


async def test_it_is_told_in_its_own_words_if_it_lasts() -> None:
    async with forgetful() as (_, admin):
        with pytest.raises(ClusterUnreachable, match="knows of no broker that is up"):
            await admin.describe_cluster()


def test_librdkafka_itself_ends_the_process_over_it() -> None:
    """Why DescribeCluster is not left to librdkafka. Once this fails, it can be."""
    script = """if True:
        import sys
        from confluent_kafka.admin import AdminClient
        admin = AdminClient({"bootstrap.servers": sys.argv[1], "log_level": 0})
        admin.describe_cluster(request_timeout=5).result(5)
    """
    with JustStarted(lucid=1) as broker:
        ended = subprocess.run(
            [sys.executable, "-c", script, broker.bootstrap], capture_output=True, text=True, timeout=60
        )
    assert "rko_result" in ended.stderr
    assert ended.returncode == -6
