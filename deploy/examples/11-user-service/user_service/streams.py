"""Works on events continuously."""

import math
from datetime import timedelta

from kafkade.service.streams import Flow
from user_service import topics
from user_service.events import ActivityEvent, MetricEvent, ProcessedMetric, UserActivity
from user_service.kafka import service


@service.stream(topics.RAW_METRICS, to=topics.PROCESSED_METRICS)
def process_metrics(metrics: Flow[MetricEvent]) -> Flow[ProcessedMetric]:
    return (
        metrics.filter(lambda event: event.value > 0)
        .map(
            lambda event: ProcessedMetric(
                timestamp=event.timestamp,
                value=calculate_metric(event),
                metadata=event.metadata,
            )
        )
        .buffer(100)
    )


@service.stream(topics.USER_EVENTS, topics.ORDER_EVENTS, to=topics.USER_ACTIVITY)
def process_user_activity(events: Flow[ActivityEvent]) -> Flow[UserActivity]:
    return (
        events.group_by(lambda event: event.user_id)
        .windowed_by(
            timedelta(minutes=1),
            timestamp=lambda event: event.timestamp,
            grace=timedelta(seconds=10),
            idle=timedelta(minutes=1),
        )
        .map(
            lambda window: UserActivity(
                user_id=window.key,
                events=window.events,
                period=window.period,
            )
        )
    )


def calculate_metric(event: MetricEvent) -> float:
    """In decibels."""
    return 10 * math.log10(event.value)
