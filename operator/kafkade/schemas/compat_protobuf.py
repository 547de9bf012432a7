"""Protobuf's compatibility rules as Confluent checks them (protobuf-provider/…/protobuf/diff/*.java).

Fields are compared by number within each message. Fine: fields, messages, enums, enum constants and oneofs added;
fields renamed or removed; constants removed; a whole oneof removed; a field taken out of a oneof. The wire decides
about types: within a group of scalars a change is readable (protobuf.dev/programming-guides/proto3/#updating).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from kafkade.schemas.findings import Direction, Violation
from kafkade.schemas.parse_protobuf import Descriptors

_F = FieldDescriptorProto
_VARINT = (_F.TYPE_INT32, _F.TYPE_INT64, _F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_BOOL, _F.TYPE_ENUM)
_GROUPS: dict[int, str] = {
    **dict.fromkeys(_VARINT, "varint"),
    **dict.fromkeys((_F.TYPE_SINT32, _F.TYPE_SINT64), "zigzag varint"),
    **dict.fromkeys((_F.TYPE_STRING, _F.TYPE_BYTES), "string or bytes"),
    **dict.fromkeys((_F.TYPE_FIXED32, _F.TYPE_SFIXED32), "fixed32"),
    **dict.fromkeys((_F.TYPE_FIXED64, _F.TYPE_SFIXED64), "fixed64"),
    _F.TYPE_FLOAT: "float",
    _F.TYPE_DOUBLE: "double",
    _F.TYPE_MESSAGE: "message",
    _F.TYPE_GROUP: "message",
}


class _Types:
    """Messages by full name, over a file and its imports, and the package of each."""

    def __init__(self, descriptors: Descriptors) -> None:
        self.messages: dict[str, DescriptorProto] = {}
        self.packages: dict[str, str] = {}
        for file in (descriptors.root, *descriptors.imports.values()):
            prefix = f".{file.package}" if file.package else ""
            self._add(file.message_type, prefix, file.package)

    def _add(self, messages: Iterable[DescriptorProto], prefix: str, package: str) -> None:
        for message in messages:
            name = f"{prefix}.{message.name}"
            self.messages[name], self.packages[name] = message, package
            self._add(message.nested_type, name, package)

    def local(self, name: str) -> str:
        """A full name without its package."""
        package = self.packages.get(name, "")
        return name.removeprefix(f".{package}.") if package else name.removeprefix(".")


class _Check:
    """One comparison: what was written by ``writer`` is read by ``reader``."""

    def __init__(self, reader: Descriptors, writer: Descriptors, direction: Direction) -> None:
        self.d = direction
        self.reader, self.writer = _Types(reader), _Types(writer)
        self.seen: set[tuple[str, str]] = set()

    def file(self, reader: FileDescriptorProto, writer: FileDescriptorProto) -> Iterator[Violation]:
        if reader.package != writer.package:
            old, new = (writer, reader) if self.d.kind == "backward" else (reader, writer)
            rule = (
                f"package changed from {old.package or 'none'} to {new.package or 'none'}, and all full names with it"
            )
            yield Violation("package", rule, "keep the package")
        yield from self.messages(reader.message_type, writer.message_type, reader.package, writer.package)

    def messages(
        self,
        reader: Iterable[DescriptorProto],
        writer: Iterable[DescriptorProto],
        reader_scope: str,
        writer_scope: str,
        path: str = "",
    ) -> Iterator[Violation]:
        ours = {m.name: m for m in reader}
        for old in writer:
            if old.options.map_entry:
                continue
            at = f"{path}.{old.name}" if path else old.name
            if old.name not in ours:
                rule = f"message {at} was {self.d.pick('removed', 'added')}: {self.d.breaks}"
                yield Violation(at, rule, self.d.pick("keep the message", "old readers do not know it"))
            else:
                yield from self.message(
                    ours[old.name], old, at, _join(reader_scope, old.name), _join(writer_scope, old.name)
                )

    def message(
        self, reader: DescriptorProto, writer: DescriptorProto, path: str, reader_name: str, writer_name: str
    ) -> Iterator[Violation]:
        if (reader_name, writer_name) in self.seen:
            return
        self.seen.add((reader_name, writer_name))
        yield from self.oneofs(reader, writer, path)
        ours = {f.number: f for f in reader.field}
        theirs = {f.number: f for f in writer.field}
        for number in sorted(ours.keys() | theirs.keys()):
            yield from self.field(ours.get(number), theirs.get(number), reader, writer, path)
        yield from self.messages(reader.nested_type, writer.nested_type, reader_name, writer_name, path)

    def field(
        self,
        reader: FieldDescriptorProto | None,
        writer: FieldDescriptorProto | None,
        ours: DescriptorProto,
        theirs: DescriptorProto,
        path: str,
    ) -> Iterator[Violation]:
        if reader is None or writer is None:
            yield from self.one_sided(reader, writer, ours, theirs, path)
            return
        at = f"{path}.{reader.name} (number {reader.number})"
        yield from self.types(reader, writer, at)

    def one_sided(
        self,
        reader: FieldDescriptorProto | None,
        writer: FieldDescriptorProto | None,
        ours: DescriptorProto,
        theirs: DescriptorProto,
        path: str,
    ) -> Iterator[Violation]:
        known = reader or writer
        if known is None:
            return
        at = f"{path}.{known.name} (number {known.number})"
        if known.label == _F.LABEL_REQUIRED:
            side = self.d.reader if reader else self.d.writer
            rule = f"required field {known.name} is only in {side}: {self.d.breaks}"
            yield Violation(at, rule, "a required field can never be added or removed: keep it as it is")
        group = _oneof(theirs, writer) if writer is not None and reader is None else None
        if group is not None:
            kept = {f.number for f in ours.field}
            gone = group not in _oneofs(ours) and not kept & set(_oneofs(theirs)[group])
            if not gone:
                rule = f"field {known.name} of oneof {group} is not in {self.d.reader}: {self.d.breaks}"
                yield Violation(at, rule, self.d.pick("keep the field", "old readers do not know it"))

    def types(self, reader: FieldDescriptorProto, writer: FieldDescriptorProto, at: str) -> Iterator[Violation]:
        ours, theirs = self.kind(self.reader, reader), self.kind(self.writer, writer)
        old, new = (writer, reader) if self.d.kind == "backward" else (reader, writer)
        changed = f"type changed from {_type(old)} to {_type(new)}: {self.d.breaks}"
        advice = "keep the type, or use a new field number and reserve this one"
        if ours != theirs:
            yield Violation(at, changed, advice)
        elif ours == "map":
            pairs = zip(_entry(self.reader, reader).field, _entry(self.writer, writer).field, strict=True)
            for mine, other in pairs:
                yield from self.types(mine, other, f"{at}.{mine.name}")
        elif ours == "message":
            yield from self.message_types(reader.type_name, writer.type_name, at, changed, advice)
        elif reader.label != writer.label and ours != "string or bytes":
            labels = {_F.LABEL_OPTIONAL: "optional", _F.LABEL_REQUIRED: "required", _F.LABEL_REPEATED: "repeated"}
            rule = f"label changed from {labels[old.label]} to {labels[new.label]}: {self.d.breaks}"
            yield Violation(at, rule, "keep the label of a numeric field")

    def message_types(self, reader: str, writer: str, at: str, changed: str, advice: str) -> Iterator[Violation]:
        if self.reader.local(reader) != self.writer.local(writer):
            yield Violation(at, changed, advice)
            return
        mine, other = self.reader.messages.get(reader), self.writer.messages.get(writer)
        if mine is not None and other is not None:
            # also what is imported: a new version of a reference may break this schema
            path = self.reader.local(reader)
            yield from self.message(mine, other, path, reader.lstrip("."), writer.lstrip("."))

    def kind(self, types: _Types, field: FieldDescriptorProto) -> str:
        if field.type == _F.TYPE_MESSAGE:
            message = types.messages.get(field.type_name)
            return "map" if message is not None and message.options.map_entry else "message"
        return _GROUPS[field.type]

    def oneofs(self, reader: DescriptorProto, writer: DescriptorProto, path: str) -> Iterator[Violation]:
        """Fields that were independent and are now mutually exclusive: a reader then drops all but the last one."""
        origin = {number: f"oneof {name}" for name, numbers in _oneofs(writer).items() for number in numbers}
        known = {f.number for f in writer.field}
        for name, numbers in _oneofs(reader).items():
            groups = {origin.get(n, f"field {n}") for n in numbers if n in known}
            if len(groups) > 1:
                d = self.d
                rule = f"oneof {name} of {d.reader} joins fields that are independent in {d.writer}: {d.breaks}"
                yield Violation(f"{path}.{name}", rule, d.pick("leave the fields outside the oneof", "keep the oneof"))


def violations(reader: Descriptors, writer: Descriptors, direction: Direction) -> list[Violation]:
    """Why ``reader`` cannot read records of ``writer``; empty when it can."""
    check = _Check(reader, writer, direction)
    return list(dict.fromkeys(check.file(reader.root, writer.root)))


def _join(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _oneofs(message: DescriptorProto) -> Mapping[str, list[int]]:
    """Field numbers by oneof, without those that only say ``optional`` in proto3."""
    result: dict[str, list[int]] = {}
    for field in message.field:
        name = _oneof(message, field)
        if name is not None:
            result.setdefault(name, []).append(field.number)
    return result


def _oneof(message: DescriptorProto, field: FieldDescriptorProto) -> str | None:
    if not field.HasField("oneof_index") or field.proto3_optional:
        return None
    return message.oneof_decl[field.oneof_index].name


def _entry(types: _Types, field: FieldDescriptorProto) -> DescriptorProto:
    return types.messages[field.type_name]


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return field.type_name.lstrip(".")
    return _F.Type.Name(field.type).removeprefix("TYPE_").lower()
