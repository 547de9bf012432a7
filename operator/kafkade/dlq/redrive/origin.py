"""Where a dead letter was before, found fast: most records of a topic say so in the same headers with the same values.

``kafkade.dlq.headers`` reads all that headers tell, which takes longer than to move a record. Its answer for topic and
partition is remembered here by all that it can depend on: the names of all headers in their order, and the values of those
that name a topic or a partition. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from kafkade.clients.kafka_mover_model import Header
from kafkade.dlq.headers import read

_name = itemgetter(0)

Place = tuple[str | None, int | None]
"""Topic and partition; None where the headers do not say."""

Pick = Callable[[list[Header]], Any]
"""The headers that decide, among all."""

_PREFIXES = (
    *("kafkade.dlq.", "__connect.errors.", "__streams.errors.", "__dlq.errors."),
    *("kafka_dlt-original-", "kafka_original-", "x-original-", "original-", "original_", "source_"),
)
_DECIDING = frozenset(prefix + name for prefix in _PREFIXES for name in ("topic", "partition")) | {"topic_poisoned"}

_OFFSET_DECIDES = ("dead-letter-", "delayed-retry-")
"""SmallRye's headers: which of two dialects is newer can depend on offsets then, and nothing is remembered."""

_MOST_NAMES, _MOST_PLACES = 1_000, 10_000
"""More is forgotten: headers named or valued differently in each record would fill the memory."""


class Origins:
    """Answers with the topic and partition of the newest dead letter that headers tell of."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, ...], Pick | None] = {}
        self._places: dict[tuple[tuple[str, ...], Any], Place] = {}
        # those of the last record, which are mostly those of the next
        self._names: tuple[str, ...] = ()
        self._pick: Pick | None = None
        self._picked: Any = None
        self._place: Place = (None, None)

    def place(self, headers: list[Header]) -> Place:
        """The same as the origin of ``headers.read(headers)[0]``."""
        names = tuple(map(_name, headers))
        if names != self._names:
            self._names, self._picked = names, None
            self._pick = self._layouts[names] if names in self._layouts else self._learn(names)
        if self._pick is None:
            return _read(headers)
        picked = self._pick(headers)
        if picked != self._picked:
            self._place = self._find(names, picked, headers)
            self._picked = picked
        return self._place

    def _find(self, names: tuple[str, ...], picked: Any, headers: list[Header]) -> Place:
        place = self._places.get((names, picked))
        if place is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            place = self._places[names, picked] = _read(headers)
        return place

    def _learn(self, names: tuple[str, ...]) -> Pick | None:
        if len(self._layouts) >= _MOST_NAMES:
            self._layouts.clear()
        deciding = [index for index, name in enumerate(names) if name in _DECIDING]
        pick: Pick | None = itemgetter(*deciding) if deciding else _nothing
        if any(name.startswith(_OFFSET_DECIDES) for name in names):
            pick = None
        self._layouts[names] = pick
        return pick


def _nothing(_: list[Header]) -> tuple[()]:
    return ()


def _read(headers: list[Header]) -> Place:
    letters = read(headers)
    return (letters[0].origin.topic, letters[0].origin.partition) if letters else (None, None)
