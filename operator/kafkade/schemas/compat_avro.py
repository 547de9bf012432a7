"""Avro's schema resolution rules (Avro specification, "Schema Resolution"): can a reader read what a writer wrote?

The verdict is that of the ``avro`` package (avro.compatibility, a port of Avro's SchemaCompatibility, which Confluent
uses); its answer loses the path inside unions and nested records, so the same rules are walked here to say where and
what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from avro.compatibility import (
    ReaderWriterCompatibilityChecker,
    SchemaCompatibilityType,
    lookup_writer_field,
    schema_name_equals,
)

from kafkade.schemas.findings import Direction, Violation
from kafkade.schemas.parse_avro import describe

_PROMOTIONS = {
    "long": {"int"},
    "float": {"int", "long"},
    "double": {"int", "long", "float"},
    "bytes": {"string"},
    "string": {"bytes"},
}
"""Reader's type to what it also reads."""

_BUDGET = 20_000
"""Pairs looked at for an explanation. Unions in unions can make them exponential; then the verdict stands without."""


_MOST_BRANCHES, _MOST_FIELDS = 20_000, 400_000
"""Sums of the squares of branches in unions and of fields in records; the package's work grows with them."""


class _Pairs(set[tuple[int, int]]):
    """Pairs that are being compared (schemas may be recursive), and how many may still be."""

    def __init__(self, items: Iterable[tuple[int, int]] = (), left: list[int] | None = None) -> None:
        super().__init__(items)
        self.left = [_BUDGET] if left is None else left

    def branch(self) -> _Pairs:
        """For one branch of a union, which must not see what another one looked at."""
        return _Pairs(self, self.left)


def violations(reader: Any, writer: Any, direction: Direction) -> list[Violation]:
    """Why ``reader`` cannot read records of ``writer``; empty when it can."""
    if _is_large(reader) or _is_large(writer):
        return []  # comparing would hold everything else up: the registry alone judges
    checker: Any = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # the package has no types here
    try:
        verdict = checker.get_compatibility(reader, writer)
    except RecursionError:
        return []  # nested deeper than can be compared here: the registry alone judges
    if verdict.compatibility is SchemaCompatibilityType.compatible:
        return []
    found = list(_walk(reader, writer, str(getattr(reader, "name", "top level")), direction, _Pairs()))
    if found:
        return list(dict.fromkeys(found))
    return [Violation(", ".join(sorted(verdict.locations)), ", ".join(sorted(verdict.messages)), direction.breaks)]


def _is_large(schema: Any) -> bool:
    branches = fields = 0
    seen: set[int] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.type == "union":
            branches += len(node.schemas) ** 2
            waiting += node.schemas
        elif node.type in ("record", "error"):
            fields += len(node.fields) ** 2
            waiting += [field.type for field in node.fields]
        elif node.type in ("array", "map"):
            waiting.append(node.items if node.type == "array" else node.values)
    return branches > _MOST_BRANCHES or fields > _MOST_FIELDS


def _walk(reader: Any, writer: Any, path: str, d: Direction, seen: _Pairs) -> Iterator[Violation]:
    pair = (id(reader), id(writer))
    seen.left[0] -= 1
    if pair in seen or seen.left[0] < 0:
        return
    seen.add(pair)
    if writer.type == "union":
        yield from _writer_union(reader, writer, path, d, seen)
    elif reader.type == "union":
        if all(any(_walk(branch, writer, path, d, seen.branch())) for branch in reader.schemas):
            yield _not_in_union(reader, writer, path, d)
    elif reader.type != writer.type:
        if writer.type not in _PROMOTIONS.get(reader.type, ()):
            yield _type_changed(reader, writer, path, d)
    elif reader.type == "array":
        yield from _walk(reader.items, writer.items, f"{path}[]", d, seen)
    elif reader.type == "map":
        yield from _walk(reader.values, writer.values, f"{path}{{}}", d, seen)
    elif reader.type in ("record", "error", "enum", "fixed"):
        yield from _named(reader, writer, path, d, seen)


def _writer_union(reader: Any, writer: Any, path: str, d: Direction, seen: _Pairs) -> Iterator[Violation]:
    for branch in writer.schemas:
        if reader.type == "union":
            if any(_walk(reader, branch, path, d, seen.branch())):
                yield _not_in_union(reader, branch, path, d)
            continue
        found = list(_walk(reader, branch, path, d, seen))
        # a branch of another type altogether: the union is what changed
        yield from [_type_changed(reader, writer, path, d)] if found and reader.type != branch.type else found


def _not_in_union(reader: Any, writer: Any, path: str, d: Direction) -> Violation:
    rule = f"{describe(writer)} of {d.writer} fits no branch of the {describe(reader)} in {d.reader}: {d.breaks}"
    return Violation(path, rule, d.pick("keep that branch in the union", "old readers lack it: do not add it"))


def _type_changed(reader: Any, writer: Any, path: str, d: Direction) -> Violation:
    old, new = (writer, reader) if d.kind == "backward" else (reader, writer)
    rule = f"type changed from {describe(old)} to {describe(new)}: {d.breaks}"
    return Violation(path, rule, "keep the type, or add a field of another name with a default")


def _named(reader: Any, writer: Any, path: str, d: Direction, seen: _Pairs) -> Iterator[Violation]:
    if not schema_name_equals(reader, writer):
        old, new = (writer, reader) if d.kind == "backward" else (reader, writer)
        rule = f"{reader.type} {old.name} was renamed to {new.name}: {d.breaks}"
        yield Violation(path, rule, d.pick("keep the name, or list the old full name in aliases", "keep the name"))
    if reader.type == "fixed":
        if reader.size != writer.size:
            sizes = f"{reader.size} in {d.reader} and {writer.size} in {d.writer}"
            yield Violation(path, f"size of fixed {reader.name} is {sizes}: {d.breaks}", "keep the size")
    elif reader.type == "enum":
        yield from _symbols(reader, writer, path, d)
    else:
        yield from _fields(reader, writer, path, d, seen)


def _symbols(reader: Any, writer: Any, path: str, d: Direction) -> Iterator[Violation]:
    missing = [s for s in writer.symbols if s not in reader.symbols]
    default = reader.props.get("default")
    if missing and not (default and default in reader.symbols):
        verb = d.pick("removed from", "added to")
        rule = f"{', '.join(missing)} {verb} enum {reader.name}: {d.breaks}"
        advice = d.pick("keep the symbols, or give the enum a default", "old readers need an enum with a default first")
        yield Violation(path, rule, advice)


def _fields(reader: Any, writer: Any, path: str, d: Direction, seen: _Pairs) -> Iterator[Violation]:
    for field in reader.fields:
        at = f"{path}.{field.name}"
        written = lookup_writer_field(writer_schema=writer, reader_field=field)
        if written is not None:
            yield from _walk(field.type, written.type, at, d, seen)
        elif not field.has_default:
            rule = d.pick(
                f"field {field.name} was added without a default: readers with the new schema cannot read old records",
                f"field {field.name} was removed and has no default in {d.old}: {d.breaks}",
            )
            advice = d.pick("give it a default", "keep it, or give it a default in a version before you remove it")
            yield Violation(at, rule, advice)
