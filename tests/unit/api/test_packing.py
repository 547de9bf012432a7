"""Resources in the store are packed, and come out as they went in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.conditions import Outcome, next_status
from kafkade.api.kinds import CLUSTER, SCHEMA, TOPIC
from kafkade.api.objects import Key, Owner, Resource
from kafkade.api.packing import RENEWED, Packed, Packer, Pile
from kafkade.engine.store import Store

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def topic(number: int, *, status: bool = True, kind: str = TOPIC, **spec: Any) -> Resource:
    name = f"topic-{number:05}"
    meta = {
        "name": name,
        "namespace": "shop",
        "uid": f"{number * 7919:08x}-0000-4000-8000-{number * 1234567:012x}",
        "resourceVersion": str(1000 + number),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 3,
        "finalizers": ["kafkade.io/finalizer"],
    }
    body: dict[str, Any] = {"metadata": meta, "spec": {"clusterRef": {"name": "main"}, "partitions": 1, **spec}}
    if status:
        done = Outcome.done(f"topic {name} is as declared: 1 partitions, replication factor 1")
        fields = {"topicName": name, "topicId": f"{number:022}", "partitions": 1}
        body["status"] = next_status({}, 3, done, "2026-01-01T00:00:01Z", fields)
    return Resource.from_body(kind, body)


def packed(packer: Packer, resource: Resource) -> Packed:
    found = packer.packed(resource)
    assert found is not None
    return found


def test_all_of_a_resource_comes_back() -> None:
    resource = replace(
        topic(1),
        deleted="2026-01-02T00:00:00Z",
        labels={"team": "a"},
        annotations={"kafkade.io/reconcile-now": "1"},
        owner=Owner(Key("KafkaDLQPolicy", "shop", "letters"), "u"),
    )
    found = packed(Packer(), resource).unpacked(resource.key, resource.resource_version)
    assert found == resource
    assert isinstance(found.owner, Owner)
    assert isinstance(found.owner.key, Key)


@given(st.dictionaries(st.text(), JSON), st.dictionaries(st.text(), JSON))
def test_whatever_json_it_holds(spec: dict[str, Any], status: dict[str, Any]) -> None:
    packer = Packer()
    packed(packer, topic(1))
    resource = replace(topic(2), spec=spec, status=status)
    found = packed(packer, resource).unpacked(resource.key, resource.resource_version)
    assert repr(found) == repr(resource), "1 is 1, and neither 1.0 nor true"


def test_topics_that_are_alike_take_little() -> None:
    packer = Packer()
    for number in range(RENEWED):
        packed(packer, topic(number, status=False))
    sizes = [len(packed(packer, topic(number)).data) for number in range(2 * RENEWED)]
    assert sum(sizes[RENEWED:]) / RENEWED < 150


def test_what_was_packed_before_an_example_was_renewed_comes_back() -> None:
    packer = Packer()
    resources = [topic(number, status=number > RENEWED) for number in range(3 * RENEWED)]
    kept = [packed(packer, resource) for resource in resources]
    assert [k.unpacked(r.key, r.resource_version) for k, r in zip(kept, resources, strict=True)] == resources


def test_texts_longer_than_what_is_looked_back_at() -> None:
    packer = Packer()
    for number in range(3):
        resource = topic(number, kind=SCHEMA, schema=f'{{"fields": {list(range(20000))}}}')
        assert packed(packer, resource).unpacked(resource.key, resource.resource_version) == resource


class Located(str):
    """A text that knows where it stood."""


@pytest.mark.parametrize("value", [Located("a"), [Located("a")]])
def test_what_knows_its_line_is_kept_as_it_is(value: Any) -> None:
    resource = topic(1, topicName=value)
    assert Packer().packed(resource) is None
    store = Store({})
    store.put(resource)
    assert store.get(resource.key) is resource


def test_what_a_store_gives_can_be_changed_by_nobody_else() -> None:
    store = Store({})
    store.put(topic(1))
    (first,) = store
    first.spec["partitions"] = 7  # type: ignore[index]
    assert store.get(first.key) == topic(1)


def test_a_cluster_is_not_unpacked_for_each_of_its_topics() -> None:
    store = Store({})
    cluster = topic(1, kind=CLUSTER)
    store.put(cluster)
    assert store.get(cluster.key) is cluster


def test_a_pile_can_be_read_again() -> None:
    resources = [topic(1), topic(2, topicName=Located("a")), topic(3, kind=CLUSTER)]
    pile = Pile(resources)
    pile.add([topic(4)])
    assert [*pile] == [*pile] == [*resources, topic(4)]
    assert len(pile) == 4
