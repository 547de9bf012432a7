"""The size of a record's batch, against a batch that kafka-python makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from kafkade.clients.kafka_mover_model import Header, Record
from kafkade.dlq.redrive.size import batch_size

EDGES = [0, 1, 2, 40, 49, 50, 63, 64, 65, 127, 128, 8190, 8191, 8192, 8193, 1_048_575, 1_048_576, 1_048_577]
"""Around the sizes at which a length takes another byte."""


def record(key: bytes | None = None, value: bytes | None = None, headers: list[Header] | None = None) -> Record:
    return Record(3, 2**40, 1_700_000_000_000, key, value, headers or [])


def real(key: bytes | None, value: bytes | None, headers: list[Header]) -> int:
    """Bytes of the batch of a transactional producer."""
    builder = DefaultRecordBatchBuilder(2, 0, True, 4711, 3, 9, 1 << 30)
    builder.append(0, 1_700_000_000_000, key, value, headers)
    size: int = builder.size()
    # the checksum of a large one takes a second
    assert size > 10_000 or len(builder.build()) == size
    return size


CASES: list[tuple[str, bytes | None, bytes | None, list[Header]]] = [
    ("nothing at all", None, None, []),
    ("empty is one byte as well", b"", b"", []),
    ("a key only", b"k" * 70, None, []),
    ("a value only", None, b"v" * 70, []),
    ("a header without a value", b"k", b"v", [("a", None)]),
    ("an empty name and an empty value", b"k", b"v", [("", b"")]),
    ("a name in more bytes than letters", b"k", b"v", [("grüße-✓-𝄞", b"\xff\x00")]),
    ("63 headers", b"k", b"v", [("n", b"v")] * 63),
    ("64 headers: their number takes another byte", b"k", b"v", [("n", b"v")] * 64),
    ("8192 headers", b"k", b"v", [("n", None)] * 8192),
]


@pytest.mark.parametrize(("key", "value", "headers"), [pytest.param(*case, id=name) for name, *case in CASES])
def test_shapes(key: bytes | None, value: bytes | None, headers: list[Header]) -> None:
    assert batch_size(record(key, value), headers) == real(key, value, headers)


@pytest.mark.parametrize("size", EDGES)
def test_lengths(size: int) -> None:
    data = bytes(size)
    assert batch_size(record(data), []) == real(data, None, [])
    assert batch_size(record(None, data), []) == real(None, data, [])
    assert batch_size(record(), [("h", data)]) == real(None, None, [("h", data)])
    assert batch_size(record(), [("n" * size, b"")]) == real(None, None, [("n" * size, b"")])


def test_the_headers_given_count_and_not_those_it_has() -> None:
    plain, loaded = record(b"k", b"v"), record(b"k", b"v", [("n", b"x" * 1000)])
    assert batch_size(loaded, []) == batch_size(plain, []) == real(b"k", b"v", [])


DATA = st.none() | st.binary(max_size=300)


@given(DATA, DATA, st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=80), DATA), max_size=80))
def test_any_record(key: bytes | None, value: bytes | None, headers: list[Header]) -> None:
    assert batch_size(record(key, value), headers) == real(key, value, headers)
