"""Changes of schemas, and what the local check says of them: old, new, words for BACKWARD, words for FORWARD.

None: compatible that way. An empty text: broken, in words that are not looked at.
"""

from __future__ import annotations

from typing import Any


def rec(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def f(name: str, type_: Any = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


# old, new, what BACKWARD says (None: compatible), what FORWARD says
AVRO = {
    "the same": (rec(f("a")), rec(f("a")), None, None),
    "field added with a default": (rec(f("a")), rec(f("a"), f("b", default="")), None, None),
    "field added without a default": (
        rec(f("a")),
        rec(f("a"), f("email")),
        "R.email: field email was added without a default: readers with the new schema cannot read old records;"
        " give it a default",
        None,
    ),
    "field with a default removed": (rec(f("a"), f("b", default="")), rec(f("a")), None, None),
    "field without a default removed": (
        rec(f("a"), f("b")),
        rec(f("a")),
        None,
        "R.b: field b was removed and has no default in version 1: readers with version 1 cannot read records of the new"
        " schema; keep it, or give it a default in a version before you remove it",
    ),
    "field renamed with an alias": (
        rec(f("a", default="")),
        rec(f("z", aliases=["a"])),
        None,
        None,
    ),
    "int widened to long": (rec(f("a", "int")), rec(f("a", "long")), None, "R.a: type changed from int to long"),
    "long narrowed to int": (rec(f("a", "long")), rec(f("a", "int")), "R.a: type changed from long to int", None),
    "string and bytes are one on the wire": (rec(f("a")), rec(f("a", "bytes")), None, None),
    "string to int": (
        rec(f("a")),
        rec(f("a", "int")),
        "type changed from string to int",
        "type changed from string to int",
    ),
    "made nullable": (
        rec(f("a")),
        rec(f("a", ["null", "string"])),
        None,
        "R.a: type changed from string to union of null, string",
    ),
    "null taken out": (
        rec(f("a", ["null", "string"])),
        rec(f("a")),
        "type changed from union of null, string to string",
        None,
    ),
    "branch added to a union": (
        rec(f("a", ["null", "string"])),
        rec(f("a", ["null", "string", "int"])),
        None,
        "int of the new schema fits no branch of the union of null, string in version 1",
    ),
    "branch removed from a union": (
        rec(f("a", ["null", "int", "string"])),
        rec(f("a", ["null", "string"])),
        "int of version 1 fits no branch of the union of null, string in the new schema",
        None,
    ),
    "enum symbol added": (rec(f("e", enum("A"))), rec(f("e", enum("A", "B"))), None, "R.e: B added to enum E"),
    "enum symbol removed": (rec(f("e", enum("A", "B"))), rec(f("e", enum("A"))), "R.e: B removed from enum E", None),
    "enum symbol removed, with a default": (
        rec(f("e", enum("A", "B"))),
        rec(f("e", enum("A", default="A"))),
        None,
        None,
    ),
    "record renamed": (rec(name="A"), rec(name="B"), "record A was renamed to B", "record A was renamed to B"),
    "record renamed with an alias": (rec(name="A"), rec(name="B", aliases=["A"]), None, "record A was renamed to B"),
    "fixed of another size": (
        rec(f("h", {"type": "fixed", "name": "H", "size": 8})),
        rec(f("h", {"type": "fixed", "name": "H", "size": 9})),
        "R.h: size of fixed H is 9 in the new schema and 8 in version 1",
        "R.h: size of fixed H is 8 in version 1 and 9 in the new schema",
    ),
    "deep inside of unions, arrays and maps": (
        rec(f("l", ["null", {"type": "array", "items": {"type": "map", "values": rec(f("x"), name="Line")}}])),
        rec(f("l", ["null", {"type": "array", "items": {"type": "map", "values": rec(f("x"), f("y"), name="Line")}}])),
        "R.l: array of map of record Line of version 1 fits no branch",
        None,
    ),
    "in the items of an array": (
        rec(f("l", {"type": "array", "items": rec(f("x"), name="Line")})),
        rec(f("l", {"type": "array", "items": rec(f("x"), f("y"), name="Line")})),
        "R.l[].y: field y was added without a default",
        None,
    ),
    "recursive": (
        rec(f("next", ["null", "R"])),
        rec(f("next", ["null", "R"]), f("b", "int")),
        "R.b: field b was added without a default",
        None,
    ),
}

OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "additionalProperties": False}


def props(of: dict[str, Any] = CLOSED, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {**of, "properties": properties, **({"required": list(required)} if required else {})}


STR, INT = {"type": "string"}, {"type": "integer"}
JSON = {
    "the same": (CLOSED, CLOSED, None, None),
    "notes changed": (CLOSED, {**CLOSED, "title": "t", "description": "d"}, None, None),
    "optional property added to a closed object": (
        CLOSED,
        props(a=STR, b=STR),
        None,
        "$.b: property b is not in version 1, which is closed",
    ),
    "optional property added to an open object": (
        OPEN,
        props(OPEN, a=STR, b=STR),
        "$.b: property b has a schema in the new schema, and in version 1 it may hold anything",
        None,
    ),
    "property without a schema added to an open object": (OPEN, props(OPEN, a=STR, b={}), None, None),
    "property removed from an open object": (
        props(OPEN, a=STR, b=STR),
        OPEN,
        None,
        "$.b: property b has a schema in version 1",
    ),
    "property removed from a closed object": (
        props(a=STR, b=STR),
        CLOSED,
        "$.b: property b is not in the new schema",
        None,
    ),
    "required property added": (
        CLOSED,
        props(a=STR, b=STR, required=("b",)),
        "$.b: property b is required in the new schema and not in version 1",
        "$.b: property b is not in version 1",
    ),
    "required property with a default added": (
        CLOSED,
        props(a=STR, b={**STR, "default": ""}, required=("b",)),
        None,
        "$.b",
    ),
    "property made optional": (
        props(a=STR, required=("a",)),
        CLOSED,
        None,
        "$.a: property a is required in version 1 and not in the new schema",
    ),
    "type changed": (CLOSED, props(a=INT), "$.a: type is string in", "$.a: type is integer in"),
    "integer widened to number": (props(a=INT), props(a={"type": "number"}), None, "type is number in"),
    "made nullable": (props(a=STR), props(a={"type": ["null", "string"]}), None, "$.a: type is null or string in"),
    "a type taken away": (
        props(a={"type": ["null", "string"]}),
        props(a=STR),
        "$.a: type is null or string in version 1",
        None,
    ),
    "a type given where there was none": (props(a={}), props(a=STR), "$.a: type is any in", None),
    "enum narrowed": (
        props(a={"enum": ["x", "y"]}),
        props(a={"enum": ["x"]}),
        '$.a.enum: the new schema does not accept "y"',
        None,
    ),
    "enum added": (
        props(a=STR),
        props(a={"type": "string", "enum": ["x"]}),
        "the new schema accepts only certain values",
        None,
    ),
    "const is an enum of one": (
        props(a={"const": "x"}),
        props(a={"const": "y"}),
        'does not accept "x"',
        'does not accept "y"',
    ),
    "closed": (OPEN, CLOSED, "$.additionalProperties: the new schema is closed and version 1 is not", None),
    "additional properties typed": (
        props(OPEN),
        {**props(OPEN), "additionalProperties": STR},
        "$.additionalProperties: type is any in",
        None,
    ),
    "a property that additional properties cover": (
        {"type": "object", "additionalProperties": STR},
        {"type": "object", "additionalProperties": STR, "properties": {"b": STR}},
        None,
        None,
    ),
    "a property that additional properties do not cover": (
        {"type": "object", "additionalProperties": STR},
        {"type": "object", "additionalProperties": STR, "properties": {"b": INT}},
        "$.b: type is string in",
        "$.b: type is integer in",
    ),
    "limits tightened": (
        props(a={"type": "string", "maxLength": 9}),
        props(a={"type": "string", "maxLength": 5, "minLength": 1, "pattern": "^x"}),
        "$.a.maxLength: maxLength is 5 in the new schema and 9 in version 1",
        None,
    ),
    "minimum and exclusiveMinimum": (
        props(a={"type": "number", "minimum": 1}),
        props(a={"type": "number", "exclusiveMinimum": 1, "minimum": 1}),
        "$.a.exclusiveMinimum",
        None,
    ),
    "multipleOf": (props(a={**INT, "multipleOf": 2}), props(a={**INT, "multipleOf": 4}), "multiple of 4", None),
    "multipleOf 0.1 of 0.3, in decimals": (
        props(a={"multipleOf": 0.3}),
        props(a={"multipleOf": 0.1}),
        None,
        "multiple of 0.3",
    ),
    "unique items": ({"type": "array"}, {"type": "array", "uniqueItems": True}, "$.uniqueItems", None),
    "items": (
        {"type": "array", "items": STR},
        {"type": "array", "items": INT},
        "$[]: type is string in",
        "$[]: type is integer in",
    ),
    "items of a tuple": (
        {"items": [STR, STR]},
        {"items": [STR, INT]},
        "$[1]: type is string",
        "$[1]: type is integer",
    ),
    "a branch added to oneOf": ({"oneOf": [STR]}, {"oneOf": [STR, INT]}, None, "oneOf of version 1 has fewer branches"),
    "a branch removed from anyOf": (
        {"anyOf": [STR, INT, {"type": "boolean"}]},
        {"anyOf": [STR, INT]},
        "anyOf of the new schema has fewer branches",
        None,
    ),
    "branches in another order": ({"oneOf": [STR, INT]}, {"oneOf": [INT, STR]}, None, None),
    "one becomes one of two": (STR, {"oneOf": [INT, STR]}, None, "oneOf of the new schema is not covered"),
    "a demand added to allOf": (
        {"allOf": [STR]},
        {"allOf": [STR, {"minLength": 1}]},
        "allOf of the new schema demands",
        None,
    ),
    "by $ref": (
        {"definitions": {"d": STR}, "properties": {"a": {"$ref": "#/definitions/d"}}},
        {"definitions": {"d": INT}, "properties": {"a": {"$ref": "#/definitions/d"}}},
        "$.a: type is string in",
        "$.a: type is integer in",
    ),
    "recursive $ref": (
        {"properties": {"next": {"$ref": "#"}, "v": STR}, "additionalProperties": False},
        {"properties": {"next": {"$ref": "#"}, "v": INT}, "additionalProperties": False},
        "$.v: type is string in",
        "$.v",
    ),
    "nothing accepted": (props(a=STR), props(a=False), "$.a: the new schema accepts nothing here", None),
    "everything accepted": (STR, True, None, "$: type is any in"),
    "a dependency added": (
        {"type": "object"},
        {"type": "object", "dependencies": {"a": ["b"]}},
        "$.a: the new schema demands b along with a",
        None,
    ),
    "patterns are the registry's business": (
        {"type": "object", "patternProperties": {"^(a+)+$": STR}},
        {"type": "object", "patternProperties": {"^(a+)+$": STR}, "properties": {"a" * 60 + "!": STR}},
        None,
        None,
    ),
}


def proto(body: str, package: str = "shop", syntax: str = "proto3") -> str:
    return f'syntax = "{syntax}";\npackage {package};\n{body}'


def msg(fields: str) -> str:
    return proto(f"message M {{ {fields} }}")


PROTOBUF = {
    "the same": (msg("string a = 1;"), msg("string a = 1;"), None, None),
    "field added": (msg("string a = 1;"), msg("string a = 1; int32 b = 2;"), None, None),
    "field removed, with or without reserve": (msg("string a = 1; int32 b = 2;"), msg("string a = 1;"), None, None),
    "field renamed": (msg("string a = 1;"), msg("string z = 1;"), None, None),
    "number reused with another type": (
        msg("string a = 1;"),
        msg("int32 b = 1;"),
        "M.b (number 1): type changed from string to int32",
        "M.a (number 1): type changed from string to int32",
    ),
    "int32 to int64, one group on the wire": (msg("int32 a = 1;"), msg("int64 a = 1;"), None, None),
    "int32 to enum": (msg("int32 a = 1;"), msg("E a = 1; enum E { X = 0; }"), None, None),
    "int32 to sint32, another group": (msg("int32 a = 1;"), msg("sint32 a = 1;"), "to sint32", "to sint32"),
    "string to bytes": (msg("string a = 1;"), msg("bytes a = 1;"), None, None),
    "fixed32 to float": (msg("fixed32 a = 1;"), msg("float a = 1;"), "to float", "to float"),
    "scalar to message": (
        msg("string a = 1;"),
        msg("N a = 1; message N {}"),
        "M.a (number 1): type changed from string to shop.M.N",
        "",
    ),
    "another message": (
        proto("message M { A a = 1; } message A {} message B {}"),
        proto("message M { B a = 1; } message A {} message B {}"),
        "type changed from shop.A to shop.B",
        "",
    ),
    "numeric made repeated": (
        msg("int32 a = 1;"),
        msg("repeated int32 a = 1;"),
        "label changed from optional to repeated",
        "",
    ),
    "string made repeated": (msg("string a = 1;"), msg("repeated string a = 1;"), None, None),
    "optional said aloud": (msg("int32 a = 1;"), msg("optional int32 a = 1;"), None, None),
    "map's value type": (
        msg("map<string, int32> a = 1;"),
        msg("map<string, string> a = 1;"),
        "M.a (number 1).value (number 2)".replace(" (number 2)", "") + ": type changed from int32 to string",
        "",
    ),
    "map to scalar": (
        msg("map<string, int32> a = 1;"),
        msg("int32 a = 1;"),
        "type changed from shop.M.AEntry to int32",
        "",
    ),
    "message removed": (
        proto("message A {} message B {}"),
        proto("message A {}"),
        "B: message B was removed",
        None,
    ),
    "nested message removed": (msg("message N {}"), msg(""), "M.N: message M.N was removed", None),
    "message added": (proto("message A {}"), proto("message A {} message B {}"), None, "B: message B was added"),
    "enum constants": (
        proto("enum E { A = 0; B = 1; }"),
        proto("enum E { A = 0; C = 2; }"),
        None,
        None,
    ),
    "package changed": (
        proto("message M {}"),
        proto("message M {}", "other"),
        "package: package changed from shop to other",
        "",
    ),
    "two fields into one oneof": (
        msg("string a = 1; string b = 2;"),
        msg("oneof o { string a = 1; string b = 2; }"),
        "M.o: oneof o of the new schema joins fields that are independent in version 1",
        None,
    ),
    "one field into a new oneof": (
        msg("string a = 1;"),
        msg("oneof o { string a = 1; string c = 3; }"),
        None,
        "oneof o",
    ),
    "a field into an existing oneof": (
        msg("string a = 1; oneof o { string b = 2; }"),
        msg("oneof o { string b = 2; string a = 1; }"),
        "M.o: oneof o",
        None,
    ),
    "field out of a oneof": (
        msg("oneof o { string a = 1; string b = 2; }"),
        msg("string a = 1; oneof o { string b = 2; }"),
        None,
        "M.o: oneof o of version 1 joins fields",
    ),
    "field of a oneof removed": (
        msg("oneof o { string a = 1; string b = 2; }"),
        msg("oneof o { string a = 1; }"),
        "M.b (number 2): field b of oneof o is not in the new schema",
        None,
    ),
    "whole oneof removed": (msg("string z = 9; oneof o { string a = 1; }"), msg("string z = 9;"), None, None),
    "required field added": (
        proto("message M { optional int32 a = 1; }", syntax="proto2"),
        proto("message M { optional int32 a = 1; required int32 b = 2; }", syntax="proto2"),
        "M.b (number 2): required field b is only in the new schema",
        "M.b (number 2): required field b is only in the new schema",
    ),
}
