"""YAML files and streams as documents that know where each of their fields stands."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STDIN = "-"
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands. Lines and columns count from 1; 0: the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a manifest, and where."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: an object, and the tree that it was read from."""

    file: str
    body: Mapping[str, Any]
    node: yaml.Node = field(repr=False)

    def place(self, path: Sequence[str | int] = (), *, of_key: bool = False) -> Place:
        """Where the field at ``path`` stands, or the nearest one above it that is there; ``of_key``: where its name does."""
        node, mark = self.node, self.node.start_mark
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            name, node = found
            mark = name.start_mark if of_key else node.start_mark
        return _place(self.file, mark)


class _Strings(_Loader):  # type: ignore[misc]
    """As Kubernetes reads YAML: dates are texts, and no key may stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} stands here a second time", key.start_mark
                    )
                seen.add(key.value)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=True)
        return found


_Strings.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in entries if tag != "tag:yaml.org,2002:timestamp"]
    for first, entries in _Loader.yaml_implicit_resolvers.items()
}


def read(paths: Sequence[str]) -> tuple[list[Document], list[Problem]]:
    """All documents of files, folders (with the folders in them) and ``-`` (stdin), and what could not be read."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in paths:
        for name, text in _texts(path, problems):
            try:
                documents += _parse(name, text, problems)
            except yaml.MarkedYAMLError as error:
                mark = error.problem_mark or error.context_mark
                place = Place(name) if mark is None else _place(name, mark)
                problems.append(Problem(place, f"not YAML: {error.problem or error.context}"))
            except yaml.YAMLError as error:
                problems.append(Problem(Place(name), f"not YAML: {' '.join(str(error).split())}"))
    return documents, problems


def fingerprint(paths: Sequence[str]) -> frozenset[tuple[str, int, int]]:
    """Something that changes when the files or what is in them do: names, sizes and times."""
    found = set()
    for path in paths:
        for file in _files(Path(path), []):
            try:
                stat = file.stat()
            except OSError:
                continue
            found.add((str(file), stat.st_mtime_ns, stat.st_size))
    return frozenset(found)


def _texts(path: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    if path == STDIN:
        yield "<stdin>", sys.stdin.read()
        return
    for file in _files(Path(path), problems):
        try:
            yield str(file), file.read_text(encoding="utf-8-sig")
        except OSError as error:
            problems.append(Problem(Place(str(file)), f"cannot be read: {error.strerror or error}"))
        except UnicodeDecodeError as error:
            problems.append(Problem(Place(str(file)), f"is not UTF-8: byte {error.start}"))


def _files(path: Path, problems: list[Problem]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(
        p
        for p in path.rglob("*")
        if p.suffix in _SUFFIXES and p.is_file() and not any(x.startswith(".") for x in p.relative_to(path).parts)
    )
    if not found:
        problems.append(Problem(Place(str(path)), f"has no files that end in {', '.join(_SUFFIXES)}"))
    return found


def _parse(name: str, text: str, problems: list[Problem]) -> Iterator[Document]:
    loader = _Strings(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            body = loader.construct_document(node)
            if body is None:
                continue  # an empty document: a chart's file of which nothing was rendered
            if isinstance(body, Mapping):
                yield from _items(Document(name, body, node))
            else:
                problems.append(Problem(_place(name, node.start_mark), "is no object: expected apiVersion, kind, …"))
    finally:
        loader.dispose()


def _items(document: Document) -> Iterator[Document]:
    """The document; of a List its items."""
    items = document.body.get("items")
    if document.body.get("kind") != "List" or not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        found = _child(document.node, "items")
        node = None if found is None else _child(found[1], index)
        if isinstance(item, Mapping) and node is not None:
            yield Document(document.file, item, node[1])


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The name and the value of a field, or an item twice."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _place(file: str, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)
