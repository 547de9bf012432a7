"""Headers of record batches, made by kafka-python's own builder."""

from __future__ import annotations

import struct

import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder

from kafkade.clients.group_model import NextRecord
from kafkade.clients.kafka_batches import batches, next_record

CONTROL, TRANSACTIONAL, APPEND_TIME = 0x20, 0x10, 0x08


def batch(base: int, times: list[int], *, codec: int = 0, attributes: int = 0, producer: int = -1) -> bytes:
    """A batch of records with these timestamps."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=False,
        producer_id=producer,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=100_000,
    )
    for number, timestamp in enumerate(times):
        builder.append(offset=number, timestamp=timestamp, key=None, value=b"x" * 100, headers=[])
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, base)
    struct.pack_into(">h", built, 21, struct.unpack_from(">h", built, 21)[0] | attributes)
    return bytes(built)


def test_headers() -> None:
    data = batch(5, [1000, 1001, 1002], codec=1, producer=7) + batch(8, [2000], attributes=TRANSACTIONAL)
    first, second = [header for header, _ in batches(data)]
    assert (first.base_offset, first.last_offset, first.records, first.codec) == (5, 7, 3, "gzip")
    assert (first.first_timestamp, first.max_timestamp, first.producer_id) == (1000, 1002, 7)
    assert (second.base_offset, second.codec, second.transactional, second.control) == (8, "none", True, False)
    assert first.size + second.size == len(data)


def test_an_appended_time_is_that_of_all_records() -> None:
    (header, _), *_ = batches(batch(0, [1000, 9000], attributes=APPEND_TIME))
    assert (header.append_time, header.first_timestamp, header.max_timestamp) == (True, 9000, 9000)


@pytest.mark.parametrize("cut", [0, 1, 11, 60, 100])
def test_a_batch_that_was_cut_off_is_none(cut: int) -> None:
    whole = batch(0, [1])
    assert [header.base_offset for header, _ in batches(whole + batch(1, [2])[:cut])] == [0]


def test_other_formats_are_left_out() -> None:
    old = bytearray(batch(0, [1]))
    old[16] = 1
    assert [header.base_offset for header, _ in batches(bytes(old) + batch(1, [2]))] == [1]
    assert list(batches(None)) == []
    assert list(batches(b"\0" * 100)) == []


@pytest.mark.parametrize(
    ("data", "offset", "found"),
    [
        pytest.param(b"", 7, NextRecord(None, 7), id="nothing came"),
        pytest.param(batch(7, [1000, 2000]), 7, NextRecord(1000, 9), id="the first of a batch"),
        pytest.param(batch(5, [1000, 1100, 1200]), 6, NextRecord(1100, 8), id="one in the middle"),
        pytest.param(batch(5, [1000]) + batch(6, [3000]), 6, NextRecord(3000, 7), id="the batch before is passed over"),
        pytest.param(batch(9, [1000]), 6, NextRecord(1000, 10), id="compaction took what was there"),
        pytest.param(batch(6, [1000], attributes=CONTROL), 6, NextRecord(None, 7), id="only a control record"),
        pytest.param(
            batch(6, [1000], attributes=CONTROL) + batch(7, [4000]), 6, NextRecord(4000, 8), id="a record behind one"
        ),
    ],
)
def test_next_record(data: bytes, offset: int, found: NextRecord) -> None:
    assert next_record(data, offset) == found
