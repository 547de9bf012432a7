"""YAML files and streams as documents that know where each of their fields stands."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml

from kafkade.local.problems import Place, Problem, Rule
from kafkade.local.yaml_text import Loader, TooMuch, measure

STDIN = "-"
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: an object, and the tree that it was read from."""

    file: str
    body: Mapping[str, Any]
    node: yaml.Node = field(repr=False)
    text: str = field(repr=False)
    """Of the whole file."""

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

    def place_in(self, path: Sequence[str | int], line: int, column: int) -> Place:
        """Where a line and column of the text at ``path`` stand in the file; the text itself where that cannot be said.

        It can be said of literal texts (``|``): their lines are lines of the file, further to the right.
        """
        node: yaml.Node | None = self.node
        for step in path:
            found = _child(node, step) if node is not None else None
            node = None if found is None else found[1]
        if not isinstance(node, yaml.ScalarNode) or node.style != "|":
            return self.place(path)
        first = node.start_mark.line + 1
        lines = self.text.splitlines()[first : node.end_mark.line + 1]
        indents = [len(text) - len(text.lstrip(" ")) for text in lines if text.strip()]
        return Place(self.file, first + line, (indents[0] if indents else 0) + column)


def read(paths: Sequence[str], *, foreign: bool = False) -> tuple[list[Document], list[Problem]]:
    """All documents of files, folders (with the folders in them) and ``-`` (stdin), and what could not be read.

    ``foreign``: there may be YAML among them that is no Kubernetes object, which is left out.
    """
    problems: list[Problem] = []
    texts = [found for path in paths for found in _texts(path, problems)]
    documents, more = documents_of(texts, foreign=foreign)
    return documents, problems + more


def documents_of(texts: Iterable[tuple[str, bytes]], *, foreign: bool = False) -> tuple[list[Document], list[Problem]]:
    """All documents of files that are given by name and content, and what is wrong with them."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for name, content in texts:
        try:
            documents += _parse(name, content.decode("utf-8-sig"), problems, foreign=foreign)
        except UnicodeDecodeError as error:
            problems.append(Problem(Place(name), f"is not UTF-8: byte {error.start}", Rule.SYNTAX))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(name) if mark is None else _place(name, mark)
            said = error.problem or error.context or ""
            problems.append(Problem(place, said if isinstance(error, TooMuch) else f"not YAML: {said}", Rule.SYNTAX))
        except yaml.reader.ReaderError as error:
            before = content.decode("utf-8-sig")[: error.position]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            text = f"not YAML: the character U+{error.character:04X} is not allowed: {error.reason}"
            problems.append(Problem(Place(name, line, column), text, Rule.SYNTAX))
        except yaml.YAMLError as error:
            problems.append(Problem(Place(name), f"not YAML: {' '.join(str(error).split())}", Rule.SYNTAX))
    return documents, problems


def is_manifest(path: PurePath) -> bool:
    """Whether a file in a folder is read: by its suffix, and not hidden. ``path``: below that folder."""
    return path.suffix in _SUFFIXES and not any(part.startswith(".") for part in path.parts)


Fingerprint = frozenset[tuple[str, int, int]]


def fingerprint(paths: Sequence[str]) -> Fingerprint:
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


def _texts(path: str, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    if path == STDIN:
        yield "<stdin>", sys.stdin.buffer.read()
        return
    for file in _files(Path(path), problems):
        try:
            yield str(file), file.read_bytes()
        except OSError as error:
            problems.append(Problem(Place(str(file)), f"cannot be read: {error.strerror or error}", Rule.SYNTAX))


def _files(path: Path, problems: list[Problem]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.rglob("*") if is_manifest(p.relative_to(path)) and p.is_file())
    if not found:
        text = f"has no files that end in {', '.join(_SUFFIXES)}"
        problems.append(Problem(Place(str(path)), text, Rule.SYNTAX))
    return found


def _parse(name: str, text: str, problems: list[Problem], *, foreign: bool) -> Iterator[Document]:
    measure(text)
    loader = Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            body = loader.construct_document(node)
            if body is None:
                continue  # an empty document: a chart's file of which nothing was rendered
            if foreign and not (isinstance(body, Mapping) and ("apiVersion" in body or "kind" in body)):
                continue
            if isinstance(body, Mapping):
                yield from _items(Document(name, body, node, text))
            else:
                what = "is no object: expected apiVersion, kind, …"
                problems.append(Problem(_place(name, node.start_mark), what, Rule.OBJECT))
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
            yield Document(document.file, item, node[1], document.text)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The name and the value of a field, or an item twice."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _place(file: str, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)
