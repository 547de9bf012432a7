"""Publishing to librdkafka's own broker in its memory."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from kafkade.service.metrics import Metrics
from kafkade.service.publisher import Delivered, Publisher
from kafkade.service.schemas import Schemas

WITHOUT_A_BROKER = {"test.mock.num.brokers": 1, "log_level": 0}


async def test_a_callback_of_the_settings_that_fails_is_told_and_reports_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("statistics are too much")

    settings = {**WITHOUT_A_BROKER, "statistics.interval.ms": 20, "stats_cb": broken}
    publisher = Publisher(settings, Schemas(None), "somebody", Metrics())
    try:
        for _ in range(20):
            await asyncio.wait_for(publisher.publish("t", {"n": 1}, None, None, -1), 20)
            await asyncio.sleep(0.02)
    finally:
        publisher.close()
    told = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert told
    assert all("statistics are too much" in (one.exc_text or "") for one in told)


async def test_who_writes_without_a_pause_gets_the_reports_meanwhile() -> None:
    publisher = Publisher(WITHOUT_A_BROKER, Schemas(None), "somebody", Metrics())
    try:
        await publisher.publish("t", {"n": 0}, None, None, -1)
        written = list[asyncio.Future[Delivered]]()
        for _ in range(1000):
            written += [publisher.publish("t", {"n": number}, None, None, -1) for number in range(50)]
            if written[0].done():
                break
            time.sleep(0.02)  # noqa: ASYNC251 -- the event loop gets no turn
        assert written[0].done()
        places = await asyncio.gather(*written)
    finally:
        publisher.close()
    assert len({(one.partition, one.offset) for one in places}) == len(places)
