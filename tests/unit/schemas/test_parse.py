"""A mistake in a schema text is named with its place, before any registry is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import avro.schema
import pytest

from kafkade.api.errors import InvalidSchema
from kafkade.schemas.parse import Parsed, parse
from kafkade.schemas.source import Source

ADDRESS = '{"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "city", "type": "string"}]}'
PROTO = 'syntax = "proto3";\npackage shop;\n'


def record(*fields: object) -> str:
    return json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": list(fields)})


GOOD = {
    "a primitive": ("AVRO", '"string"', ()),
    "a recursive record": ("AVRO", record({"name": "next", "type": ["null", "Order"], "default": None}), ()),
    "a named type from a reference": (
        "AVRO",
        record({"name": "to", "type": "shop.Address"}),
        (("shop.Address", Source(ADDRESS)),),
    ),
    "a reference at top level": ("AVRO", '"shop.Address"', (("shop.Address", Source(ADDRESS)),)),
    "an unfit logical type is ignored, as the specification wants": (
        "AVRO",
        '{"type": "bytes", "logicalType": "decimal", "precision": -1}',
        (),
    ),
    "a default of the union's second branch (Avro 1.12)": (
        "AVRO",
        record({"name": "a", "type": ["null", "int"], "default": 3}),
        (),
    ),
    "JSON Schema without $schema": ("JSON", '{"type": "object"}', ()),
    "JSON Schema true": ("JSON", "true", ()),
    "draft 2020-12 with $defs": (
        "JSON",
        '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"q": {}}, "properties": {"a": {"$ref": "#/$defs/q"}}}',
        (),
    ),
    "$ref to a reference": (
        "JSON",
        '{"properties": {"a": {"$ref": "address.json#/definitions/city"}}}',
        (("address.json", Source('{"definitions": {"city": {"type": "string"}}}', "JSON")),),
    ),
    "a $ref that is data": ("JSON", '{"enum": [{"$ref": "nowhere.json"}]}', ()),
    "a web address is the registry's business": ("JSON", '{"$ref": "https://example.com/x.json"}', ()),
    "well-known types": (
        "PROTOBUF",
        PROTO + 'import "google/protobuf/timestamp.proto";\nmessage A { google.protobuf.Timestamp t = 1; }',
        (),
    ),
    "an import from a reference that imports": (
        "PROTOBUF",
        PROTO + 'import "b.proto";\nmessage A { B b = 1; }',
        (
            (
                "b.proto",
                Source(
                    PROTO + 'import "dir/c.proto";\nmessage B { C c = 1; }',
                    "PROTOBUF",
                    (("dir/c.proto", Source(PROTO + "message C {}", "PROTOBUF")),),
                ),
            ),
        ),
    ),
}


@pytest.mark.parametrize(("kind", "text", "references"), GOOD.values(), ids=GOOD)
def test_parses(kind: str, text: str, references: tuple[tuple[str, Source], ...]) -> None:
    assert parse(Source(text, kind, references)).model is not None


BAD = {
    "cut off": ("AVRO", '{"type":"rec', "line 1, column 9"),
    "cut off on line 2": ("AVRO", '{\n "type": }', "line 2, column 10"),
    "unknown type of a field": ("AVRO", record({"name": "f", "type": "nope"}), 'Order.f: unknown type "nope"'),
    "unknown type deep down": (
        "AVRO",
        record(
            {"name": "ok", "type": "int"},
            {
                "name": "n",
                "type": {
                    "type": "record",
                    "name": "Line",
                    "fields": [
                        {"name": "up", "type": ["null", "Order"]},
                        {"name": "l", "type": {"type": "array", "items": ["null", "Order", "Zed"]}},
                    ],
                },
            },
        ),
        'Order.n.l[][2]: unknown type "Zed"',
    ),
    "a map's values": (
        "AVRO",
        record({"name": "m", "type": {"type": "map", "values": "x"}}),
        "Order.m{}: unknown type",
    ),
    "no type": ("AVRO", record({"name": "f"}), 'Order.f: the field has no "type"'),
    "no name": ("AVRO", record({"type": "int"}), 'Order.fields[0]: a field needs a "name"'),
    "not even a field": ("AVRO", record(3), "Order.fields[0]"),
    "a field twice": (
        "AVRO",
        record({"name": "f", "type": "int"}, {"name": "f", "type": "int"}),
        "Order.f: Field name f",
    ),
    "a default of another type": (
        "AVRO",
        record({"name": "f", "type": "int", "default": "x"}),
        "Order.f: default 'x' does not fit int",
    ),
    "an int default out of range": ("AVRO", record({"name": "f", "type": "int", "default": 2**31}), "does not fit int"),
    "a boolean is no int": ("AVRO", record({"name": "f", "type": "long", "default": True}), "does not fit long"),
    "a default deep down": (
        "AVRO",
        record(
            {"name": "a", "type": {"type": "array", "items": {"type": "map", "values": "int"}}, "default": [{"x": ""}]}
        ),
        "Order.a: default",
    ),
    "an enum symbol twice": ("AVRO", '{"type":"enum","name":"E","symbols":["a","a"]}', "E: Duplicate symbol"),
    "an enum default that is no symbol": (
        "AVRO",
        '{"type":"enum","name":"E","symbols":["a"],"default":"b"}',
        "E: Enum default 'b' is not a valid member",
    ),
    "fields null": ("AVRO", '{"type":"record","name":"A","fields":null}', 'A: a record needs a list of "fields"'),
    "a number": ("AVRO", "3", "top level: expected a type, found 3"),
    "a name with a dash": ("AVRO", '{"type":"record","name":"a-b","fields":[]}', "a-b is not a valid Avro name"),
    "JSON Schema keyword": (
        "JSON",
        '{"properties":{"a":{"minimum":"x"}}}',
        "$.properties.a.minimum: 'x' is not of type",
    ),
    "JSON Schema is no array": ("JSON", "[]", "top level: expected an object or a boolean"),
    "JSON Schema cut off": ("JSON", '{"a":\n}', "line 2, column 1"),
    "$ref without a reference": (
        "JSON",
        '{"properties":{"a":{"$ref":"o.json"}}}',
        '$.properties.a: $ref "o.json" leads nowhere; references are: none',
    ),
    "$ref to a definition that is not there": ("JSON", '{"items":{"$ref":"#/definitions/x"}}', "$.items: $ref"),
    "Protobuf syntax": ("PROTOBUF", PROTO + "message A { string f = 1 \n}", "line 4, column 1"),
    "Protobuf type": (
        "PROTOBUF",
        PROTO + "message A {\n  Foo f = 1;\n}",
        "line 4, column 3: name 'Foo' is not defined",
    ),
    "two Protobuf errors": ("PROTOBUF", PROTO + "message A { F f = 1;\nG g = 2; }", "line 4, column 1: name 'G'"),
    "Protobuf number twice": (
        "PROTOBUF",
        PROTO + "message A { int32 f = 1; int32 g = 1; }",
        "field number '1' is already used",
    ),
    "Protobuf import": ("PROTOBUF", PROTO + 'import "x.proto";', "line 3, column 1: import 'x.proto' not found"),
    "non-ASCII before the place": ("PROTOBUF", PROTO + "// äöü\nmessage A { X f = 1; }", "line 4, column 13"),
    "unknown kind": ("XML", "<a/>", "schema type XML is not known"),
}


@pytest.mark.parametrize(("kind", "text", "told"), BAD.values(), ids=BAD)
def test_names_the_place(kind: str, text: str, told: str) -> None:
    with pytest.raises(InvalidSchema) as caught:
        parse(Source(text, kind))
    assert told in caught.value.message


def test_mistake_in_a_reference_names_the_reference() -> None:
    broken = Source('{"type": "record", "name": "Address", "fields": [{"name": "c", "type": "nope"}]}')
    with pytest.raises(InvalidSchema, match=r"reference shop\.Address\.c: unknown type"):
        parse(Source('"shop.Address"', "AVRO", (("shop.Address", broken),)))


def test_imports_that_only_the_registry_has_are_left_to_it() -> None:
    text = PROTO + 'import "confluent/meta.proto";\nmessage A {}'
    assert parse(Source(text, "PROTOBUF")).model is None


@pytest.mark.parametrize("name", ["../x.proto", "/etc/x.proto", "a/../../x.proto", "kafkade-schema.proto"])
def test_import_paths_stay_in_their_folder(name: str) -> None:
    with pytest.raises(InvalidSchema, match="relative import path"):
        parse(Source(PROTO, "PROTOBUF", ((name, Source(PROTO, "PROTOBUF")),)))


@pytest.mark.parametrize("how", ["{path}", "..{path}", "x/../../../../../..{path}"])
def test_imports_read_no_files_of_the_operator(tmp_path: Path, how: str) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret", encoding="utf-8")
    with pytest.raises(InvalidSchema) as caught:
        parse(Source(PROTO + f'import "{how.format(path=secret)}";\nmessage A {{}}', "PROTOBUF"))
    assert "s3cret" not in caught.value.message


def test_refs_read_no_files_of_the_operator(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text('{"s3cret": 1}', encoding="utf-8")
    with pytest.raises(InvalidSchema, match="leads nowhere"):
        parse(Source(json.dumps({"$ref": secret.as_uri()}), "JSON"))


NESTINGS: dict[str, Callable[[int], str]] = {
    "AVRO": lambda n: '{"type":"array","items":' * n + '"int"' + "}" * n,
    "JSON": lambda n: '{"items":' * n + "{}" + "}" * n,
}


def test_deep_messages_are_refused_with_their_place() -> None:
    """The compiler, which follows them by recursion, would end the process."""
    with pytest.raises(InvalidSchema, match=r"line 3, column 779: more than 64 braces and brackets") as caught:
        parse(Source(PROTO.rstrip("\n") + "\n" + "message A { " * 2000 + "}" * 2000, "PROTOBUF"))
    assert caught.value.at is not None


def test_a_long_protobuf_text_is_left_to_the_registry() -> None:
    """The compiler takes minutes for one that has a mistake in each of its fields."""
    assert parse(Source(PROTO + "message A { " + "int32 a = 1; " * 10_000 + "}", "PROTOBUF")) == Parsed(
        "PROTOBUF", None
    )


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(InvalidSchema, match="a number has more than 4,300 digits"):
        parse(Source('{"maximum": ' + "9" * 10_000 + "}", "JSON"))


@pytest.mark.parametrize("kind", NESTINGS)
def test_deep_nesting_is_refused_and_not_a_crash(kind: str) -> None:
    with pytest.raises(InvalidSchema, match="too deeply"):
        parse(Source(NESTINGS[kind](100_000), kind))


def test_a_wide_record_is_located_quickly() -> None:
    fields = [{"name": f"f{i}", "type": "int"} for i in range(1500)]
    fields[1200]["type"] = "nope"
    with pytest.raises(InvalidSchema, match=r'Order\.f1200: unknown type "nope"'):
        parse(Source(record(*fields)))


def test_each_reference_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were made anew for each one after them: with 30 references 465 times."""
    made: list[str] = []
    build = avro.schema.RecordSchema.__init__

    def counted(self: Any, name: str, *rest: Any, **named: Any) -> None:
        made.append(name)
        build(self, name, *rest, **named)

    monkeypatch.setattr(avro.schema.RecordSchema, "__init__", counted)
    parts = [f"Part{n}" for n in range(30)]
    references = tuple((n, Source(json.dumps({"type": "record", "name": n, "fields": []}))) for n in parts)
    fields = [{"name": f"f{number}", "type": name} for number, name in enumerate(parts)]
    parse(Source(json.dumps({"type": "record", "name": "Whole", "fields": fields}), "AVRO", references))
    assert made == [*parts, "Whole"]


def test_dependencies_come_once_each_and_what_is_needed_first_comes_first_however_deep_they_are() -> None:
    base = Source('"base"')
    chain = base
    for number in range(3000):
        chain = Source(f'"{number}"', "AVRO", ((f"c{number}", chain), ("base", base)))
    names = [name for name, _ in chain.dependencies()]
    assert names == ["c0", "base", *(f"c{n}" for n in range(1, 3000))]
