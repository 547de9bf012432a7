"""Topics' ids out of librdkafka's descriptions, without the leak that confluent_kafka has there.

It makes an object of each id, and keeps a reference that is never given back (2.16.1, and 2.15.0's Admin.c,
``Admin_c_TopicDescription_to_py``: PyDict_SetItemString takes one of its own): 100 bytes for each topic and each look, which
are 700 MiB a day for 10,000 topics that are looked at every two minutes. No other call of it tells ids.
"""

from __future__ import annotations

import ctypes
import sys

import confluent_kafka
from confluent_kafka import Uuid
from confluent_kafka.admin import TopicDescription


def id_of(found: TopicDescription) -> str:
    """A topic's id (KIP-516) as Kafka's own tools print it: URL-safe base64, which librdkafka's is not.

    ``found``: an answer as it came, whose id nobody else has a reference to; the one too many is given back.
    """
    if _LEAKS and _references(found) == _DUE + 1:
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(found.topic_id))
    return str(found.topic_id).replace("+", "-").replace("/", "_")


def _references(found: TopicDescription) -> int:
    return sys.getrefcount(found.topic_id)


_DUE = _references(TopicDescription("", Uuid(0, 0), False, []))
"""References to the id of a description that was made without a leak. A confluent_kafka that is mended gives as many."""

_LEAKS = tuple(map(int, confluent_kafka.version()[0].split(".")[:2])) <= (2, 16)
"""Later ones have to be looked at first: one that is mended may keep a second reference that it does give back."""
