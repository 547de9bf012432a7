"""Reads the fields of an object by name, and says in the end which ones nobody asked for: none is dropped without a word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kafkade.api.common import config_text
from kafkade.imports.model import Imported
from kafkade.local.admission import written
from kafkade.local.documents import Document
from kafkade.local.problems import Place
from kafkade.local.words import nearest
from kafkade.local.writing import setting

_INTEGER = re.compile(r"-?[0-9]{1,19}")


class Fields:
    """One object of a document at ``path``; anything that is no object counts as an empty one, and as a problem."""

    def __init__(
        self, document: Document, imported: Imported, path: tuple[str | int, ...] = (), value: object = None
    ) -> None:
        self.document, self.path = document, path
        self._imported = imported
        given = document.body if value is None and not path else value
        if given is not None and not isinstance(given, Mapping):
            imported.refuse(document.place(path), f"{written(path)}: expected an object")
        self._values: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        self._seen: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def place(self, name: str | None = None) -> Place:
        """Where the object stands, or the name of one of its fields."""
        return self.document.place(self.path) if name is None else self.document.place((*self.path, name), of_key=True)

    def take(self, name: str) -> Any:
        """A field's value as it is; None where it is not set."""
        self._seen.add(name)
        return self._values.get(name)

    def skip(self, *names: str) -> None:
        """Fields that are nothing to declare: what a server or the tool itself wrote."""
        self._seen.update(names)

    def inner(self, name: str) -> Fields:
        """An object in it."""
        return Fields(self.document, self._imported, (*self.path, name), self.take(name) or {})

    def items(self, name: str) -> list[Fields]:
        """The objects of a list in it."""
        found = self.take(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self.refuse(name, "expected a list")
            return []
        return [
            Fields(self.document, self._imported, (*self.path, name, i), item or {}) for i, item in enumerate(found)
        ]

    def text(self, name: str) -> str | None:
        """A text; a number or a boolean is taken for one."""
        value = self.take(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return config_text(value) if isinstance(value, bool | int) else str(value)
        self.refuse(name, "expected a text")
        return None

    def required(self, name: str) -> str | None:
        """A text that must be there; where it is not, that is a problem."""
        text = self.text(name)
        if not text and not (name in self and self.take(name) != ""):
            self._imported.refuse(self.place(), f"has no {written((*self.path, name))}")
        return text or None

    def integer(self, name: str) -> int | None:
        """An integer; one in quotes is taken for it."""
        value = self.take(name)
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self.refuse(name, "expected an integer")
        return None

    def flag(self, name: str) -> bool:
        """Whether it is true, as a boolean or as a text."""
        return str(self.take(name)).lower() == "true"

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts: labels, annotations."""
        inner = self.inner(name)
        return {key: inner.text(key) or "" for key in inner.names}

    def settings(self, name: str) -> dict[str, str | int | bool]:
        """An object of Kafka settings; a list is its items with commas between them."""
        inner, found = self.inner(name), dict[str, str | int | bool]()
        for key in inner.names:
            value = inner.take(key)
            if value is None:
                inner.warn(key, "is left out: it has no value")
            elif isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
                found[key] = ",".join(str(item) for item in value)
            elif isinstance(value, str | int | float):
                found[key] = setting(config_text(value) if isinstance(value, str | bool | int) else str(value))
            else:
                inner.refuse(key, "expected a text, a number or a boolean")
        return found

    @property
    def names(self) -> list[str]:
        """Of all fields that are there."""
        return [str(name) for name in self._values]

    def warn(self, name: str, message: str) -> None:
        """What has no counterpart."""
        self._imported.warn(self.place(name), f"{written((*self.path, name))} {message}")

    def refuse(self, name: str, message: str) -> None:
        """What is wrong with a field."""
        self._imported.refuse(self.document.place((*self.path, name)), f"{written((*self.path, name))}: {message}")

    def rest(self) -> None:
        """A warning for each field that is set and that nobody asked for."""
        for name in self.names:
            if name not in self._seen:
                hint = nearest(name, self._seen)
                hint = hint if hint.startswith("; did you mean") else ""
                self.warn(name, f"is left out: no such field is known here{hint}")
