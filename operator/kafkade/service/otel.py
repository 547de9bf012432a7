"""A service's metrics for OpenTelemetry: kafka.consumer.lag, kafka.messages and kafka.processing.duration, with their tags.

``instrument(service.metrics)``, and the process's meter provider has them. Takes ``pip install 'kafkade[otel]'``.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from kafkade.service.errors import ServiceError
from kafkade.service.metrics import BUCKETS, Metrics


def instrument(metrics: Metrics, meter: Meter | None = None) -> None:
    """Hand a service's metrics to a meter from now on; default: the one called kafkade.service of the process's provider.

    Lag and messages are read when they are collected; each duration is recorded when it is over.

    Raises:
        ServiceError: they are handed to one already.
    """
    if metrics.on_duration is not None:
        raise ServiceError("the service's durations are handed on already: call instrument() once for each service")
    meter = meter or get_meter("kafkade.service")

    def lag(_: CallbackOptions) -> Iterable[Observation]:
        for (topic, group), records in metrics.lags.items():
            yield Observation(records, {"topic": topic, "group": group})

    def messages(_: CallbackOptions) -> Iterable[Observation]:
        for (topic, status), number in metrics.messages.copy().items():
            yield Observation(number, {"topic": topic, "status": str(status)})

    meter.create_observable_gauge(
        "kafka.consumer.lag", [lag], "{record}", "Records behind the end of the partitions that this instance has."
    )
    meter.create_observable_counter("kafka.messages", [messages], "{record}", "Records by what became of them.")
    durations = meter.create_histogram(
        "kafka.processing.duration",
        "s",
        "How long a handler was at a record.",
        explicit_bucket_boundaries_advisory=list(BUCKETS),
    )

    def took(seconds: float, topic: str, handler: str) -> None:
        durations.record(seconds, {"topic": topic, "handler": handler})

    metrics.on_duration = took
