"""Protobuf texts by ``protoxy``, a compiler in Rust that reads files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import protoxy
from google.protobuf.descriptor_pb2 import FileDescriptorProto

ROOT = "kafkade-schema.proto"
"""Name of the file that is compiled; the others are what it imports."""


DEEPEST = 64
"""Braces and brackets in one another that are let through."""

_MARK = re.compile(r"//|/\*|[\"'{}\[\]<>]|[^\w\s.;=(),/:+\-]", re.ASCII)
"""What begins a comment or a string, what nests, and what stands nowhere else in Protobuf."""

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character, which no file can have; JSON's escapes can."""

_COMMENTS = {"//": "\n", "/*": "*/"}
_STRINGS = {'"': re.compile(r'(?:[^"\\\n]|\\.)*"'), "'": re.compile(r"(?:[^'\\\n]|\\.)*'")}
_LINE = re.compile(r"[^\n]+")


class Refused(Exception):
    """A text that the compiler must not be given.

    It follows what is nested by recursion, and ends the process where it is too deep; and it takes the time of the text's
    length for each of a text's wrong characters.
    """

    def __init__(self, text: str, position: int, problem: str) -> None:
        before = text[:position]
        self.place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        super().__init__(f"line {self.place[0]}, column {self.place[1]}: {problem}")


def is_import_path(name: str) -> bool:
    """Whether a file of this name can stand beside ROOT: a relative path that leads nowhere else."""
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or name == ROOT)


def compile_texts(texts: Mapping[str, str]) -> dict[str, FileDescriptorProto]:
    """The descriptors of ROOT and of all that it imports, Google's well-known types included, by name.

    The texts, whose names are import paths, stand in a temporary folder for that long.

    Raises:
        protoxy.ProtoxyError: they do not compile.
        Refused: see there; the message has the place.
    """
    with tempfile.TemporaryDirectory(prefix="kafkade-") as folder:
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(bounded(text), encoding="utf-8")
        compiled = protoxy.compile([str(Path(folder, ROOT))], [folder], include_imports=True, include_source_info=False)
    return {file.name: file for file in compiled.file}


def bounded(text: str) -> str:
    """``text`` as the compiler can bear it: comments are spaces, and every place is where it was, in bytes. Takes linear time.

    Raises:
        Refused: there is a character that stands nowhere in Protobuf, or more than DEEPEST braces and brackets are in one
            another.
    """
    if (half := _HALF.search(text)) is not None:
        raise Refused(text, half.start(), "invalid token")
    parts: list[str] = []
    level = done = position = 0
    while (match := _MARK.search(text, position)) is not None:
        mark, position = match[0], match.end()
        if mark in _COMMENTS:
            end = text.find(_COMMENTS[mark], position)
            inside = text[position:] if end < 0 else text[position:end]
            # what does not end is left to the compiler to tell
            parts += [text[done : match.start()], mark if end < 0 and mark == "/*" else "  ", _LINE.sub(_blank, inside)]
            position += len(inside)
            if end >= 0 and mark == "/*":
                parts.append("  ")
                position += 2
            done = position
        elif mark in _STRINGS:
            string = _STRINGS[mark].match(text, position)
            end = text.find("\n", position)
            position = string.end() if string is not None else end if end >= 0 else len(text)
        elif mark in "{[<":
            level += 1
            if level > DEEPEST:
                raise Refused(text, match.start(), f"more than {DEEPEST} braces and brackets in one another")
        elif mark in "}]>":
            level = max(0, level - 1)
        elif match.start() or mark != "\ufeff":
            raise Refused(text, match.start(), "invalid token")
    return "".join((*parts, text[done:]))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0].encode())
