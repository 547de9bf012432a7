"""How many bytes a record takes in a batch of its own (message format 2). Pure.

https://kafka.apache.org/documentation/#messageformat: what max.message.bytes is held against.
"""

from __future__ import annotations

from kafkade.clients.kafka_mover_model import Header, Record

_BATCH = 61
"""Bytes of a batch without records."""


def batch_size(record: Record, headers: list[Header]) -> int:
    """The bytes of a batch that has only this record, uncompressed, with ``headers`` in place of its own."""
    # attributes, and the distances of timestamp and offset from the batch's, which are 0
    body = 3 + _field(record.key) + _field(record.value) + _varint(len(headers))
    for name, value in headers:
        body += _field(name.encode("utf-8", "surrogatepass")) + _field(value)
    return _BATCH + _varint(body) + body


def _field(data: bytes | None) -> int:
    return 1 if data is None else _varint(len(data)) + len(data)


def _varint(number: int) -> int:
    """Bytes of a number that is not negative, in zigzag coding."""
    return max(1, -(-(number << 1).bit_length() // 7))
