"""The document's two streams, also as a service of its own process: ``python -m support.stream_service ROOT INSTANCE SUFFIX``."""

from __future__ import annotations

import asyncio
import datetime
import logging
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from kafkade.service import Service
from kafkade.service.streams import Flow, Period, Window

BINDING = "activity"


class MetricEvent(BaseModel):
    """What comes in raw-metrics."""

    timestamp: datetime.datetime
    value: float
    metadata: dict[str, str] = {}


class ProcessedMetric(BaseModel):
    """What goes to processed-metrics."""

    timestamp: datetime.datetime
    value: float
    metadata: dict[str, str]


class Activity(BaseModel):
    """What user-events and order-events have in common."""

    user_id: str
    id: int


class UserActivity(BaseModel):
    """What a user did in a minute."""

    user_id: str
    events: list[Activity]
    start: datetime.datetime
    end: datetime.datetime


def activity(user: str, period: Period, events: list[Activity]) -> UserActivity:
    """A user's events of a period."""
    return UserActivity(user_id=user, events=events, start=period.start, end=period.end)


def service(
    root: Path,
    instance: str,
    suffix: str = "",
    *,
    size: float = 60,
    grace: float = 10,
    late: str = "drop",
    idle: timedelta | None = None,
) -> Service:
    """The service. ``suffix``: of all topics' names and groups, so that tests keep apart; ``size`` and ``grace`` in seconds."""
    made = Service.from_binding(
        BINDING,
        root=root,
        instance=f"{instance}{suffix}",
        settings={"fetch.wait.max.ms": 20, "heartbeat.interval.ms": 500, "session.timeout.ms": 6000},
    )

    @made.stream(f"raw-metrics{suffix}", to=f"processed-metrics{suffix}", group=f"metrics{suffix}")
    def process_metrics(metrics: Flow[MetricEvent]) -> Flow[ProcessedMetric]:
        return (
            metrics.filter(lambda event: event.value > 0)
            .map(lambda e: ProcessedMetric(timestamp=e.timestamp, value=2 * e.value, metadata=e.metadata))
            .buffer(100)
        )

    def of_window(window: Window) -> UserActivity:
        return activity(window.key, window.period, list(window.events))

    @made.stream(
        f"user-events{suffix}", f"order-events{suffix}", to=f"user-activity{suffix}", group=f"activity{suffix}"
    )
    def process_user_activity(events: Flow[Activity]) -> Flow[UserActivity]:
        return (
            events.group_by(lambda event: event.user_id)
            .windowed_by(timedelta(seconds=size), grace=timedelta(seconds=grace), late=late, idle=idle)
            .map(of_window)
            .buffer(100)
        )

    return made


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    root, name, topics = sys.argv[1:]
    asyncio.run(service(Path(root), name, topics, size=1, grace=4, late=f"late-events{topics}").run())
