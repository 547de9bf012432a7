"""Protobuf by ``protoxy``, a compiler in Rust; imports come from the references and from Google's well-known types."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import protoxy
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from kafkade.api.errors import InvalidSchema
from kafkade.schemas.source import Source

_ROOT = "kafkade-schema.proto"
_BUILT_IN = ("confluent/", "google/type/")
"""Imports that registries bring along (Confluent: ProtobufSchema.java) and the compiler does not have."""

_IMPORT = re.compile(r"import '([^']+)' not found")


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The compiled file, and the files that it imports by their names."""

    root: FileDescriptorProto
    imports: dict[str, FileDescriptorProto]


def parse(source: Source) -> Descriptors | None:
    """The descriptors of ``source``; None when it imports what only the registry has at hand.

    The compiler reads files, so the texts stand in a temporary folder for that long.

    Raises:
        InvalidSchema: with line and column.
    """
    files = {_ROOT: source.text}
    for name, other in source.dependencies():
        _check_path(name)
        files[name] = other.text
    with tempfile.TemporaryDirectory(prefix="kafkade-") as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            compiled = protoxy.compile(
                [str(Path(folder, _ROOT))], [folder], include_imports=True, include_source_info=False
            )
        except protoxy.ProtoxyError as error:
            missing = _IMPORT.search(str(error))
            if missing and missing[1].startswith(_BUILT_IN):
                return None
            raise InvalidSchema(_message(error, files)) from error
    by_name = {file.name: file for file in compiled.file}
    return Descriptors(by_name.pop(_ROOT), by_name)


def _check_path(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name == _ROOT or "\\" in name or "\0" in name:
        raise InvalidSchema(f"Protobuf reference {name!r}: its name must be a relative import path")


def _message(error: protoxy.ProtoxyError, files: dict[str, str]) -> str:
    """``Protobuf schema, line 3, column 13: name 'Foo' is not defined``; of several errors, each."""
    clauses = []
    for detail in error.all_errors:
        file = detail.filename or _ROOT
        text = files.get(file, "")
        where = "" if file == _ROOT else f"import {file}, "
        if detail.labels and text:
            before = text.encode()[: detail.labels[-1].span.offset].decode(errors="replace")
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            where += f"line {line}, column {column}"
        clauses.append(f"{where.rstrip(', ')}: {detail.message}" if where else detail.message)
    return "Protobuf schema, " + "; ".join(dict.fromkeys(clauses))
