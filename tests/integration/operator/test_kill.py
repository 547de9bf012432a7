"""SIGKILL at random points of creating, changing and deleting: after the last restart everything is as declared."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from integration.operator.conftest import World
from support import registry as registries
from support.kubernetes import current, manifest, ready
from support.waiting import until

TOPICS = 200
SCHEMAS = 50
KILLS_A_PHASE = 4


def topic_spec(n: int, generation: int) -> dict[str, Any]:
    """A third of the topics has settings only, a third grows, a third does both."""
    spec: dict[str, Any] = {
        "clusterRef": {"name": "main"},
        "partitions": 1,
        "replicationFactor": 1,
        "config": {"retention.ms": 60000 + n},
    }
    if generation > 1 and n % 3 != 0:
        spec["partitions"] = 2
    if generation > 1 and n % 3 != 1:
        spec["config"] = {"segment.ms": 600000 + n}
    return spec


def schema_spec(n: int, generation: int) -> dict[str, Any]:
    """An Avro record that gains a field with a default; every fifth one references its predecessor."""
    fields: list[dict[str, Any]] = [{"name": "id", "type": "string"}]
    if generation > 1 and n % 2 == 0:
        fields.append({"name": "email", "type": ["null", "string"], "default": None})
    if n % 5 == 4:
        fields.append({"name": "other", "type": f"shop.Event{n - 1}"})
    spec: dict[str, Any] = {
        "clusterRef": {"name": "main"},
        "subject": f"kill-{n}-value",
        "schema": json.dumps({"type": "record", "name": f"Event{n}", "namespace": "shop", "fields": fields}),
        "compatibility": "BACKWARD",
        "deletionPolicy": "HardDelete",
    }
    if n % 5 == 4:
        spec["references"] = [{"name": f"shop.Event{n - 1}", "schemaRef": {"name": f"kill-{n - 1}"}}]
    return spec


@contextmanager
def killings(world: World, chance: random.Random, kills: int) -> Iterator[None]:
    """Kill and restart the operator at random times while the body runs, and until ``kills`` are done."""
    failures: list[BaseException] = []

    def executioner() -> None:
        try:
            for _ in range(kills):
                time.sleep(chance.uniform(0.1, 2.5))
                world.operator.kill()
                world.operator.start()
        except BaseException as error:  # noqa: BLE001 -- told to the test below
            failures.append(error)

    thread = threading.Thread(target=executioner)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failures, failures


def registry(world: World, path: str) -> Any:
    """GET from the registry; None for 404."""
    return registries.found(world.registry.url, path)


def all_ready(world: World, names: set[str], kind: str) -> bool:
    found = {o["metadata"]["name"]: o for o in world.kubectl.list(kind) if o["metadata"]["name"].startswith("kill-")}
    return set(found) == names and all(ready(o) == "True" and current(o) for o in found.values())


def assert_as_declared(world: World, topics: dict[str, dict[str, Any]], schemas: dict[str, dict[str, Any]]) -> None:
    """Kafka, the registry and every status against the specs."""
    until(lambda: {t for t in world.view.topics() if t.startswith("kill-")} == set(topics), "no more, no less")
    for item in world.kubectl.list("KafkaTopic"):
        name = item["metadata"]["name"]
        if name not in topics:
            continue
        spec, status = topics[name], item["status"]
        expected = {k: str(v) for k, v in spec["config"].items()}
        world.view.shows(name, partitions=spec["partitions"], config=expected)
        assert (status["partitions"], status["config"]) == (spec["partitions"], expected), name
        assert world.view.topic_id(name) == status["topicId"], name
    subjects = {s for s in registry(world, "/subjects") if s.startswith("kill-")}
    assert subjects == {s["subject"] for s in schemas.values()}
    for item in world.kubectl.list("KafkaSchema"):
        name = item["metadata"]["name"]
        if name not in schemas:
            continue
        latest = registry(world, f"/subjects/{schemas[name]['subject']}/versions/latest")
        assert json.loads(latest["schema"]) == json.loads(schemas[name]["schema"]), name
        # one that references another is Ready already when that one's new version makes it have one too
        until(
            lambda name=name: told(world, name) == newest(world, schemas[name]["subject"]), f"{name} tells its version"
        )
        assert registry(world, f"/config/{schemas[name]['subject']}")["compatibilityLevel"] == "BACKWARD", name


def told(world: World, name: str) -> int:
    """The version of a schema by its status."""
    found = world.kubectl.get("KafkaSchema", name)
    assert found is not None
    return int(found["status"]["version"])


def newest(world: World, subject: str) -> int:
    """The newest version of a subject."""
    return int(registry(world, f"/subjects/{subject}/versions/latest")["version"])


@pytest.mark.timeout(600)
def test_killed_at_random_points_it_still_ends_as_declared(world: World) -> None:
    chance = random.Random()
    topics = {f"kill-{n}": topic_spec(n, 1) for n in range(TOPICS)}
    schemas = {f"kill-{n}": schema_spec(n, 1) for n in range(SCHEMAS)}

    with killings(world, chance, KILLS_A_PHASE):
        apply(world, topics, schemas)
    settle(world, topics, schemas)
    assert_as_declared(world, topics, schemas)

    # change everything, and a part of it before the first change has been carried out
    with killings(world, chance, KILLS_A_PHASE):
        topics = {name: topic_spec(int(name.split("-")[1]), 2) for name in topics}
        schemas = {name: schema_spec(int(name.split("-")[1]), 2) for name in schemas}
        apply(world, topics, schemas)
    settle(world, topics, schemas)
    assert_as_declared(world, topics, schemas)

    # delete a third while another third is changed
    with killings(world, chance, KILLS_A_PHASE):
        gone_topics = [name for name in topics if int(name.split("-")[1]) % 3 == 0]
        gone_schemas = [name for name in schemas if int(name.split("-")[1]) % 5 in (3, 4)]
        world.kubectl.run("-n", "shop", "delete", "kafkatopics", *gone_topics, "--wait=false")
        world.kubectl.run("-n", "shop", "delete", "kafkaschemas", *gone_schemas, "--wait=false")
        for name in gone_topics:
            del topics[name]
        for name in gone_schemas:
            del schemas[name]
        for spec in topics.values():
            spec["config"] = {"retention.ms": 120000}
        apply(world, topics, {})
    settle(world, topics, schemas)
    assert_as_declared(world, topics, schemas)

    world.kubectl.run("-n", "shop", "delete", "kafkatopics", *topics, "--timeout=60s")
    world.kubectl.run("-n", "shop", "delete", "kafkaschemas", *schemas, "--timeout=60s")
    assert_as_declared(world, {}, {})


def apply(world: World, topics: dict[str, dict[str, Any]], schemas: dict[str, dict[str, Any]]) -> None:
    """Apply in random order, in some chunks, so that kills fall between them too."""
    objects = [manifest("KafkaTopic", n, s) for n, s in topics.items()] + [
        manifest("KafkaSchema", n, s) for n, s in schemas.items()
    ]
    random.shuffle(objects)
    for start in range(0, len(objects), 50):
        world.kubectl.apply(*objects[start : start + 50])


def settle(world: World, topics: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Wait until every resource says that it is as declared."""
    until(lambda: all_ready(world, set(topics), "KafkaTopic"), "all topics Ready", timeout=90)
    until(lambda: all_ready(world, set(schemas), "KafkaSchema"), "all schemas Ready", timeout=90)
