"""The indexes over resources: by cluster, by reference, by claim; old versions never win."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kafkade.api.objects import Key, Resource
from kafkade.engine.store import Indexer, Store, cluster_of
from kafkade.topics.desired import claim_of


def topic(name: str, version: int = 1, uid: str = "", **spec: Any) -> Resource:
    body = {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid or name,
            "resourceVersion": str(version),
            "generation": version,
        },
        "spec": {"clusterRef": {"name": "main"}, **spec},
    }
    return Resource.from_body("KafkaTopic", body)


def store() -> Store:
    return Store(
        {"KafkaTopic": Indexer(claim_of, lambda r: [Key("KafkaTopic", "shop", r.spec["on"])] if "on" in r.spec else [])}
    )


MAIN = Key("KafkaCluster", "shop", "main")


def test_members_claims_and_references_follow_the_resource() -> None:
    s = store()
    s.put(topic("a.b"))
    s.put(topic("a-b", topicName="a_b", on="a.b"))
    assert {k.name for k in s.members(MAIN)} == {"a.b", "a-b"}
    assert {r.key.name for r in s.claimants("KafkaTopic", "a_b")} == {"a.b", "a-b"}, "'.' and '_' collide"
    assert {k.name for k in s.dependants(Key("KafkaTopic", "shop", "a.b"))} == {"a-b"}
    s.put(topic("a-b", 2, topicName="c", clusterRef={"name": "other"}))
    assert {k.name for k in s.members(MAIN)} == {"a.b"}
    assert s.dependants(Key("KafkaTopic", "shop", "a.b")) == frozenset()
    s.remove(topic("a.b").key)
    s.remove(topic("a-b").key)
    assert len(s) == 0
    assert s.members(MAIN) == frozenset()
    assert s.claimants("KafkaTopic", "a_b") == ()


def test_an_older_version_is_dropped_but_a_new_object_of_the_name_is_not() -> None:
    s = store()
    s.put(topic("a", 10, partitions=3))
    s.put(topic("a", 9, partitions=1))
    assert s.get(topic("a").key).spec["partitions"] == 3  # type: ignore[union-attr]
    s.put(topic("a", 11, uid="another", partitions=1))
    assert s.get(topic("a").key).spec["partitions"] == 1  # type: ignore[union-attr]


def test_a_state_is_known_by_its_version() -> None:
    s = store()
    assert not s.has(topic("a", 10))
    s.put(topic("a", 10))
    assert s.has(topic("a", 10))
    assert not s.has(topic("a", 11))
    unversioned = replace(topic("b"), resource_version="")  # of a file
    s.put(unversioned)
    assert not s.has(unversioned), "two states of a file are not told apart by it"
    s.remove(topic("a").key)
    assert not s.has(topic("a", 10))


def test_an_old_state_from_before_a_deletion_is_dropped() -> None:
    """An API server that is behind shows what is gone, or who had the name before."""
    s = store()
    old = topic("a", 10, uid="first")
    s.put(old)
    s.remove(old.key, "20")
    assert s.outdated(old)
    s.put(old)
    assert s.get(old.key) is None
    s.put(topic("a", 30, uid="second"))
    s.put(old)
    assert s.get(old.key).uid == "second"  # type: ignore[union-attr]
    assert s.outdated(old)
    s.remove(old.key)
    assert not s.outdated(topic("a", 31)), "gone, nobody knows since when"


def test_cluster_of_reads_the_reference() -> None:
    assert cluster_of(topic("a")) == MAIN
    assert cluster_of(topic("a", clusterRef={"name": "x", "namespace": "infra"})) == Key("KafkaCluster", "infra", "x")
    assert cluster_of(topic("a", clusterRef="broken")) is None


def test_of_several_claims_each_can_go() -> None:
    s = store()
    keys = [topic(name, topicName="x").key for name in ("a", "b", "c")]
    for key in keys:
        s.put(topic(key.name, topicName="x"))
    assert set(s.rivals(keys[1])) == {keys[0], keys[2]}
    s.put(topic("b", 2, topicName="y"))
    assert s.rivals(keys[1]) == []
    assert s.rivals(keys[0]) == [keys[2]]
    s.remove(keys[0])
    assert [r.key for r in s.claimants("KafkaTopic", "x")] == [keys[2]]
    s.remove(keys[2])
    assert s.claimants("KafkaTopic", "x") == ()
    assert s.counts().total() == 1
