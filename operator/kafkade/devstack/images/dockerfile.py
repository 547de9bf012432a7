"""Reads Dockerfiles: those parts of the language that the repository's own use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import DevStackError

_METADATA = frozenset({"EXPOSE", "VOLUME", "STOPSIGNAL"})
"""Say something about an image that our containers do without."""

_KNOWN = frozenset({"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "LABEL", "USER", "ENTRYPOINT", "CMD"}) | _METADATA


@dataclass(frozen=True)
class Instruction:
    """One instruction: ``COPY --from=build /a /b`` has the flag ``from`` and the text ``/a /b``."""

    keyword: str
    text: str
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """The text as words; a JSON array has them as they are."""
        if self.text.startswith("["):
            return tuple(json.loads(self.text))
        return tuple(shlex.split(self.text))

    @property
    def command(self) -> tuple[str, ...]:
        """The text as a command to run: through a shell unless it is a JSON array."""
        return self.words if self.text.startswith("[") else ("/bin/sh", "-c", self.text)

    def pairs(self) -> dict[str, str]:
        """``key=value …`` as a mapping."""
        pairs = dict(word.partition("=")[::2] for word in self.words)
        if "" in pairs:
            raise DevStackError(f"{self.keyword} {self.text}: each must be key=value.")
        return pairs


@dataclass(frozen=True)
class Stage:
    """What one FROM begins."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]


def parse(text: str) -> tuple[Stage, ...]:
    """The stages in order; the last is the image. What is not understood is an error, never left out."""
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            words = instruction.words
            named = len(words) == 3 and words[1].upper() == "AS"
            if not named and len(words) != 1:
                raise DevStackError(f"FROM {instruction.text} is not `FROM image` or `FROM image AS name`.")
            stages.append(Stage(words[0], words[2] if named else "", ()))
        elif stages:
            last = stages[-1]
            stages[-1] = Stage(last.base, last.name, (*last.instructions, instruction))
        else:
            raise DevStackError(f"{instruction.keyword} before the first FROM is not supported.")
    if not stages:
        raise DevStackError("There is no FROM in the Dockerfile.")
    return tuple(stages)


def _instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword.upper() not in _KNOWN:
            raise DevStackError(f"{keyword} is not supported in a Dockerfile here.")
        flags = {}
        while match := re.match(r"\s*--([a-z]+)=(\S+)\s*", rest):
            flags[match[1]] = match[2]
            rest = rest[match.end() :]
        found.append(Instruction(keyword.upper(), rest.strip(), flags))
    return found
