"""Keys and values of records for people. Data is framed and encoded here byte for byte, as Confluent's serializers do it."""

from __future__ import annotations

import io
import json
from typing import Any

import avro.io
import avro.schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.errors import RegistryNotFound, RegistryRequestFailed, RegistryUnreachable
from kafkade.clients.registry_schemas import SchemaText
from kafkade.dlq.decode import Decoded, Decoder


def avsc(schema: Any, *references: tuple[str, SchemaText]) -> SchemaText:
    return SchemaText(json.dumps(schema), "AVRO", references)


ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "com.acme",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "DONE"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "raw", "type": "bytes"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "rate", "type": "double"},
    ],
}
MONEY = {"type": "record", "name": "Money", "namespace": "com.acme", "fields": [{"name": "cents", "type": "int"}]}
BILL = {"type": "record", "name": "Bill", "fields": [{"name": "sum", "type": "com.acme.Money"}]}

PROTO = """
syntax = "proto3";
package acme;
import "google/protobuf/timestamp.proto";
import "money.proto";
message Order { int64 id = 1; string customer_name = 2; money.Money sum = 3; google.protobuf.Timestamp at = 4;
  message Line { string sku = 1; message Part { int32 n = 1; } } }
message Other { bool yes = 1; }
"""
MONEY_PROTO = 'syntax = "proto3"; package money; message Money { int32 cents = 1; }'

SCHEMAS = {
    1: avsc(ORDER),
    2: avsc("string"),
    3: avsc(BILL, ("com.acme.Money", avsc(MONEY))),
    4: SchemaText('{"type": "object"}', "JSON"),
    5: SchemaText(PROTO, "PROTOBUF", (("money.proto", SchemaText(MONEY_PROTO, "PROTOBUF")),)),
    6: SchemaText("{", "AVRO"),
    7: SchemaText("message", "PROTOBUF"),
    8: SchemaText("x", "THRIFT"),
    9: avsc({"type": "array", "items": "null"}),
    10: avsc("com.acme.Nowhere"),
    11: SchemaText(PROTO, "PROTOBUF", (("../money.proto", SchemaText(MONEY_PROTO, "PROTOBUF")),)),
    12: SchemaText('syntax = "proto3"; message M { M m = 1; }', "PROTOBUF"),
}


def schemas(schema_id: int) -> SchemaText:
    if schema_id == 99:
        raise RegistryRequestFailed("get schema 99: the registry is tired", 500)
    if schema_id not in SCHEMAS:
        raise RegistryNotFound(f"get schema {schema_id}: not found", 40403)
    return SCHEMAS[schema_id]


def framed(schema_id: int, data: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + data


def order(**fields: Any) -> bytes:
    """By the package's writer, with plain numbers where the schema has logical types."""
    plain = json.loads(json.dumps(ORDER).replace('"logicalType"', '"was"'))
    out = io.BytesIO()
    value = {"id": 7, "note": None, "state": "NEW", "tags": [], "raw": b"", "at": 0, "price": b"\x00", "rate": 0.5}
    avro.io.DatumWriter(avro.schema.make_avsc_object(plain)).write(value | fields, avro.io.BinaryEncoder(out))
    return framed(1, out.getvalue())


def order_value(**fields: Any) -> dict[str, Any]:
    value = {"id": 7, "note": None, "state": "NEW", "tags": [], "raw": "", "rate": 0.5}
    return value | {"at": "1970-01-01T00:00:00+00:00", "price": "0.00"} | fields


CASES: list[tuple[str, bytes | None, Decoded]] = [
    ("null", None, Decoded("null", None)),
    ("empty", b"", Decoded("text", "")),
    ("text", "für\n".encode(), Decoded("text", "für\n")),
    ("a number is text", b"42", Decoded("text", "42")),
    ("a JSON object", b' {"a": [1, 1.5, null]}', Decoded("json", {"a": [1, 1.5, None]})),
    ("a JSON array", b"[]", Decoded("json", [])),
    ("nearly JSON", b'{"a": }', Decoded("text", '{"a": }')),
    ("JSON that would lose a name", b'{"a": 1, "a": 2}', Decoded("text", '{"a": 1, "a": 2}')),
    ("what JSON does not have", b"[NaN]", Decoded("text", "[NaN]")),
    ("a number that is too large", b"[1e999]", Decoded("text", "[1e999]")),
    ("JSON that is too deep", b"[" * 100_000, Decoded("text", "[" * 100_000)),
    ("bytes", b"\xff\xfe", Decoded("hex", "fffe")),
    ("escape sequences are no text", b"\x1b[31mred", Decoded("hex", "1b5b33316d726564")),
    ("a big-endian int", b"\0\0\0\x2a", Decoded("hex", "0000002a")),
    (
        "a big-endian long, which looks like a frame",
        b"\0\0\0\0\0\0\0\x2a",
        Decoded("hex", "000000000000002a", "no schema 0 in the registry"),
    ),
    ("Avro", order(), Decoded("avro", order_value(), schema_id=1)),
    (
        "Avro, all that JSON does not have",
        order(
            note="für", state="DONE", tags=["a"], raw=b"\xff\x00", at=1_700_000_000_123, price=b"\x04\xd2", rate=1e400
        ),
        Decoded(
            "avro",
            order_value(
                note="für",
                state="DONE",
                tags=["a"],
                raw="\xff\x00",
                at="2023-11-14T22:13:20.123000+00:00",
                price="12.34",
                rate="inf",
            ),
            schema_id=1,
        ),
    ),
    (
        "Avro, a time that Python does not know",
        order(at=2**62, price=b"\x04\xd2"),
        Decoded("avro", order_value(at=2**62, price="\x04\xd2"), schema_id=1),
    ),
    ("Avro, a string alone", framed(2, b"\x04hi"), Decoded("avro", "hi", schema_id=2)),
    ("Avro with a reference", framed(3, b"\x54"), Decoded("avro", {"sum": {"cents": 42}}, schema_id=3)),
    ("JSON Schema", framed(4, b'{"a": 1}'), Decoded("json-schema", {"a": 1}, schema_id=4)),
    (
        "Protobuf, the first message, with what is imported",
        framed(5, b"\0" + b"\x08\x2a" + b"\x12\x02hi" + b"\x1a\x02\x08\x07" + b"\x22\x02\x08\x01"),
        Decoded(
            "protobuf",
            {"id": "42", "customer_name": "hi", "sum": {"cents": 7}, "at": "1970-01-01T00:00:01Z"},
            schema_id=5,
        ),
    ),
    ("Protobuf, the second message", framed(5, b"\x02\x02\x08\x01"), Decoded("protobuf", {"yes": True}, schema_id=5)),
    (
        "Protobuf, a message in a message in a message",
        framed(5, b"\x06\0\0\0\x08\x05"),
        Decoded("protobuf", {"n": 5}, schema_id=5),
    ),
]


@pytest.mark.parametrize(("data", "expected"), [pytest.param(d, e, id=reason) for reason, d, e in CASES])
def test_what_can_be_shown(data: bytes | None, expected: Decoded) -> None:
    found = Decoder(schemas).decode(data)
    assert found == expected
    json.dumps(found.value, allow_nan=False)


NOTES = [
    ("Avro, too short", order()[:-3], "does not fit schema 1: not Avro: "),
    ("Avro, too long", order() + b"\x01", "does not fit schema 1: 1 bytes are left after it"),
    ("Avro, no UTF-8", framed(2, b"\x04\xff\xff"), "does not fit schema 2: not Avro: 'utf-8' codec"),
    ("Avro, a string longer than memory", framed(2, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"), "does not fit schema 2"),
    ("Avro, nulls without end", framed(9, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"), "does not fit schema 9"),
    ("JSON Schema, no JSON", framed(4, b"\xff"), "does not fit schema 4: not JSON"),
    ("Protobuf, no message", framed(5, b"\0\xff"), "does not fit schema 5: not Protobuf"),
    ("Protobuf, no index", framed(5, b""), "does not fit schema 5: it ends within its message indexes"),
    ("Protobuf, no such message", framed(5, b"\x02\x0a"), "does not fit schema 5: the schema has no message"),
    ("Protobuf, a negative index", framed(5, b"\x02\x01"), "the schema has no message with the indexes [-1]"),
    ("Protobuf, too many indexes", framed(5, b"\xfe\x7f\x00"), "it begins with 8191 message indexes"),
    ("no such schema", framed(77, b"x"), "no schema 77 in the registry"),
    ("an answer that helps nobody", framed(99, b"x"), "the registry is tired"),
    ("an Avro schema that does not parse", framed(6, b"x"), "schema 6 cannot be used: not an Avro schema"),
    ("an Avro schema without its reference", framed(10, b"x"), "schema 10 cannot be used: not an Avro schema"),
    ("a Protobuf schema that does not parse", framed(7, b"x"), "schema 7 cannot be used: not a Protobuf schema"),
    ("a Protobuf schema that would write elsewhere", framed(11, b"x"), "its reference '../money.proto' is no relative"),
    ("another type", framed(8, b"x"), "schema 8 is of type THRIFT, which kafkade cannot decode"),
]


@pytest.mark.parametrize(("data", "note"), [pytest.param(d, n, id=reason) for reason, d, n in NOTES])
def test_what_cannot_be_decoded_is_shown_with_why(data: bytes, note: str) -> None:
    found = Decoder(schemas).decode(data)
    assert (found.format, found.value, found.schema_id) == ("hex", data.hex(), None)
    assert found.note is not None
    assert note in found.note
    assert "\n" not in found.note


def test_without_a_registry_a_frame_is_guessed() -> None:
    assert Decoder().decode(framed(7, b"x")) == Decoded(
        "hex", framed(7, b"x").hex(), "perhaps of schema 7, with no registry to ask"
    )
    assert Decoder().decode(b"plain") == Decoded("text", "plain")


def test_a_registry_that_is_away_is_asked_once() -> None:
    asked: list[int] = []

    def away(schema_id: int) -> SchemaText:
        asked.append(schema_id)
        raise RegistryUnreachable("no answer")

    decoder = Decoder(away)
    notes = [decoder.decode(framed(number, b"x")).note for number in (1, 2, 1)]
    assert notes == [f"of schema {number}, and the registry cannot be asked" for number in (1, 2, 1)]
    assert asked == [1]
    assert decoder.trouble is not None


def test_a_schema_is_fetched_once() -> None:
    asked: list[int] = []

    def counted(schema_id: int) -> SchemaText:
        asked.append(schema_id)
        return schemas(schema_id)

    decoder = Decoder(counted)
    for data in (framed(2, b"\x04hi"), framed(77, b"x"), framed(2, b"\x00"), framed(77, b"y")):
        decoder.decode(data)
    assert asked == [2, 77]


@pytest.mark.parametrize(
    ("decoded", "text"),
    [
        (Decoded("null", None), ""),
        (Decoded("text", "für"), "für"),
        (Decoded("json", {"a": "ü"}), '{"a": "ü"}'),
        (Decoded("avro", None), "null"),
    ],
)
def test_on_one_line(decoded: Decoded, text: str) -> None:
    assert decoded.text == text


DECODER = Decoder(schemas)


@given(st.sampled_from([*SCHEMAS, 77]), st.binary(max_size=60))
def test_no_data_makes_it_raise(schema_id: int, data: bytes) -> None:
    for candidate in (data, framed(schema_id, data)):
        found = DECODER.decode(candidate)
        assert found.format
        json.dumps(found.value, allow_nan=False)


def zigzag(number: int) -> bytes:
    return varint(2 * number if number >= 0 else -2 * number - 1)


def varint(number: int) -> bytes:
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
BOMBS = {
    1: avsc({"type": "array", "items": "null"}),
    2: avsc(NODE),
    3: SchemaText('syntax = "proto3"; message A { A a = 1; }', "PROTOBUF"),
    4: avsc({"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}),
    5: avsc("string"),
    6: avsc({"type": "fixed", "name": "Huge", "size": 10**12}),
    7: SchemaText("{}", "JSON"),
    8: SchemaText("[" * 100_000, "AVRO"),
    9: SchemaText('syntax = "proto3"; ' + "message A { " * 3000 + "}" * 3000, "PROTOBUF"),
    10: avsc(DECIMAL),
}


@pytest.mark.parametrize(
    ("schema_id", "data"),
    [
        pytest.param(1, zigzag(2**40) + b"\0", id="many nulls"),
        pytest.param(1, zigzag(9_000_000) + b"\0", id="fewer nulls than the package takes"),
        pytest.param(1, zigzag(-(2**40)) + zigzag(5) + b"\0", id="many nulls in a block of its size"),
        pytest.param(2, zigzag(1) * 200_000, id="a deep record"),
        pytest.param(3, b"\xff" * 1_000_000, id="an index without end"),
        pytest.param(3, varint(2 * 1_000_000) + b"\0" * 1_000_001, id="many indexes"),
        pytest.param(3, b"\0" + b"\x0a\x80\x01" * 40, id="a deep message"),
        pytest.param(4, zigzag(2**40) + b"\0", id="many empty records"),
        pytest.param(5, zigzag(2**60) + b"x", id="a long string"),
        pytest.param(5, b"\xff" * 1_000_000, id="a length without end"),
        pytest.param(6, b"x", id="a large fixed"),
        pytest.param(7, b"[" * 100_000, id="deep JSON"),
        pytest.param(7, b"9" * 100_000, id="a long number"),
        pytest.param(8, b"x", id="a deep Avro schema"),
        pytest.param(9, b"\0", id="a deep Protobuf schema"),
    ],
)
def test_what_would_do_harm_is_shown_as_it_is(schema_id: int, data: bytes) -> None:
    """In no time, and without taking the memory: anybody who may write to a topic can write this."""
    found = Decoder(BOMBS.__getitem__).decode(framed(schema_id, data))
    assert found.format == "hex"
    assert found.note
    assert len(found.note) < 300


def test_nulls_that_somebody_may_mean() -> None:
    found = Decoder(BOMBS.__getitem__).decode(framed(1, zigzag(1000) + b"\0"))
    assert (found.format, found.value) == ("avro", [None] * 1000)
    many = b"\x02" * 500_000  # each one value of a byte, in a union
    found = Decoder(lambda _: avsc({"type": "array", "items": ["null", "int"]})).decode(
        framed(1, zigzag(250_000) + many + b"\0")
    )
    assert (found.format, len(found.value)) == ("avro", 250_000)


def test_what_is_longer_than_wanted_is_not_decoded() -> None:
    decoder = Decoder(most=10)
    assert decoder.decode(b"[1, 2, 3]") == Decoded("json", [1, 2, 3])
    assert decoder.decode(b"[1, 2, 3, 4]") == Decoded("text", "[1, 2, 3, 4]", "its 12 bytes are too many to be decoded")


def test_a_decimal_of_a_million_bytes_is_no_number() -> None:
    """The package would add it up for minutes."""
    found = Decoder(BOMBS.__getitem__).decode(framed(10, zigzag(1_000_000) + b"\x7f" * 1_000_000))
    assert (found.format, found.value) == ("avro", "\x7f" * 1_000_000)
    small = Decoder(BOMBS.__getitem__).decode(framed(10, zigzag(2) + b"\x04\xd2"))
    assert (small.format, small.value) == ("avro", "12.34")
