"""How far behind a listener or a stream is, by what fetches told of the ends."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition

from kafkade.service.lag import lags


class Ends:
    """In place of a consumer: the ends that it has been told of."""

    def __init__(self, **known: tuple[int, int]) -> None:
        self.known = known

    def get_watermark_offsets(self, place: TopicPartition, cached: bool) -> tuple[int, int]:
        assert cached
        return self.known.get(f"{place.topic}{place.partition}", (0, OFFSET_INVALID))


@pytest.mark.parametrize(
    ("positions", "settings", "found"),
    [
        ([("a", 0, 40), ("a", 1, 10)], {}, {"a": 60 + 0}),
        ([("a", 0, 100), ("b", 0, 3)], {}, {"a": 0, "b": 4}),
        ([("b", 0, -1001)], {}, {"b": 7 - 2}),  # from the first record that is still there
        ([("b", 0, 1)], {}, {"b": 7 - 2}),
        ([("b", 0, -1001)], {"auto.offset.reset": "latest"}, {"b": 0}),
        ([("b", 0, 3)], {"auto.offset.reset": "latest"}, {"b": 4}),
        ([("c", 0, 5)], {}, {}),  # nobody told of its end
        ([("a", 0, 120)], {}, {"a": 0}),
    ],
)
def test_records_behind_by_topic(
    positions: list[tuple[str, int, int]], settings: dict[str, Any], found: dict[str, int]
) -> None:
    assert lags(Ends(a0=(0, 100), a1=(0, 10), b0=(2, 7)), settings, positions) == found
