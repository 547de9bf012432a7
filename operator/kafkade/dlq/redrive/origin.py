"""Where a dead letter was before, found fast: most records of a topic say so in the same headers with the same values.

``kafkade.dlq.headers`` reads all that headers tell, which takes longer than to move a record. Its answer for topic and
partition is remembered here by all that it can depend on: the names of all headers in their order, and the values of those
that name a topic or a partition. A test holds the two against each other.
"""

from __future__ import annotations

from operator import itemgetter

from kafkade.clients.kafka_mover_model import Header
from kafkade.dlq.headers import read

_name = itemgetter(0)

Place = tuple[str | None, int | None]
"""Topic and partition; None where the headers do not say."""

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
        self._deciding: dict[tuple[str, ...], tuple[int, ...] | None] = {}
        self._places: dict[tuple[tuple[str, ...], tuple[bytes | None, ...]], Place] = {}

    def place(self, headers: list[Header]) -> Place:
        """The same as the origin of ``headers.read(headers)[0]``."""
        names = tuple(map(_name, headers))
        try:
            deciding = self._deciding[names]
        except KeyError:
            deciding = self._learn(names)
        if deciding is None:
            return _read(headers)
        key = (names, tuple([headers[index][1] for index in deciding]))
        try:
            return self._places[key]
        except KeyError:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            place = self._places[key] = _read(headers)
            return place

    def _learn(self, names: tuple[str, ...]) -> tuple[int, ...] | None:
        if len(self._deciding) >= _MOST_NAMES:
            self._deciding.clear()
        slow = any(name.startswith(_OFFSET_DECIDES) for name in names)
        deciding = None if slow else tuple(index for index, name in enumerate(names) if name in _DECIDING)
        self._deciding[names] = deciding
        return deciding


def _read(headers: list[Header]) -> Place:
    letters = read(headers)
    return (letters[0].origin.topic, letters[0].origin.partition) if letters else (None, None)
