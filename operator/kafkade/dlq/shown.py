"""Dead letters for people: what is read of a topic, and how a record is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.model import PartitionOffsets
from kafkade.dlq.decode import Decoded, Decoder, as_text
from kafkade.dlq.headers import DeadLetter, of_record, redrive_count
from kafkade.dlq.redrive.ledger import Ledger

Ranges = dict[int, tuple[int, int]]
"""By partition: the first offset, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with what its headers say and its key and value decoded. ``letters``: the newest first."""

    record: Record
    letters: tuple[DeadLetter, ...]
    key: Decoded
    value: Decoded
    put_back: bool

    @property
    def letter(self) -> DeadLetter | None:
        """The newest."""
        return self.letters[0] if self.letters else None


def shown(record: Record, decoder: Decoder, ledgers: Mapping[int, Ledger]) -> Shown:
    """The record made readable."""
    return Shown(
        record,
        of_record(record.headers, record.key, record.value),
        decoder.decode(record.key),
        decoder.decode(record.value),
        put_back(record, ledgers),
    )


def put_back(record: Record, ledgers: Mapping[int, Ledger]) -> bool:
    """Whether a redrive has put the record back."""
    ledger = ledgers.get(record.partition)
    return ledger is not None and record.offset in ledger


def waiting(offsets: Mapping[int, PartitionOffsets], ledgers: Mapping[int, Ledger]) -> dict[int, list[tuple[int, int]]]:
    """By partition, the ranges of offsets that are there and were not put back."""
    return {
        partition: list(ledgers.get(partition, Ledger()).gaps(found.start, found.end))
        for partition, found in offsets.items()
    }


def rounds(ranges: Ranges, width: int, *, from_end: bool) -> Iterator[Ranges]:
    """Ranges to read one after another, from the beginnings or the ends on, each four times as wide; each offset once."""
    left = dict(ranges)
    while left := {p: (first, end) for p, (first, end) in left.items() if first < end}:
        if from_end:
            yield {p: (max(first, end - width), end) for p, (first, end) in left.items()}
            left = {p: (first, end - width) for p, (first, end) in left.items()}
        else:
            yield {p: (first, min(end, first + width)) for p, (first, end) in left.items()}
            left = {p: (first + width, end) for p, (first, end) in left.items()}
        width *= 4


def moment(timestamp: int | None) -> str | None:
    """Milliseconds since 1970 as RFC 3339 in UTC; None where there is none, or none that a calendar has."""
    if timestamp is None or timestamp < 0:
        return None
    try:
        at = datetime.fromtimestamp(timestamp / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(timestamp: int | None, now: int) -> str | None:
    """How long that was before ``now``, both in milliseconds: 5s, 3m, 2h, 4d."""
    if timestamp is None or timestamp < 0:
        return None
    seconds = max(0, now - timestamp) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def as_data(topic: str, item: Shown) -> dict[str, Any]:
    """All of a record, as what JSON knows."""
    record = item.record
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": moment(record.timestamp),
        "putBack": item.put_back,
        "redrives": redrive_count(record.headers),
        "deadLetters": [_letter_data(letter) for letter in item.letters],
        "key": _decoded_data(item.key),
        "value": _decoded_data(item.value),
        "headers": [{"name": name, **_bytes_data(value)} for name, value in record.headers],
    }


def _letter_data(letter: DeadLetter) -> dict[str, Any]:
    origin = letter.origin
    return {
        "dialect": letter.dialect.value,
        "origin": {
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
            "timestamp": moment(origin.timestamp),
            "group": origin.group,
        },
        "errorClass": letter.error_class,
        "errorMessage": letter.error_message,
        "attempts": letter.attempts,
        "stage": letter.stage,
        "pointer": letter.pointer,
    }


def _decoded_data(decoded: Decoded) -> dict[str, Any]:
    data = {"format": decoded.format, "schemaId": decoded.schema_id, "value": decoded.value, "note": decoded.note}
    return {name: part for name, part in data.items() if part is not None or name == "value"}


def _bytes_data(value: bytes | None) -> dict[str, str | None]:
    """Text as it is, other bytes as hex, under a name that tells which."""
    if value is None:
        return {"value": None}
    text = as_text(value)
    return {"hex": value.hex()} if text is None else {"value": text}


def origin_text(letter: DeadLetter | None) -> str | None:
    """``orders/3@42``, as far as it is known."""
    if letter is None or letter.origin.topic is None:
        return None
    origin = letter.origin
    partition = "" if origin.partition is None else f"/{origin.partition}"
    offset = "" if origin.offset is None else f"@{origin.offset}"
    return f"{origin.topic}{partition}{offset}"


def error_text(letter: DeadLetter | None) -> str | None:
    """The class without its package, and the message."""
    if letter is None:
        return None
    name = (letter.error_class or "").rpartition(".")[2]
    return ": ".join(part for part in (name, letter.error_message) if part) or None


def content_text(item: Shown, decoded: Decoded) -> str:
    """A key or a value on one line; ``decoded`` is one of ``item``'s."""
    if item.letter is not None and item.letter.pointer:
        return "(not copied: still in its source)" if decoded is item.value else ""
    if decoded.format == "null":
        return "(null)" if decoded is item.value else ""
    return f"{decoded.text} ({decoded.note})" if decoded.note else decoded.text


def header_text(headers: Iterable[tuple[str, bytes | None]], known: frozenset[str]) -> str:
    """Headers that an application wrote; those that tell of the dead letter are left out."""
    return ", ".join(
        f"{name}={'' if value is None else as_text(value) or value.hex()}"
        for name, value in headers
        if name not in known and not name.startswith(_DIALECT_PREFIXES)
    )


_DIALECT_PREFIXES = (
    *("__connect.errors.", "__streams.errors.", "__dlq.errors.", "kafkade.dlq.", "kafka_dlt-", "kafka_exception-"),
    *("kafka_original-", "retry_topic-", "dead-letter-", "delayed-retry-"),
)
