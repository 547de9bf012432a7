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
    for handler in ("handle_user_events", "process_user_activity"):  # each reads on its own
        eventually(lambda handler=handler: measured(service, handler) > 0, True, f"what {handler} takes")
    eventually(
        lambda: lags(service), {(topic, group): 0.0 for topic, groups in GROUPS.items() for group in groups}, "lag"
    )


def measured(service: UserService, handler: str) -> float:
    """How many events a handler's time was measured for."""
    return service.metrics("kafka_processing_duration_seconds_count", topic="user-events", handler=handler)


def lags(service: UserService) -> dict[tuple[str, str], float]:
    """Of all topics that the service declares to read, by group."""
    return {
        (topic, group): service.metrics("kafka_consumer_lag", topic=topic, group=group)
        for topic, groups in GROUPS.items()
        for group in groups
    }
