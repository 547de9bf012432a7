"""Marks of topics that are about to become a resource's own, many of them in one write. Pure.

A mark stands in an annotation of the KafkaCluster before anything is done in Kafka, and so tells after a crash whose a topic
is. It is of one resource (its uid), one topic (its name), one Kafka (its cluster id) and of the id that the resource has on
record: with the id in status it holds no more, nor does it for another Kafka behind the same KafkaCluster. The mark of a topic
that is taken over has that one's id besides, and is of no other topic that gets the name meanwhile.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b

from kafkade.api.objects import Resource
from kafkade.topics.desired import topic_name

BYTES = 12
"""Of a hash: 96 bits, so that nobody's mark is another one's by chance; 16 characters of a few hundred KiB at most."""


def mark_of(resource: Resource, cluster_id: str, topic_id: str | None = None) -> str:
    """The mark of making a resource's topic; with ``topic_id``, of taking over the topic that has this id."""
    parts = (cluster_id, resource.uid, topic_name(resource), resource.status.get("topicId") or "")
    mark = urlsafe_b64encode(blake2b("\n".join(parts).encode(), digest_size=BYTES).digest()).decode()
    return mark if topic_id is None else f"{mark}.{topic_id}"


def making(mark: str) -> str:
    """The part of a mark that is of the resource, whatever becomes of its topic."""
    return mark.partition(".")[0]


def joined(marks: Iterable[str]) -> str | None:
    """The annotation; None where it is to go."""
    return " ".join(sorted(marks)) or None


def split(annotation: str | None) -> set[str]:
    """The marks in an annotation, whatever it holds."""
    return set((annotation or "").split())
