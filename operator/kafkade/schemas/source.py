"""A schema's text together with the texts that it references."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import InvalidSchema


@dataclass(frozen=True, slots=True)
class Source:
    """A schema and, by the names it calls them, the schemas that it references (with their own references)."""

    text: str
    schema_type: str = "AVRO"
    references: tuple[tuple[str, Source], ...] = ()

    def dependencies(self) -> Iterator[tuple[str, Source]]:
        """Everything referenced, directly or not, each name once, what is needed first comes first."""
        seen: set[str] = set()
        way: list[tuple[tuple[str, Source] | None, Iterator[tuple[str, Source]]]] = [(None, iter(self.references))]
        while way:
            here, rest = way[-1]
            named = next((named for named in rest if named[0] not in seen), None)
            if named is not None:
                seen.add(named[0])
                way.append((named, iter(named[1].references)))
                continue
            way.pop()
            if here is not None:
                yield here


def load_json(text: str, what: str) -> Any:
    """``text`` as JSON; ``what`` begins the message.

    Raises:
        InvalidSchema: with line and column.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        message = f"{what} is not JSON: {place}: {error.msg[0].lower()}{error.msg[1:]}"
        raise InvalidSchema(message, (error.lineno, error.colno)) from error
    except RecursionError as error:
        raise InvalidSchema(f"{what} is nested too deeply") from error
    except ValueError as error:  # Python's bound, which keeps one number from taking minutes
        raise InvalidSchema(f"{what}: a number has more than {sys.get_int_max_str_digits():,} digits") from error
