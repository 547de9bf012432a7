"""Manifests and a state in place of a Kubernetes API: what is declared, left, deleted, owned, and kept over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kafkade.api import FINALIZER
from kafkade.api.errors import ApiConflict, ApiNotFound, InvalidSpec, NeedsKubernetes
from kafkade.api.objects import Key, Resource
from kafkade.local.kube import Declared, LocalKube, Memory
from kafkade.local.manifests import Manifest, Manifests
from kafkade.local.state import State, read

TOPIC = Key("KafkaTopic", "shop", "orders")
OTHER = Key("KafkaTopic", "shop", "returns")
POLICY = Key("KafkaDLQPolicy", "shop", "letters")
CHILD = Key("KafkaTopic", "shop", "orders.dlq")
NOW = "2026-01-01T00:00:00Z"


def manifests(*specs: tuple[Key, Mapping[str, Any]]) -> Manifests:
    return Manifests({key: Manifest(key, spec) for key, spec in specs})


def local(keep: Any = None) -> LocalKube:
    return LocalKube(Memory() if keep is None else keep, lambda: NOW)


def found(kube: LocalKube, key: Key = TOPIC) -> Resource:
    return next(r for r in kube.resources() if r.key == key)


def test_a_changed_spec_is_another_generation_and_an_equal_one_is_not() -> None:
    kube = local()
    assert kube.declare(manifests((TOPIC, {"a": 1})), prune=False).changed == {TOPIC}
    first = found(kube)
    assert kube.declare(manifests((TOPIC, {"a": 1})), prune=False).changed == frozenset()
    assert found(kube) == first
    kube.declare(manifests((TOPIC, {"a": 2})), prune=False)
    assert (found(kube).generation, found(kube).uid, found(kube).spec) == (2, first.uid, {"a": 2})


async def test_what_is_left_is_not_looked_at_and_comes_back_as_it_was() -> None:
    kube = local()
    kube.declare(manifests((TOPIC, {}), (OTHER, {})), prune=False)
    await kube.patch_status(found(kube), {"topicId": "x"})
    seen: list[Key] = []
    gone: list[Key] = []
    kube.seen, kube.gone = lambda r: seen.append(r.key), gone.append
    told = kube.declare(manifests((OTHER, {})), prune=False)
    assert told == Declared(frozenset(), frozenset({TOPIC}), frozenset())
    assert [r.key for r in kube.resources()] == [OTHER]
    kube.declare(manifests((TOPIC, {}), (OTHER, {})), prune=False)
    await asyncio.sleep(0)
    assert (gone, seen) == ([TOPIC], [TOPIC])
    assert found(kube).status == {"topicId": "x"}


async def test_deletion_waits_for_the_finalizer_and_can_be_taken_back() -> None:
    kube = local()
    kube.declare(manifests((TOPIC, {}), (OTHER, {})), prune=False)
    await kube.add_finalizer(found(kube))
    kube.declare(manifests(), prune=True)
    assert [(r.key, r.deleted, r.generation) for r in kube.resources()] == [(TOPIC, NOW, 2)]
    kube.declare(manifests((TOPIC, {})), prune=True)
    assert (found(kube).deleted, found(kube).finalizers) == (None, (FINALIZER,))
    kube.declare(manifests(), prune=True)
    assert await kube.remove_finalizer(found(kube)) is None
    assert kube.resources() == []


async def test_kafkades_own_annotation_outlives_a_declaration() -> None:
    kube = local()
    kube.declare(manifests((TOPIC, {})), prune=False)
    await kube.annotate(found(kube), "kafkade.io/taking", "a b")
    assert kube.declare(manifests((TOPIC, {})), prune=False).changed == frozenset()
    kube.declare(manifests((TOPIC, {"a": 1})), prune=False)
    assert found(kube).annotations == {"kafkade.io/taking": "a b"}
    assert (await kube.annotate(found(kube), "kafkade.io/taking", None)).annotations == {}


async def test_what_a_resource_made_goes_with_it() -> None:
    kube = local()
    kube.declare(manifests((POLICY, {})), prune=False)
    policy = found(kube, POLICY)
    await kube.create_resource(policy, CHILD, {"a": "b"}, {"x": 1})
    await kube.create_config_map(policy, "letters-dlq", {"k": "v"})
    child = found(kube, CHILD)
    assert child.owner is not None
    assert (child.owner.key, child.labels) == (POLICY, {"a": "b"})
    with pytest.raises(ApiConflict):
        await kube.create_resource(policy, CHILD, {}, {})
    assert kube.declare(manifests((POLICY, {})), prune=True).removed == frozenset(), (
        "nobody has to declare what was made"
    )
    await kube.add_finalizer(child)
    kube.declare(manifests(), prune=True)
    assert [(r.key, r.deleted) for r in kube.resources()] == [(CHILD, NOW)]
    with pytest.raises(ApiNotFound):
        await kube.get("configmaps", "shop", "letters-dlq")


async def test_a_config_map_goes_and_no_namesake() -> None:
    kube = local()
    kube.declare(manifests((POLICY, {})), prune=False)
    await kube.create_config_map(found(kube, POLICY), "letters-dlq", {"k": "v"})
    made = await kube.get("configmaps", "shop", "letters-dlq")
    await kube.delete_config_map("shop", "letters-dlq", "another")
    assert await kube.get("configmaps", "shop", "letters-dlq") == made
    await kube.delete_config_map("shop", "letters-dlq", made["metadata"]["uid"])
    with pytest.raises(ApiNotFound):
        await kube.get("configmaps", "shop", "letters-dlq")


async def test_a_namesake_that_was_made_since_is_not_written_to() -> None:
    kube = local()
    kube.declare(manifests((TOPIC, {})), prune=False)
    old = found(kube)
    kube.declare(manifests(), prune=True)
    kube.declare(manifests((TOPIC, {})), prune=False)
    for write in (kube.patch_status(old, {}), kube.add_finalizer(old), kube.replace_spec(old, {})):
        with pytest.raises(ApiNotFound):
            await write
    await kube.delete_resource(old)
    assert found(kube).deleted is None


async def test_all_writes_of_one_moment_are_kept_by_one_commit() -> None:
    class Counting(Memory):
        commits = 0

        def commit(self) -> None:
            self.commits += 1

    keep = Counting()
    kube = local(keep)
    keys = [Key("KafkaTopic", "shop", f"t{n}") for n in range(50)]
    kube.declare(manifests(*((key, {}) for key in keys)), prune=False)
    before = keep.commits
    await asyncio.gather(*(kube.add_finalizer(r) for r in kube.resources()))
    assert keep.commits == before + 1


async def test_a_state_file_holds_what_was_committed_and_nothing_else(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    kube = local(state)
    kube.declare(manifests((TOPIC, {"a": 1})), prune=False)
    await kube.patch_status(found(kube), {"topicId": "x"})
    with pytest.raises(InvalidSpec, match="in use by another kafkade"):
        State(tmp_path / "state")
    assert read(tmp_path / "state")[TOPIC]["status"] == {"topicId": "x"}
    state.put(OTHER, {"metadata": {}})
    state.close()
    again = State(tmp_path / "state")
    assert again.objects.keys() == {TOPIC}
    assert found(local(again)).spec == {"a": 1}
    again.close()
    assert read(tmp_path / "none") == {}


def test_other_files_are_not_taken_for_a_state(tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "text").write_text("a text that is not a database " * 100)
    database = sqlite3.connect(tmp_path / "other")
    database.execute("CREATE TABLE t (a)")
    database.commit()
    database.close()
    newer = State(tmp_path / "newer")
    newer.close()
    database = sqlite3.connect(tmp_path / "newer")
    database.execute("PRAGMA user_version = 99")
    database.close()
    for name, why in (("text", "cannot be used"), ("other", "no state file"), ("newer", "newer kafkade")):
        with pytest.raises(InvalidSpec, match=why):
            State(tmp_path / name)
    with pytest.raises(InvalidSpec, match="no state file"):
        read(tmp_path / "text")


async def test_no_secret_is_kept() -> None:
    """A state file is no place for passwords."""
    kube = local()
    kube.declare(manifests((POLICY, {})), prune=False)
    with pytest.raises(NeedsKubernetes, match="apply KafkaServiceBindings to an operator"):
        await kube.create_secret(found(kube, POLICY), "letters-binding", {"password": "p"})
