"""What Prometheus is told of redrives."""

from __future__ import annotations

from kafkade.api.kinds import DLQ_REDRIVE
from kafkade.api.objects import Key
from kafkade.dlq.redrive.metrics import OUTCOMES, RedriveMetrics

KEY = Key(DLQ_REDRIVE, "shop", "back")


def told(metrics: RedriveMetrics) -> dict[str, float]:
    """By outcome, of the one redrive that is known."""
    (family,) = metrics.collect()
    assert all(s.labels["namespace"] == "shop" and s.labels["redrive"] == "back" for s in family.samples)
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


def test_the_counts_of_a_redrive_until_it_is_gone() -> None:
    metrics = RedriveMetrics()
    assert told(metrics) == {}
    metrics.tell(KEY, {"read": 9, "moved": 3, "skipped": 2, "failed": 1, "quarantined": 0, "lost": 3})
    assert told(metrics) == {"moved": 3, "skipped": 2, "failed": 1, "quarantined": 0, "lost": 3}
    metrics.tell(KEY, {"moved": 5})
    assert told(metrics) == dict.fromkeys(OUTCOMES, 0) | {"moved": 5}
    metrics.forget(KEY)
    assert told(metrics) == {}
