"""Java's properties files, as Kafka's own tools take them, with the line that each setting stands in.

The format is that of java.util.Properties.load; JAAS lines are those of javax.security.auth.login.Configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafkade.api.errors import InvalidSpec

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|$)", re.DOTALL)
_OPTION = re.compile(r"\s+([\w.-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|([^\s;\"']+))")
_MODULE = re.compile(r"\s*([\w.$]+)\s+(?:required|requisite|sufficient|optional)", re.IGNORECASE)


class Properties:
    """The settings of one file. Values may be secrets: no message and no ``repr`` shows one."""

    def __init__(self, file: Path, entries: dict[str, tuple[str, int]]) -> None:
        self.file = file
        self._entries = entries

    def __repr__(self) -> str:
        return f"Properties({str(self.file)!r}, {', '.join(sorted(self._entries))})"

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def get(self, *keys: str) -> str | None:
        """The value of the first of ``keys`` that is set to something; None when none is."""
        return next((self._entries[key][0] for key in keys if key in self._entries and self._entries[key][0]), None)

    def text(self, key: str) -> str:
        """The value of a key that is set, which may be empty."""
        return self._entries[key][0]

    def error(self, key: str, problem: str) -> InvalidSpec:
        """An error that names the file, the line and the key; just the file when the key is not set."""
        if key not in self._entries:
            return InvalidSpec(f"{self.file}: {key} {problem}")
        return InvalidSpec(f"{self.file}, line {self._entries[key][1]}: {key} {problem}")


def load(file: Path) -> Properties:
    """Read ``file``. Of a key that stands in it twice the last counts, as in Java.

    Text is UTF-8, or ISO 8859-1 (which Java takes it for) where it is not.

    Raises:
        InvalidSpec: it cannot be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidSpec(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    entries: dict[str, tuple[str, int]] = {}
    for number, line in _logical_lines(text):
        key, value = _split(line)
        entries[key] = (value, number)
    return Properties(file, entries)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, continued ones joined, each with the number of its first line."""
    joined, first = "", 0
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = raw.lstrip(" \t\f")
        if not first:
            if not line or line[0] in "#!":
                continue
            first = number
        if (len(line) - len(line.rstrip("\\"))) % 2:
            joined += line[:-1]
            continue
        yield first, joined + line
        joined, first = "", 0
    if first and joined:
        yield first, joined


def _split(line: str) -> tuple[str, str]:
    """Key and value; they are parted by the first ``=``, ``:`` or white space that no backslash stands before."""
    match = re.match(r"((?:[^\\=: \t\f]|\\.)*)[ \t\f]*[=:]?[ \t\f]*(.*)", line, re.DOTALL)
    assert match is not None  # noqa: S101 -- each part of the pattern may be empty
    return _unescape(match[1]), _unescape(match[2])


def _unescape(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _ESCAPES.get(match[2] or "", match[2] or "")

    return _ESCAPE.sub(plain, text)


@dataclass(frozen=True, slots=True, repr=False)
class Jaas:
    """The login module of a sasl.jaas.config and its options. Only the module shows in ``repr``."""

    module: str
    """The class without its package: ``ScramLoginModule``."""
    options: dict[str, str]

    def __repr__(self) -> str:
        return f"Jaas({self.module})"


def jaas(text: str) -> Jaas | None:
    """Parse ``org.apache…PlainLoginModule required username="alice" password="…";``; None when it is not such a line."""
    head = _MODULE.match(text)
    if head is None:
        return None
    options, position = {}, head.end()
    while (match := _OPTION.match(text, position)) is not None:
        quoted = next((value for value in match.groups()[1:3] if value is not None), None)
        options[match[1]] = match[4] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = match.end()
    if text[position:].strip() not in ("", ";"):
        return None
    return Jaas(head[1].rpartition(".")[2], options)
