"""`service.diagnose()`: what the service itself knows, and what is said where no broker is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from kafkade.devstack.ports import free_port
from kafkade.diagnose.consumer import Outcomes
from kafkade.diagnose.finding import Severity
from kafkade.service import Service
from kafkade.service.binding import load
from kafkade.service.metrics import Metrics
from kafkade.service.publisher import Publisher
from kafkade.service.schemas import Schemas
from kafkade.service.troubles import client, outcomes


def test_outcomes_are_those_of_the_window_and_else_of_all_time() -> None:
    before = {("a", "processed"): 10, ("a", "dead_letter"): 5, ("b", "processed"): 4, ("b", "skipped"): 1}
    after = {**before, ("a", "processed"): 13, ("a", "retried"): 2}
    assert outcomes(before, after, ["a", "b", "c"], 10) == (
        Outcomes("a", 3, 0, 2, "within 10 s"),
        Outcomes("b", 4, 1, 0, "since the service began"),
    )


def test_failures_of_a_producer_are_those_of_its_records() -> None:
    before = {("a", "published"): 90, ("a", "publish_failed"): 10}
    own = client(None, before, before, "a", 10)
    assert own is not None
    assert (own.client, own.failed) == ("this service, since the service began", 0.1)
    statistics: dict[str, Any] = {"client_id": "shop", "brokers": {"b": {"tx": 7}}, "topics": {}}
    own = client(({}, statistics), before, {**before, ("a", "published"): 92}, "a", 10)
    assert own is not None
    assert (own.client, own.failed, own.retried) == ("librdkafka shop, within 10 s", 0.0, 0.0)
    assert client(None, {}, {}, "a", 10) is None


async def test_the_publisher_keeps_the_statistics_of_when_it_wrote() -> None:
    """librdkafka's own broker in its memory, which is enough for its statistics."""
    also: list[str] = []
    settings = {"test.mock.num.brokers": 1, "statistics.interval.ms": 100, "stats_cb": also.append, "log_level": 0}
    publisher = Publisher(settings, Schemas(None), "somebody", Metrics())
    try:
        await asyncio.gather(*[publisher.publish("t", {"text": "hello " * 20}, None, None, -1) for _ in range(100)])
        deadline = asyncio.get_running_loop().time() + 20
        while (told := publisher.statistics()) is None or len(also) < 5:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
    finally:
        publisher.close()
    before, last = told
    assert last["txmsgs"] == 100
    assert before.get("txmsgs", 0) < 100
    assert json.loads(also[-1])["ts"] > last["ts"], "later ones had nothing to tell"


async def test_no_broker_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "bootstrap-servers").write_text(f"127.0.0.1:{free_port()}")
    service = Service(load(tmp_path))

    @service.listener("orders", group="orders-app")
    async def handle(_: dict[str, Any]) -> None:
        pass

    found = await service.diagnose(window=0)
    ((finding,),) = [one.findings for one in found.consumers]
    assert (finding.check, finding.subject, found.worst) == ("connection", "group orders-app", Severity.PROBLEM)
    assert found.producers == ()
    assert json.dumps(found.data())
