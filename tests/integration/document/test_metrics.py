"""Monitoring 2, Metrics: kafka.consumer.lag, kafka.messages and kafka.processing.duration, with their tags."""

from __future__ import annotations

from integration.document.conftest import Code, eventually
from support.user_service import UserService

GROUPS = {
    "user-events": ("user-service-group", "user-service-process-user-activity"),
    "order-events": ("user-service-process-user-activity",),
    "high-priority-events": ("user-service-group",),
    "raw-metrics": ("user-service-process-metrics",),
}


def test_the_three_metrics_with_their_tags(service: UserService, code: Code) -> None:
    code.publish(code.events.UserCreated.new(user_id="measured", email="m@example.com"))
    eventually(
        lambda: service.metrics("kafka_messages_total", topic="user-events", status="processed") > 0, True, "work"
    )
    duration = "kafka_processing_duration_seconds_count"
    assert service.metrics(duration, topic="user-events", handler="handle_user_events") > 0
    assert service.metrics(duration, topic="user-events", handler="process_user_activity") > 0
    eventually(
        lambda: lags(service), {(topic, group): 0.0 for topic, groups in GROUPS.items() for group in groups}, "lag"
    )


def lags(service: UserService) -> dict[tuple[str, str], float]:
    """Of all topics that the service declares to read, by group."""
    return {
        (topic, group): service.metrics("kafka_consumer_lag", topic=topic, group=group)
        for topic, groups in GROUPS.items()
        for group in groups
    }
