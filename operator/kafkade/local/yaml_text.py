"""YAML as Kubernetes reads it, and within bounds: what anybody may have written is a problem with its place, never a crash."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DEEPEST = 100
"""Objects and lists in one another; the definitions know of no more than ten."""

_TOO_DEEP = f"more than {_DEEPEST} objects and lists in one another"

_MOST = 100_000
"""Values that a document may have once its aliases are written out."""


_LONGEST_NUMBER = 1024
"""Bits of a whole number."""


class TooMuch(yaml.MarkedYAMLError):
    """It is YAML, and more of it than a manifest needs."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(None, None, problem, mark)


class Loader(_Loader):  # type: ignore[misc]
    """Dates are texts, and no key may stand twice."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} stands here a second time", key.start_mark
                    )
                seen.add(key.value)
        with self._deeper(node):
            found: dict[Hashable, Any] = super().construct_mapping(node, deep=True)
        return found

    def construct_sequence(self, node: yaml.SequenceNode, deep: bool = False) -> list[Any]:
        with self._deeper(node):
            found: list[Any] = super().construct_sequence(node, deep=deep)
        return found

    @contextmanager
    def _deeper(self, node: yaml.Node) -> Iterator[None]:
        if self._depth >= _DEEPEST:
            raise TooMuch(_TOO_DEEP, node.start_mark)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


def _said(name: str, construct: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """What Python says of a scalar that is not what its tag says, with its place."""

    def constructed(loader: Any, node: yaml.ScalarNode) -> Any:
        try:
            return construct(loader, node)
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            # the value itself is left out: it may be a Secret's
            said = f"what stands here is no {name} that can be read"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from error

    return constructed


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int:
    found: int = _Loader.yaml_constructors[_TAG + "int"](loader, node)
    if found.bit_length() > _LONGEST_NUMBER:
        raise ValueError("too long")  # in hexadecimal it can be read, and not written
    return found


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    """Of base64, as in Go, where a string is any bytes."""
    found: bytes = _Loader.yaml_constructors[_TAG + "binary"](loader, node)
    return found.decode()


_TAG = "tag:yaml.org,2002:"
for _name in ("float", "bool", "timestamp"):
    Loader.add_constructor(_TAG + _name, _said(_name, _Loader.yaml_constructors[_TAG + _name]))
Loader.add_constructor(_TAG + "int", _said("int", _whole_number))
Loader.add_constructor(_TAG + "binary", _said("base64 of a text", _text))

Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in entries if tag != "tag:yaml.org,2002:timestamp"]
    for first, entries in _Loader.yaml_implicit_resolvers.items()
}


def measure(text: str) -> None:
    """Refuse what would exhaust the stack or the memory while it is read: libyaml's composer has no bounds of its own.

    Raises:
        yaml.MarkedYAMLError: objects are too deep in one another, or aliases make it too large, or endless.
    """
    longest = max(map(len, text.splitlines()), default=0)
    # a block takes a column or two to be in another one
    may_be_deep = text.count("[") + text.count("{") + 2 * longest > 1000
    if not may_be_deep and not ("&" in text and "*" in text):
        return
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    size = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.DocumentStartEvent):
            sizes, size = {}, 0
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_) >= _DEEPEST:
                raise TooMuch(_TOO_DEEP, event.start_mark)
            open_.append((event.anchor, size))
            size += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor is not None:
                sizes[anchor] = size - before
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_):
                raise TooMuch(f"*{event.anchor} stands within what it names", event.start_mark)
            size += sizes.get(event.anchor or "", 1)
            if size > _MOST:
                raise TooMuch(f"with its aliases written out there are more than {_MOST:,} values", event.start_mark)
        elif isinstance(event, yaml.ScalarEvent):
            size += 1
