"""Properties files and YAML as text. Pure: equal input gives equal text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def properties(settings: Mapping[str, str], head: str = "") -> str:
    """A file as java.util.Properties reads it. No value can become a line of its own."""
    return _comment(head) + "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def _escaped(value: str) -> str:
    text = "".join(
        _ESCAPES.get(c, c) if c.isascii() and (c.isprintable() or c in _ESCAPES) else _unicode(c) for c in value
    )
    return f"\\{text}" if text.startswith(" ") else text


def _unicode(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def yaml(tree: Mapping[str, Any], head: str = "") -> str:
    """Nested mappings; every value is a string in double quotes, which YAML reads as JSON does."""
    return _comment(head) + "".join(f"{line}\n" for line in _lines(tree, ""))


def _lines(tree: Mapping[str, Any], indent: str) -> list[str]:
    found = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found += [f"{indent}{key}:", *_lines(value, f"{indent}  ")]
        else:
            found.append(f"{indent}{key}: {json.dumps(value)}")
    return found


def _comment(head: str) -> str:
    return "".join(f"# {line}\n" for line in head.splitlines())
