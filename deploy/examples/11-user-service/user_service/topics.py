"""Names of topics, in one place. 03-topics.yaml declares them."""

USER_EVENTS = "user-events"
ORDER_EVENTS = "order-events"
HIGH_PRIORITY_EVENTS = "high-priority-events"
RAW_METRICS = "raw-metrics"
PROCESSED_METRICS = "processed-metrics"
USER_ACTIVITY = "user-activity"


def service_topic(service: str) -> str:
    return f"{service}-events"


def dead_letter_topic(topic: str) -> str:
    return f"{topic}.dlq"
