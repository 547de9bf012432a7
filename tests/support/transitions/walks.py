"""What is done to a resource, one transition after another."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from support.transitions.fields import Field, fields_of
from support.transitions.specs import Spec, choices, having, without
from support.transitions.values import invalid


@dataclass(frozen=True, slots=True)
class Step:
    """A spec to go to. ``wrong``: the schema does not allow it, so that the API server must refuse it."""

    field: Field
    what: str
    spec: Spec
    wrong: bool = False

    def __str__(self) -> str:
        return f"{self.field}: {self.what}"


def steps(kind: str, share: int, shares: int, rng: random.Random) -> Iterator[Step]:
    """Without end: each field of the share set, changed, broken, mended, set back and taken out, in random order.

    Each turn through the fields takes other values of them.
    """
    fields = list(fields_of(kind)[share::shares])
    for turn in itertools.count():
        rng.shuffle(fields)
        for field in fields:
            yield from _of(field, turn, rng)


def _of(field: Field, turn: int, rng: random.Random) -> Iterator[Step]:
    values = list(choices(field))
    first = values[turn * 2 % len(values)]
    second = values[(turn * 2 + 1) % len(values)]
    yield Step(field, "set", having(field, first))
    for value in rng.sample(wrong := list(invalid(field)), min(2, len(wrong))):
        yield Step(field, f"wrong: {str(value)[:40]!r}", having(field, copy.deepcopy(value)), wrong=True)
    yield Step(field, "changed", having(field, second))
    yield Step(field, "taken out", without(field))
    yield Step(field, "set again", having(field, second))
    yield Step(field, "set back", having(field, first))
