"""What Prometheus is told of policies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kafkade.api.common import parse
from kafkade.api.context import Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import ClusterUnreachable
from kafkade.api.kinds import CLUSTER, DLQ_POLICY
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.clients.connection import Connection
from kafkade.dlq.depth import Depth
from kafkade.dlq.metrics import Counted, PolicyMetrics
from kafkade.dlq.reconcile import Policies
from unit.dlq.resources import policy

ORDERS, RETURNS = Key(DLQ_POLICY, "shop", "orders"), Key(DLQ_POLICY, "shop", "returns")
MAIN = Key(CLUSTER, "kafka", "main")
NOW = 1_000.0


def samples(metrics: PolicyMetrics) -> dict[str, float]:
    """Each series by the text that a scrape has for it."""
    found = CollectorRegistry()
    found.register(metrics)
    lines = generate_latest(found).decode().splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}


def series(policy: str = "orders", topic: str = "a.dlq", **values: float) -> dict[str, float]:
    """Series of a topic, named without their ``kafkade_dlq_``."""
    labels = f'cluster="main",cluster_namespace="kafka",namespace="shop",policy="{policy}",topic="{topic}"'
    return {f"kafkade_dlq_{name}{{{labels}}}": value for name, value in values.items()}


def of_policy(policy: str = "orders", *, counted: int = 1, alert: int | None = 0) -> dict[str, float]:
    """Series of a policy as a whole."""
    labels = f'namespace="shop",policy="{policy}"'
    found: dict[str, float] = {f"kafkade_dlq_policy_counted{{{labels}}}": counted}
    if alert is not None:
        found[f'kafkade_dlq_policy_alert{{cluster="main",cluster_namespace="kafka",{labels}}}'] = alert
    return found


def counted(depth: Depth | None = None, growth: float | None = None, *, alert: bool = False) -> Counted:
    """What was counted where a policy has the topic ``a.dlq``, or none."""
    depths = {} if depth is None else {"a.dlq": depth}
    return Counted(MAIN, depths, {} if growth is None else {"a.dlq": growth}, alert)


CASES: list[tuple[str, Callable[[PolicyMetrics], object], dict[str, float]]] = [
    ("nothing", lambda m: None, {}),
    ("no topic yet", lambda m: m.tell(ORDERS, counted()), of_policy()),
    (
        "nothing waits and growth is not known yet",
        lambda m: m.tell(ORDERS, counted(Depth(0, None, 40))),
        of_policy() | series(records=0, arrived_records_total=40),
    ),
    (
        "letters wait",
        lambda m: m.tell(ORDERS, counted(Depth(5, 990_500, 40), 1.5, alert=True)),
        of_policy(alert=1)
        | series(
            records=5,
            oldest_record_timestamp_seconds=990.5,
            oldest_record_age_seconds=9.5,
            arrived_records_total=40,
            growth_records_per_minute=1.5,
        ),
    ),
    (
        "a timestamp ahead of the clock",
        lambda m: m.tell(ORDERS, counted(Depth(1, 1_002_000, 1))),
        of_policy()
        | series(records=1, oldest_record_timestamp_seconds=1002, oldest_record_age_seconds=0, arrived_records_total=1),
    ),
    (
        "could not be counted any more",
        lambda m: (m.tell(ORDERS, counted(Depth(5, 990_500, 40), 1.5)), m.tell(ORDERS, None)),
        of_policy(counted=0, alert=None),
    ),
    (
        "counted again, without a topic that left",
        lambda m: (
            m.tell(ORDERS, Counted(MAIN, {"a.dlq": Depth(1, None, 1), "b.dlq": Depth(2, None, 2)}, {}, alert=False)),
            m.tell(ORDERS, None),
            m.tell(ORDERS, counted(Depth(1, None, 3))),
        ),
        of_policy() | series(records=1, arrived_records_total=3),
    ),
    (
        "one of two policies is gone",
        lambda m: (
            m.tell(ORDERS, counted(Depth(1, None, 1))),
            m.tell(RETURNS, counted(Depth(2, None, 2))),
            m.forget(ORDERS),
        ),
        of_policy("returns") | series("returns", records=2, arrived_records_total=2),
    ),
    ("a policy that was never told of is gone", lambda m: m.forget(ORDERS), {}),
]


@pytest.mark.parametrize(("told", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_known_is_told(told: Callable[[PolicyMetrics], object], expected: dict[str, float]) -> None:
    metrics = PolicyMetrics(clock=lambda: NOW)
    told(metrics)
    assert samples(metrics) == expected


def test_the_age_is_as_of_the_scrape() -> None:
    times = iter([1000.0, 1060.0])
    metrics = PolicyMetrics(clock=lambda: next(times))
    metrics.tell(ORDERS, counted(Depth(1, 900_000, 1)))
    ages = [v for _ in range(2) for k, v in samples(metrics).items() if k.startswith("kafkade_dlq_oldest_record_age")]
    assert ages == [100, 160]


def test_scrapes_and_looks_at_the_same_time() -> None:
    """A scrape sees a policy whole, as it was told of, whatever is told meanwhile."""
    metrics, begun = PolicyMetrics(), threading.Event()

    def scrapes() -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        begun.wait(10)
        for _ in range(200):
            seen = {family.name: family.samples for family in metrics.collect()}
            records, arrived = seen["kafkade_dlq_records"], seen["kafkade_dlq_arrived_records"]
            found += [(r.value, a.value) for r, a in zip(records, arrived, strict=True)]
        return found

    with ThreadPoolExecutor(1) as threads:
        scraping, rounds = threads.submit(scrapes), 0
        while not scraping.done():
            rounds += 1
            for number in range(50):
                key = Key(DLQ_POLICY, "shop", f"p{number}")
                metrics.tell(key, counted(Depth(rounds, None, rounds)))
                if number % 7 == rounds % 7:
                    metrics.forget(key)
            begun.set()
    assert len({records for records, _ in scraping.result()}) > 1, "both went on meanwhile"
    assert all(records == arrived for records, arrived in scraping.result())


@dataclass
class Away:
    """A Kafka that does not answer, and an engine that knows a policy by this uid, or not."""

    uid: str | None

    async def topics(self) -> dict[str, int]:
        raise ClusterUnreachable("nobody there")

    def now(self) -> str:
        return "2026-01-01T12:00:00Z"

    def get(self, _: Key) -> Resource | None:
        return None if self.uid is None else replace(policy("orders"), uid=self.uid)


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        pytest.param("uid-orders", of_policy(counted=0, alert=None), id="it is there"),
        pytest.param(None, {}, id="it went meanwhile"),
        pytest.param("uid-new", {}, id="it went and was made anew"),
    ],
)
async def test_a_policy_that_went_meanwhile_is_not_told_of(uid: str | None, expected: dict[str, float]) -> None:
    """Nobody would forget it again."""
    policies, away, resource = Policies(), Away(uid), policy("orders", topics=["a"])
    connection = Connection(Key(CLUSTER, "shop", "main"), None, None, away, None)  # type: ignore[arg-type]
    work = Work(resource, parse(KafkaDLQPolicySpec, resource.spec), Grant())
    await policies.reconcile([work], connection, away)  # type: ignore[arg-type]
    assert samples(policies.metrics) == expected
