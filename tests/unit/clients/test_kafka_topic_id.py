"""clients/kafka_topic_id: a reference too many is given back, and never one that somebody has."""

from __future__ import annotations

import ctypes
import gc
import sys

import pytest
from confluent_kafka import Uuid
from confluent_kafka.admin import TopicDescription

from kafkade.clients.kafka_topic_id import id_of

ID = "AAAAAAAAAAEAAAAAAAAAAg"


def description(leaked: int) -> TopicDescription:
    made = TopicDescription("t", Uuid(1, 2), False, [])
    for _ in range(leaked):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(made.topic_id))
    return made


def ids() -> int:
    gc.collect()
    return sum(type(each) is Uuid for each in gc.get_objects())


@pytest.mark.parametrize("leaked", [0, 1])
def test_nothing_stays_whether_the_library_leaks_or_not(leaked: int) -> None:
    before = ids()
    for _ in range(50):
        found = description(leaked)
        assert id_of(found) == ID
        assert id_of(found) == ID, "a second call takes nothing away"
        assert str(found.topic_id) == ID
    del found
    assert ids() == before


def test_only_the_one_reference_is_taken_that_the_library_keeps() -> None:
    found = description(0)
    held = [found.topic_id, found.topic_id]
    count = sys.getrefcount(held[0])
    known = id_of(found)
    left = sys.getrefcount(held[0])
    assert (known, left) == (ID, count)
