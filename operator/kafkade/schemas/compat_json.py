"""JSON Schema's compatibility as Confluent checks it (json-schema-provider/…/json/diff/*.java, policy STRICT).

The reader must accept every document that the writer's schema accepts. Objects are open, closed or partly open by
additionalProperties; a property may be added only to an object that was closed before, and removed only where the object
is open, as otherwise records may hold anything, or must not hold the name at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from referencing.exceptions import Unresolvable

from kafkade.schemas.compat_json_limits import limits
from kafkade.schemas.findings import Direction, Violation
from kafkade.schemas.parse_json import JsonDocument

_BUDGET = 20_000
"""Comparisons of one check. Nested oneOf and anyOf can make them exponential; beyond it the registry alone judges."""

_COMBINED = ("allOf", "anyOf", "oneOf")
_ANY: Mapping[str, Any] = {}


class _Side:
    """A subschema and how its ``$ref``s resolve."""

    __slots__ = ("resolver", "schema")

    def __init__(self, schema: Any, resolver: Any) -> None:
        ref = schema.get("$ref") if isinstance(schema, Mapping) else None
        hops = 0
        while isinstance(ref, str) and hops < 32:
            try:
                resolved = resolver.lookup(ref)
            except (Unresolvable, ValueError):
                break  # a web address that only the registry follows
            schema, resolver, hops = resolved.contents, resolved.resolver, hops + 1
            ref = schema.get("$ref") if isinstance(schema, Mapping) else None
        self.schema, self.resolver = schema, resolver

    def at(self, schema: Any) -> _Side:
        return _Side(schema, self.resolver)

    def get(self, key: str, default: Any = None) -> Any:
        return self.schema.get(key, default) if isinstance(self.schema, Mapping) else default

    def sub(self, key: str) -> dict[str, Any]:
        value = self.get(key)
        return dict(value) if isinstance(value, Mapping) else {}

    @property
    def anything(self) -> bool:
        return self.schema is True or (isinstance(self.schema, Mapping) and not set(self.schema) - _NOTES)

    @property
    def nothing(self) -> bool:
        return self.schema is False


_NOTES = frozenset(
    {"title", "description", "default", "$id", "id", "$schema", "$comment", "examples", "definitions", "$defs"}
)
"""Keywords that accept or refuse nothing."""


class _Check:
    def __init__(self, direction: Direction) -> None:
        self.d = direction
        self.seen: set[tuple[int, int]] = set()
        self.left = _BUDGET

    def compare(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        pair = (id(reader.schema), id(writer.schema))
        if reader.anything or writer.nothing or (reader.schema == writer.schema and reader.resolver is writer.resolver):
            return
        self.left -= 1
        if pair in self.seen or self.left < 0:
            return  # a cycle of references is judged where it began
        self.seen.add(pair)
        try:
            if reader.nothing:
                yield self.d.clash(path, f"{self.d.reader} accepts nothing here", "allow it again", "keep it refused")
            else:
                yield from self.rules(reader, writer, path)
        finally:
            self.seen.discard(pair)

    def rules(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        combined = [k for k in _COMBINED if k in (reader.schema or {}) or writer.get(k) is not None]
        if combined:
            plain = self._combined(reader, writer, path)
            yield from plain
            if not self._has_plain(reader):
                return
        yield from limits(reader.schema, writer.schema if isinstance(writer.schema, Mapping) else _ANY, path, self.d)
        yield from self.objects(reader, writer, path)
        yield from self.arrays(reader, writer, path)
        if reader.get("not") is not None:
            inner = writer.get("not")
            if inner is None or self.fails(writer.at(inner), reader.at(reader.get("not"))):
                yield self.d.clash(path, f"{self.d.reader} refuses more by not", "relax it", "keep it")

    @staticmethod
    def _has_plain(side: _Side) -> bool:
        return bool(set(side.schema) - _NOTES - set(_COMBINED))

    def fails(self, reader: _Side, writer: _Side) -> bool:
        return any(self.compare(reader, writer, ""))

    def _combined(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        ours, mine = _criterion(reader)
        theirs, other = _criterion(writer)
        if ours is None:
            # a writer that combines: every alternative must be readable; of allOf, one part that is readable will do
            if self._has_plain(reader):
                accepted = [not self.fails(_plain(reader), branch) for branch in other]
                fine = any(accepted) if theirs == "allOf" else all(accepted)
                if not fine and not self._covered_by_siblings(reader, writer):
                    yield self.d.clash(
                        path, f"{theirs} of {self.d.writer} is not covered", "keep the branches", "keep it as it was"
                    )
            return
        if theirs is None:
            whole = _plain(writer) if self._has_plain(writer) else writer
            good = [not self.fails(branch, whole) for branch in mine]
            if not (all(good) if ours == "allOf" else any(good)):
                yield self.d.clash(
                    path, f"{ours} of {self.d.reader} has no branch for it", "add such a branch", "keep the type"
                )
            return
        yield from self._branches(ours, mine, theirs, other, path)

    def _covered_by_siblings(self, reader: _Side, writer: _Side) -> bool:
        return self._has_plain(writer) and not self.fails(_plain(reader), _plain(writer))

    def _branches(
        self, ours: str, mine: list[_Side], theirs: str, other: list[_Side], path: str
    ) -> Iterator[Violation]:
        if ours != theirs and ours != "anyOf" and not (len(mine) == len(other) == 1):
            yield self.d.clash(
                path, f"{self.d.reader} has {ours}, {self.d.writer} {theirs}", f"keep {theirs}", f"keep {ours}"
            )
            return
        if ours == "allOf" and len(mine) > len(other):
            yield self.d.clash(
                path, f"allOf of {self.d.reader} demands more", "demand no more than before", "keep its parts"
            )
        if ours != "allOf" and len(mine) < len(other):
            yield self.d.clash(
                path, f"{ours} of {self.d.reader} has fewer branches", "keep the branches", "add no branch"
            )
        if _matching(mine, other, lambda a, b: not self.fails(a, b)) < min(len(mine), len(other)):
            yield self.d.clash(
                path, f"branches of {ours} changed", "change branches only in compatible ways", "keep the branches"
            )

    def objects(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        ours, theirs = reader.sub("properties"), writer.sub("properties")
        demanded, given = set(reader.get("required") or ()), set(writer.get("required") or ())
        for name in sorted(ours.keys() | theirs.keys()):
            at = f"{path}.{name}"
            if name not in ours:
                yield from self.removed(reader, writer.at(theirs[name]), name, at)
            elif name not in theirs:
                yield from self.added(reader, writer, reader.at(ours[name]), name, at)
            else:
                yield from self.compare(reader.at(ours[name]), writer.at(theirs[name]), at)
            if name in ours and name in demanded - given and not _has_default(reader.at(ours[name])):
                what = f"property {name} is required in {self.d.reader} and not in {self.d.writer}"
                yield self.d.clash(at, what, "make it optional, or give it a default", "keep it required")
        yield from self.rest(reader, writer, path)

    def removed(self, reader: _Side, old: _Side, name: str, at: str) -> Iterator[Violation]:
        if old.nothing or _open(reader) or _by_pattern(reader):
            return
        partly = _partly(reader)
        if partly is None:
            what = f"property {name} is not in {self.d.reader}, which is closed (additionalProperties: false)"
            yield self.d.clash(
                at, what, "keep the property", "an object that old readers have closed can get no property"
            )
        else:
            yield from self.compare(partly, old, at)

    def added(self, reader: _Side, writer: _Side, new: _Side, name: str, at: str) -> Iterator[Violation]:
        if new.anything or _by_pattern(writer):
            return
        if _open(writer):
            what = f"property {name} has a schema in {self.d.reader}, and in {self.d.writer} it may hold anything"
            yield self.d.clash(
                at, what, "close the object (additionalProperties: false) in a version before", "keep the property"
            )
            return
        partly = _partly(writer)
        if partly is not None:
            yield from self.compare(new, partly, at)

    def rest(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        ours, theirs = reader.get("additionalProperties", True), writer.get("additionalProperties", True)
        at = f"{path}.additionalProperties"
        if ours is False and theirs is not False:
            yield self.d.clash(
                at, f"{self.d.reader} is closed and {self.d.writer} is not", "leave it open", "keep it closed"
            )
        elif isinstance(ours, Mapping) and theirs is not False:
            yield from self.compare(reader.at(ours), writer.at(theirs), at)
        yield from self.dependencies(reader, writer, path)

    def dependencies(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        for keyword in ("dependencies", "dependentRequired"):
            before = writer.sub(keyword)
            for name, needs in reader.sub(keyword).items():
                if isinstance(needs, list) and set(needs) - set(before.get(name) or ()):
                    what = f"{self.d.reader} demands {', '.join(needs)} along with {name}"
                    yield self.d.clash(f"{path}.{name}", what, "demand no more than before", "keep the dependency")

    def arrays(self, reader: _Side, writer: _Side, path: str) -> Iterator[Violation]:
        ours, theirs = reader.get("items", True), writer.get("items", True)
        if isinstance(ours, Mapping | bool) and isinstance(theirs, Mapping | bool):
            if ours is not True:
                yield from self.compare(reader.at(ours), writer.at(theirs), f"{path}[]")
        elif isinstance(ours, list) and isinstance(theirs, list):
            for index, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
                yield from self.compare(reader.at(mine), writer.at(other), f"{path}[{index}]")
            if len(ours) > len(theirs) and writer.get("additionalItems", True) is True:
                yield self.d.clash(
                    f"{path}[]", f"{self.d.reader} has more items", "add none to an open list", "keep them"
                )
            if len(ours) < len(theirs) and reader.get("additionalItems", True) is False:
                yield self.d.clash(f"{path}[]", f"{self.d.reader} has fewer items", "keep the items", "add none")
        elif ours is not True:
            yield self.d.clash(
                f"{path}[]", "items changed between a list and one schema", "keep its form", "keep its form"
            )


def violations(reader: JsonDocument, writer: JsonDocument, direction: Direction) -> list[Violation]:
    """Why ``reader`` refuses documents that ``writer`` accepts; empty when it accepts them all."""
    ours, theirs = _Side(reader.root, reader.resolver), _Side(writer.root, writer.resolver)
    try:
        return list(dict.fromkeys(_Check(direction).compare(ours, theirs, "$")))
    except RecursionError:
        return []  # nested deeper than can be compared here: the registry alone judges


def _criterion(side: _Side) -> tuple[str | None, list[_Side]]:
    for key in _COMBINED:
        branches = side.get(key)
        if isinstance(branches, list):
            return key, [side.at(b) for b in branches]
    return None, []


def _plain(side: _Side) -> _Side:
    return side.at({k: v for k, v in side.schema.items() if k not in _COMBINED})


def _has_default(side: _Side) -> bool:
    return side.get("default") is not None or (isinstance(side.schema, Mapping) and "default" in side.schema)


def _open(side: _Side) -> bool:
    """ObjectSchemaDiff.isOpenContentModel: any other property may hold anything."""
    extra, unevaluated = side.get("additionalProperties", True), side.get("unevaluatedProperties", True)
    return extra is True and not side.get("patternProperties") and unevaluated in (True, {})


def _partly(side: _Side) -> _Side | None:
    """The schema that a property without one of its own falls under."""
    for key in ("additionalProperties", "unevaluatedProperties"):
        if isinstance(side.get(key), Mapping):
            return side.at(side.get(key))
    return None


def _by_pattern(side: _Side) -> bool:
    """Whether patterns decide about properties; they are not run here: a pattern can be made to run for years."""
    return bool(side.sub("patternProperties"))


def _matching(ours: list[_Side], theirs: list[_Side], fits: Callable[[_Side, _Side], bool]) -> int:
    """Size of a largest pairing of branches that fit (Kuhn's augmenting paths)."""
    edges = [[j for j, other in enumerate(theirs) if fits(mine, other)] for mine in ours]
    taken: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j in edges[i]:
            if j not in tried:
                tried.add(j)
                if j not in taken or place(taken[j], tried):
                    taken[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(ours)))
