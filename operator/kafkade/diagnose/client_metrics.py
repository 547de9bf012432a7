"""What a producer says of itself: librdkafka's statistics, or the metrics of Java's client by their names. Pure.

librdkafka hands its statistics to ``stats_cb`` as JSON (statistics.interval.ms; https://github.com/confluentinc/librdkafka,
STATISTICS.md). Java's metrics are those of ``kafka.producer:type=producer-metrics`` (Kafka's documentation, Monitoring): as
JSON, nested in any way, as ``name=value`` or ``name value`` lines, or as Prometheus has them. Those of a client's topics and
nodes (``producer-topic-metrics``, ``producer-node-metrics``) count only where the client has none of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import InvalidSpec

_JAVA = (
    "record-send-rate",
    "record-send-total",
    "record-error-rate",
    "record-error-total",
    "record-retry-rate",
    "record-retry-total",
    "request-latency-avg",
    "request-latency-max",
    "record-queue-time-avg",
    "record-queue-time-max",
    "batch-size-avg",
    "records-per-request-avg",
    "compression-rate-avg",
    "produce-throttle-time-avg",
    "bufferpool-wait-ratio",
)
_LINE = re.compile(r"^\s*([A-Za-z_][\w.:-]*)(\{[^}]*\})?\s*[=\s:]\s*([-+\w.]+)\s*(?:\d+)?\s*$")
_PART = re.compile(r"(?:^|[-_.])(?:topic|node)[-_.]")
_LABEL_OF_PART = re.compile(r"""[{,]\s*(?:topic|node_id|type="producer-(?:topic|node)-metrics")\s*[=,}]""")
_TYPE = re.compile(r"\btype=([^,:]+)")

Figure = tuple[bool, str, float]
"""Whether it is of a part of a client (a topic, a node), its name, and its value."""


@dataclass(frozen=True, slots=True)
class ClientMetrics:
    """A producer by its own figures; None where it does not say.

    ``failed`` and ``retried``: share of what was sent. ``latency`` and ``latency_high``: seconds from sending a request to
    its answer, the mean, and the 99th percentile (librdkafka) or the longest (Java). ``queued``: seconds that a record waits
    in the client. ``batch_bytes``, ``batch_records``: mean. ``compressed``: bytes after compression of those before it.
    ``throttled``: seconds that brokers held it back (quotas). ``full``: how full its queue is, or the share of time that it
    waited for memory. ``batches``: how many ``batch_bytes`` and ``batch_records`` are of.
    """

    client: str
    failed: float | None = None
    retried: float | None = None
    latency: float | None = None
    latency_high: float | None = None
    queued: float | None = None
    batch_bytes: float | None = None
    batch_records: float | None = None
    compressed: float | None = None
    throttled: float | None = None
    full: float | None = None
    batches: int | None = None


def read(text: str, name: str) -> ClientMetrics:
    """The metrics in a file called ``name``; of several statistics, one a line, the last.

    Raises:
        InvalidSpec: there are none in it.
    """
    data = _json(text)
    if isinstance(data, Mapping) and isinstance(data.get("brokers"), Mapping) and "msg_cnt" in data:
        return of_statistics(data)
    found = _together(_java(data) if data is not None else _lines(text))
    if not found:
        raise InvalidSpec(
            f"--client-metrics {name} has no metrics of a producer: it takes librdkafka's statistics (JSON of stats_cb), or"
            " metrics of Java's producer by name, such as record-error-rate=0.0, as JSON, lines or Prometheus' text"
        )
    return _of_java(found)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    for line in reversed(text.splitlines()):
        if line.strip().startswith("{"):
            try:
                return json.loads(line)
            except ValueError:
                return None
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def of_statistics(
    data: Mapping[str, Any], before: Mapping[str, Any] | None = None, topic: str | None = None
) -> ClientMetrics:
    """Of librdkafka's statistics, as they were parsed.

    ``before``: those before them, so that what is counted since the client's start is counted since then; empty for the
    first. ``topic``: batches and compression of this one alone, where the client writes to several.
    """
    brokers = _items(data, "brokers")
    topics = [found for name, found in _named(data, "topics") if topic in (None, name)]
    earlier = {} if before is None else before
    most = _number(data.get("msg_max"))

    def count(*keys: str) -> float:
        return _sum(brokers, keys) - _sum(_items(earlier, "brokers"), keys)

    compressed = None
    if before is not None:
        # batchsize is of batches as they were sent, txbytes of their records before compression
        then = [found for name, found in _named(earlier, "topics") if topic in (None, name)]
        plain = _plain(topics) - _plain(then)
        sent = sum(_number((found.get("batchsize") or {}).get("sum")) or 0 for found in topics)
        compressed = _share(sent, plain) if sent else None
    asked = [broker for broker in brokers if _number(broker.get("tx"))]
    sent = count("tx")
    batches = sum(_number((found.get("batchcnt") or {}).get("cnt")) or 0 for found in topics)
    return ClientMetrics(
        f"librdkafka {data.get('client_id') or data.get('name') or ''}".strip(),
        failed=_share(count("txerrs", "req_timeouts"), sent),
        retried=_share(count("txretries"), sent),
        latency=_window(asked, "rtt", "avg", 1e-6),
        latency_high=_window(asked, "rtt", "p99", 1e-6),
        queued=_window(asked, "int_latency", "avg", 1e-6),
        batch_bytes=_window(topics, "batchsize", "avg", 1.0),
        batch_records=_window(topics, "batchcnt", "avg", 1.0),
        compressed=compressed,
        throttled=_window(asked, "throttle", "avg", 1e-3),
        full=None if not most else (_number(data.get("msg_cnt")) or 0.0) / most,
        batches=round(batches) or None,
    )


def _named(data: Mapping[str, Any], what: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, found) for name, found in (data.get(what) or {}).items() if isinstance(found, Mapping)]


def _items(data: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    return [found for _, found in _named(data, what)]


def _sum(items: list[Mapping[str, Any]], keys: Iterable[str]) -> float:
    return sum(_number(item.get(key)) or 0 for item in items for key in keys)


def _plain(topics: list[Mapping[str, Any]]) -> float:
    return sum(_sum(_items(found, "partitions"), ("txbytes",)) for found in topics)


def _share(part: float, of: float) -> float | None:
    return part / of if of else None


def _window(items: list[Mapping[str, Any]], key: str, figure: str, unit: float) -> float | None:
    """The highest of those that have a value; a window in which nothing happened has zeros."""
    values = [
        value
        for item in items
        if isinstance(item.get(key), Mapping)
        and (value := _number(item[key].get(figure)))
        and _number(item[key].get("cnt"))
    ]
    return max(values) * unit if values else None


def _together(figures: Iterable[Figure]) -> dict[str, float]:
    """By name: of several clients, what is counted is added, and of all else the highest is taken."""
    clients: dict[str, float] = {}
    parts: dict[str, float] = {}
    for part, name, number in figures:
        found = parts if part else clients
        before = found.get(name)
        if before is not None:
            number = before + number if name.endswith(("-total", "-rate")) else max(before, number)
        found[name] = number
    return parts | clients


def _of_part(text: str) -> bool:
    kind = _TYPE.search(text)  # of an MBean, whose other fields are names that others gave
    return _PART.search(kind[1] if kind else text) is not None


def _java(data: Any, depth: int = 0, part: bool = False) -> Iterator[Figure]:
    if isinstance(data, Mapping) and depth < 20:
        for key, value in data.items():
            name = _java_name(str(key))
            number = _number(value.get("value") if isinstance(value, Mapping) else value)
            if name and number is not None:
                yield part or _of_part(str(key)), name, number
            else:
                yield from _java(value, depth + 1, part or _of_part(str(key)))
    elif isinstance(data, list) and depth < 20:
        for item in data:
            named = item.get("name") if isinstance(item, Mapping) else None
            number = _number(item.get("value")) if isinstance(item, Mapping) else None
            name = _java_name(str(named)) if named else None
            if name and number is not None:
                yield part or _of_part(str(named)) or _of_part(str(item.get("group", ""))), name, number
            else:
                yield from _java(item, depth + 1, part)


def _lines(text: str) -> Iterator[Figure]:
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and (name := _java_name(match[1])) and (number := _number(match[3])) is not None:
            yield _of_part(match[1]) or _LABEL_OF_PART.search(match[2] or "") is not None, name, number


def _java_name(text: str) -> str | None:
    """The metric that a name ends in, with dashes in place of what exporters put there."""
    plain = text.replace("_", "-").replace(".", "-").lower()
    return next((name for name in _JAVA if plain == name or plain.endswith(f"-{name}")), None)


def _of_java(found: Mapping[str, float]) -> ClientMetrics:
    def share(what: str) -> float | None:
        for kind in ("total", "rate"):
            part, sent = found.get(f"record-{what}-{kind}"), found.get(f"record-send-{kind}")
            if part is not None and sent is not None and sent + part > 0:
                return part / (sent + part)
        part = found.get(f"record-{what}-total", found.get(f"record-{what}-rate"))
        return 0.0 if part == 0 else None

    def milliseconds(name: str) -> float | None:
        return None if name not in found else found[name] / 1000

    return ClientMetrics(
        "Java",
        failed=share("error"),
        retried=share("retry"),
        latency=milliseconds("request-latency-avg"),
        latency_high=milliseconds("request-latency-max"),
        queued=milliseconds("record-queue-time-avg"),
        batch_bytes=found.get("batch-size-avg"),
        batch_records=found.get("records-per-request-avg"),
        compressed=found.get("compression-rate-avg"),
        throttled=milliseconds("produce-throttle-time-avg"),
        full=found.get("bufferpool-wait-ratio"),
    )
