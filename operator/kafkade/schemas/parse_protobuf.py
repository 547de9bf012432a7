"""Protobuf schemas; imports come from the references and from Google's well-known types."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import protoxy
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from protoxy.errors import DetailedError, flatten_related

from kafkade.api.errors import InvalidSchema
from kafkade.clients.protobuf import ROOT, Refused, compile_texts, is_import_path
from kafkade.schemas.source import Source

_BUILT_IN = ("confluent/", "google/type/")
"""Imports that registries bring along (Confluent: ProtobufSchema.java) and the compiler does not have."""

_LONGEST = 32_000
"""Characters. For each mistake the compiler's package takes the time of the text's length, so that a long text full of them
would hold everything else up: there the registry alone judges."""

_IMPORT = re.compile(r"import '([^']+)' not found")


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The compiled file, and the files that it imports by their names."""

    root: FileDescriptorProto
    imports: dict[str, FileDescriptorProto]


def parse(source: Source) -> Descriptors | None:
    """The descriptors of ``source``; None when it imports what only the registry has at hand, or is too long.

    Raises:
        InvalidSchema: with line and column.
    """
    if len(source.text) > _LONGEST:
        return None
    files = {ROOT: source.text}
    for name, other in source.dependencies():
        if not is_import_path(name):
            raise InvalidSchema(f"Protobuf reference {name!r}: its name must be a relative import path")
        files[name] = other.text
    try:
        by_name = compile_texts(files)
    except protoxy.ProtoxyError as error:
        missing = _IMPORT.search(str(error))
        if missing and missing[1].startswith(_BUILT_IN):
            return None
        raise _invalid(error, files) from error
    except Refused as error:
        raise InvalidSchema(f"Protobuf schema, {error}", error.place) from error
    return Descriptors(by_name.pop(ROOT), by_name)


def _invalid(error: protoxy.ProtoxyError, files: dict[str, str]) -> InvalidSchema:
    """``Protobuf schema, line 3, column 13: name 'Foo' is not defined``; of several errors, each."""
    clauses, first = [], None
    # as error.all_errors, which cannot be had where the package quotes a control character without escaping it
    for found in flatten_related(json.loads(error.json_details, strict=False)):
        detail = DetailedError.from_json(found)
        file = detail.filename or ROOT
        text = files.get(file, "")
        where = "" if file == ROOT else f"import {file}, "
        if detail.labels and text:
            before = text.encode()[: detail.labels[-1].span.offset].decode(errors="replace")
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            where += f"line {line}, column {column}"
            if file == ROOT:
                first = first or (line, column)
        clauses.append(f"{where.rstrip(', ')}: {detail.message}" if where else detail.message)
    return InvalidSchema("Protobuf schema, " + "; ".join(dict.fromkeys(clauses)), first)
