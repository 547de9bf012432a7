"""Records of dead-letter topics: anybody who may write to a source topic decides on their bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache

from fuzz.target import Target, parts, text, whole
from kafkade.api.errors import LedgerUnreadable, ProgressUnreadable
from kafkade.cli.output import printable
from kafkade.clients.kafka_mover_model import Header, Record
from kafkade.clients.registry_schemas import SchemaText
from kafkade.dlq.decode import Decoded, Decoder
from kafkade.dlq.dialects import READERS
from kafkade.dlq.headers import of_record, read, redrive_count
from kafkade.dlq.letter import REDRIVE_COUNT
from kafkade.dlq.redrive.ledger import Ledger
from kafkade.dlq.redrive.origin import Origins
from kafkade.dlq.redrive.progress import Tally, bucket_of
from kafkade.dlq.shown import as_data, content_text, error_text, header_text, origin_text, shown

_HEADER, _VALUE = b"\x1e", b"\x1f"
_MAX_LONG = 2**63 - 1


def _headers(data: bytes) -> list[Header]:
    """Headers with a record separator between them, a unit separator before the value; without it the value is null."""
    found: list[Header] = []
    for item in data.split(_HEADER) if data else ():
        name, there, value = item.partition(_VALUE)
        found.append((whole(name), value if there else None))
    return found


def headers(data: bytes) -> None:
    """Headers of a record: never raises; numbers are those of Java; the fast way to the origin says the same as the whole."""
    given = _headers(data)
    letters = read(given)
    for letter in letters:
        origin = letter.origin
        for number in (origin.partition, origin.offset, origin.timestamp):
            assert number is None or 0 <= number <= _MAX_LONG
    assert 0 <= redrive_count(given) <= _MAX_LONG
    expected = (letters[0].origin.topic, letters[0].origin.partition) if letters else (None, None)
    origins = Origins()
    assert origins.place(given) == expected
    assert origins.place(given[:-1]) == Origins().place(given[:-1])
    assert origins.place(given) == expected
    bucket_of(given, 0, 1)
    of_record(given, None, None)
    item = shown(Record(0, 0, 0, None, None, given), Decoder(), {})
    _printed(json.dumps(as_data("orders", item), ensure_ascii=False, allow_nan=False))
    for line in (origin_text(item.letter), error_text(item.letter), header_text(given, frozenset())):
        _printed(line or "")
    content_text(item, item.value)


def _printed(line: str) -> None:
    assert printable(line).isprintable()


@lru_cache(maxsize=256)
def _decoder(schema_type: str, schema: str, reference: str) -> Decoder:
    references = (("other", SchemaText(reference, schema_type)),) if reference else ()
    return Decoder(lambda _: SchemaText(schema, schema_type, references))


def decode(data: bytes) -> None:
    """A record's value by a registry's schema: never raises; what it gives is JSON that can be printed, or text, or hex.

    The parts: AVRO, JSON or PROTOBUF; the schema; what it references; the data behind the frame.
    """
    schema_type, schema, reference, value = parts(data, 4)
    decoder = _decoder(whole(schema_type), text(schema), text(reference))
    for given in (b"\0\0\0\0\1" + value, value):
        found = decoder.decode(given)
        assert found == Decoded(found.format, found.value, found.note, found.schema_id)
        _printed(found.text)
        _printed(found.note or "")
        json.dumps(found.value, allow_nan=False)


def ledger(data: bytes) -> None:
    """Offset metadata of a redrive's group: read or LedgerUnreadable, ProgressUnreadable; what is read is written the same.

    The parts: the offset in decimal; the metadata.
    """
    number, metadata = parts(data, 2)
    offset = int(number[:18]) if number[:18].isdigit() else 0
    with suppress(LedgerUnreadable):
        found = Ledger.read(offset, whole(metadata))
        again = Ledger.read(found.base, found.metadata())
        assert list(again.ranges) == list(found.ranges)
        assert all(first < end for first, end in found.ranges)
        list(found.gaps(0, offset + 1000))
    with suppress(ProgressUnreadable):
        tally = Tally.from_metadata(offset, whole(metadata))
        assert Tally.from_metadata(offset, tally.metadata()) == tally


_NAMES = tuple(dict.fromkeys(name.encode() for names, _ in READERS for name in names))

TARGETS = (
    Target(
        "headers",
        headers,
        (_HEADER, _VALUE, *_NAMES, REDRIVE_COUNT.encode(), b"9223372036854775807", b"-1", b"\xff" * 8, b"_5000"),
    ),
    Target(
        "decode",
        decode,
        (
            *(b"\n%%\n", b"AVRO", b"JSON", b"PROTOBUF", b'{"type":"record","name":"A","fields":[]}', b'"type"', b'"name"'),
            *(b'"fields"', b'"items"', b'"values"', b'"symbols"', b'"logicalType"', b'"decimal"', b'"precision"', b'"scale"'),
            *(b'"size"', b'"default"', b'"array"', b'"map"', b'"fixed"', b'"enum"', b'"bytes"', b'"timestamp-micros"'),
            *(b'syntax = "proto3";', b"message A {", b"string a = 1;", b"map<string, A> b = 2;", b"oneof c {", b"}"),
            *(b"google.protobuf.Any", b'import "other";', b"\\ud800", b"1e999"),
        ),
    ),
    Target("ledger", ledger, (b"\n%%\n", b"1:", b"1 0 0 0 0 0 0 0", b"=Lost", b"____", b"AAAA")),
)  # fmt: skip
