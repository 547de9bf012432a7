"""KafkaSchemas kept in a real Apicurio: what the unit tests say of a registry in memory, where it matters, said of this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from kafkade.api.errors import RegistryUnreachable
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.devstack import Registry
from support.compatibility import AVRO
from support.schemas import Killed, World, avro, resource

V1, V2, BROKEN = avro("a"), avro("a", "b?"), avro("a", "b?", "c")
CART = avro({"name": "o", "type": "shop.Order"}, name="Cart")
JSON_1 = '{"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}'
JSON_2 = '{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "additionalProperties": false}'
JSON_3 = '{"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false}'
PROTO_1 = 'syntax = "proto3";\npackage shop;\nmessage Order {\n  string a = 1;\n}\n'
PROTO_2 = PROTO_1.replace("a = 1;", "a = 1;\n  string b = 2;")
PROTO_3 = PROTO_1.replace("string a", "int32 a")

TYPES = [
    pytest.param("AVRO", V1, V2, BROKEN, "Order.c: field c was added without a default", id="Avro"),
    pytest.param(
        "JSON", JSON_1, JSON_2, JSON_3, "$.a: type is string in version 2 and integer in the new schema", id="JSON"
    ),
    pytest.param(
        "PROTOBUF", PROTO_1, PROTO_2, PROTO_3, "Order.a (number 1): type changed from string to int32", id="Protobuf"
    ),
]


@pytest.mark.parametrize(("kind", "one", "two", "broken", "told"), TYPES)
async def test_life_of_a_subject(
    world: World, subject: str, kind: str, one: str, two: str, broken: str, told: str
) -> None:
    spec = {"subject": subject, "schemaType": kind, "compatibility": "BACKWARD", "deletionPolicy": "HardDelete"}
    world.put(resource(schema_=one, **spec))
    await world.run()
    assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]
    assert world.status("orders")["version"] == 1
    world.edit("orders", schema_=two)
    await world.run()
    assert world.status("orders")["version"] == 2

    world.registry.calls.clear()
    before = dict(world.resources)
    await world.run()
    assert world.registry.writes == []
    assert world.resources == before

    world.edit("orders", schema_=broken)
    await world.run()
    assert world.ready("orders")["reason"] == "IncompatibleSchema"
    assert told in world.ready("orders")["message"]
    assert world.registry.writes == []
    assert await world.registry.versions(subject) == (1, 2)

    world.delete("orders")
    reports = await world.run()
    assert reports["orders"].release
    assert await world.registry.versions(subject) == ()


REFERENCES = [
    pytest.param("AVRO", V1, V2, CART, "shop.Order", id="Avro"),
    pytest.param(
        "JSON",
        JSON_1,
        JSON_2,
        '{"type": "object", "properties": {"o": {"$ref": "order.json"}}}',
        "order.json",
        id="JSON",
    ),
    pytest.param(
        "PROTOBUF",
        PROTO_1,
        PROTO_2,
        'syntax = "proto3";\npackage shop;\nimport "order.proto";\nmessage Cart { Order o = 1; }\n',
        "order.proto",
        id="Protobuf",
    ),
]


@pytest.mark.parametrize(("kind", "one", "two", "user", "name"), REFERENCES)
async def test_references(world: World, subject: str, kind: str, one: str, two: str, user: str, name: str) -> None:
    """In the order of references; a reference-only change makes a version (jikkou#790); deletion the other way round."""
    common = {"schemaType": kind, "compatibility": "BACKWARD", "deletionPolicy": "HardDelete"}
    refs = [{"name": name, "schemaRef": {"name": "orders"}}]
    world.put(resource("carts", subject=f"{subject}-c", schema_=user, references=refs, **common))
    world.put(resource("orders", subject=subject, schema_=one, **common))
    await world.run()
    assert world.ready("carts")["status"] == world.ready("orders")["status"] == "True"
    assert world.status("carts")["references"] == [f"{subject}:1"]
    world.edit("orders", schema_=two)
    reports = await world.run("orders")
    assert [k.name for k in reports["orders"].wakes] == ["carts"]
    await world.run("carts")
    assert world.status("carts")["references"] == [f"{subject}:2"]
    assert world.status("carts")["version"] == 2

    world.delete("orders")
    await world.run("orders")
    assert world.ready("orders")["reason"] == "ReferencedBy"
    world.delete("carts")
    await world.run("orders", "carts")
    assert world.resources == {}
    assert await world.registry.versions(subject) == await world.registry.versions(f"{subject}-c") == ()


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL"])
@pytest.mark.parametrize("change", AVRO)
async def test_avro_verdicts_are_explained(world: World, subject: str, level: str, change: str) -> None:
    """For Avro the local check and Apicurio agree on every change of the table, and a refusal is never without words."""
    old, new, backward, forward = AVRO[change]
    world.put(resource(subject=subject, schema_=json.dumps(old), compatibility=level))
    await world.run()
    assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]
    world.edit("orders", schema_=json.dumps(new))
    await world.run()
    words = [
        w for w, asked in ((backward, level != "FORWARD"), (forward, level != "BACKWARD")) if asked and w is not None
    ]
    if words:
        assert world.ready("orders")["reason"] == "IncompatibleSchema"
        assert any(w in world.ready("orders")["message"] for w in words)
        assert await world.registry.versions(subject) == (1,)
    else:
        assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]


LEVELS = [
    pytest.param("BACKWARD", True),
    pytest.param("BACKWARD_TRANSITIVE", False),
    pytest.param("FORWARD", True),
    pytest.param("FORWARD_TRANSITIVE", False),
    pytest.param("FULL", True),
    pytest.param("FULL_TRANSITIVE", False),
    pytest.param("NONE", True),
]


@pytest.mark.parametrize(("level", "taken"), LEVELS)
async def test_seven_levels_against_an_older_version(world: World, subject: str, level: str, taken: bool) -> None:
    """A field goes and comes back as another type: only the transitive levels remember."""
    steps = [avro("k", "x?"), avro("k"), avro("k", {"name": "x", "type": "int", "default": 0})]
    world.put(resource(subject=subject, schema_=steps[0], compatibility=level))
    for step in steps:
        world.edit("orders", schema_=step)
        await world.run()
    assert (world.ready("orders")["status"] == "True") is taken
    if not taken:
        assert "version 1" in world.ready("orders")["message"]


async def test_taking_the_level_away(world: World, subject: str) -> None:
    world.put(resource(subject=subject, schema_=V1, compatibility="FULL"))
    await world.run()
    world.edit("orders", compatibility=None)
    await world.run()
    assert "compatibilitySet" not in world.status("orders")
    assert world.status("orders")["compatibility"] == "NONE"
    world.edit("orders", schema_=BROKEN)
    await world.run()
    assert world.status("orders")["version"] == 2
    world.registry.calls.clear()
    await world.run()
    assert world.registry.writes == []


async def test_level_and_schema_change_in_one_step(world: World, subject: str) -> None:
    world.put(resource(subject=subject, schema_=V1))
    await world.run()
    world.edit("orders", schema_=BROKEN, compatibility="BACKWARD")
    await world.run()
    assert world.ready("orders")["reason"] == "IncompatibleSchema"
    assert (await world.registry.subject_config(subject)).level == "NONE"
    world.edit("orders", schema_=V2)
    await world.run()
    assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]
    assert (await world.registry.subject_config(subject)).level == "BACKWARD"


async def test_level_is_put_back_when_only_the_registry_refuses(world: World, subject: str) -> None:
    """A field of a Protobuf message removed: fine by Confluent's rules, and so locally; Apicurio wants it reserved."""
    world.put(resource(subject=subject, schema_=PROTO_2, schemaType="PROTOBUF"))
    await world.run()
    world.edit("orders", schema_=PROTO_1, compatibility="BACKWARD")
    await world.run()
    assert world.ready("orders")["reason"] == "IncompatibleSchema"
    assert "fields removed without reservation" in world.ready("orders")["message"]
    assert (await world.registry.subject_config(subject)).level == "NONE"
    assert await world.registry.versions(subject) == (1,)


@pytest.mark.parametrize("permanent", [False, True], ids=["softly", "for good"])
async def test_deleted_by_hand_it_comes_back(world: World, subject: str, permanent: bool) -> None:
    world.put(resource(subject=subject, schema_=V1, compatibility="FULL"))
    await world.run()
    await world.registry.delete_subject(subject, permanent=False)
    if permanent:
        await world.registry.delete_subject(subject, permanent=True)
    await world.run()
    assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]
    assert any(d["field"] == "version" and d["repaired"] for d in world.status("orders")["drift"])
    assert (await world.registry.subject_config(subject)).level == "FULL"


async def test_doc_only_change_is_told_where_apicurio_sees_none(world: World, subject: str) -> None:
    world.put(resource(subject=subject, schema_=V1))
    await world.run()
    world.edit("orders", schema_=avro("a", doc="what it is"))
    await world.run()
    assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]
    assert "its stored text differs" in world.ready("orders")["message"]
    assert await world.registry.versions(subject) == (1,)


async def test_metadata_is_refused_before_anything_is_written(world: World, subject: str) -> None:
    world.put(resource(subject=subject, schema_=V1, compatibility="FULL", metadata={"properties": {"o": "x"}}))
    await world.run()
    assert world.ready("orders")["reason"] == "NotSupportedByCluster"
    assert world.registry.writes == []


async def test_read_only_mode_is_respected(world: World, subject: str) -> None:
    world.put(resource(subject=subject, schema_=V1))
    await world.run()
    await world.registry.set_mode(subject, "READONLY")
    world.edit("orders", schema_=V2)
    await world.run()
    assert world.ready("orders")["reason"] == "RegistryReadOnly"
    assert await world.registry.versions(subject) == (1,)


@pytest.mark.parametrize(
    "text", ['{"type": "record"', '{"type": "record", "name": "R", "fields": [{"name": "f", "type": "no"}]}']
)
async def test_invalid_schemas_reach_no_registry(world: World, subject: str, text: str) -> None:
    world.put(resource(subject=subject, schema_=text, compatibility="FULL"))
    await world.run()
    assert world.ready("orders")["reason"] == "InvalidSchema"
    assert world.registry.writes == []


async def test_killed_anywhere_it_converges(registry: Any, subject: str) -> None:
    for calls in range(18):
        world = World(registry=registry)
        names = (f"{subject}-{calls}", f"{subject}-{calls}-c")
        refs = [{"name": "shop.Order", "schemaRef": {"name": "orders"}}]
        world.put(resource(subject=names[0], schema_=V1, compatibility="FULL", deletionPolicy="HardDelete"))
        world.put(resource("carts", subject=names[1], schema_=CART, references=refs, deletionPolicy="HardDelete"))
        registry.calls.clear()
        registry.kill_after = calls
        with contextlib.suppress(Killed):
            await world.run()
        registry.kill_after = None
        await world.run()
        assert world.ready("orders")["status"] == world.ready("carts")["status"] == "True"
        assert [await registry.versions(n) for n in names] == [(1,), (1,)]
        world.delete("orders")
        world.delete("carts")
        await world.run()
        assert [await registry.versions(n) for n in names] == [(), ()]


async def test_a_restart_of_the_registry_is_survived(apicurio: Registry, subject: str) -> None:
    client = RegistryClient([apicurio.url], timeout=3)
    world = World(registry=client)
    world.put(resource(subject=subject, schema_=V1))
    await world.run()
    await asyncio.to_thread(apicurio.pause)
    try:
        reports = await world.run()
        assert world.ready("orders")["reason"] == "RegistryUnreachable"
        assert reports["orders"].retry == "backoff"
        with pytest.raises(RegistryUnreachable):
            await client.register(subject, SchemaBody(V1), False)
    finally:
        await asyncio.to_thread(apicurio.start)
        await client.close()
    world.registry = RegistryClient([apicurio.url])  # one with the usual patience: it has just begun
    await world.run()
    assert world.ready("orders")["status"] == "True", world.ready("orders")["message"]
    await world.registry.close()


async def test_three_hundred_subjects_in_one_batch(world: World, subject: str) -> None:
    for i in range(300):
        world.put(resource(f"s{i}", subject=f"{subject}-{i}", schema_=avro("a", name=f"R{i}")))
    began = asyncio.get_running_loop().time()
    await world.run()
    created = asyncio.get_running_loop().time() - began
    assert all(world.ready(f"s{i}")["status"] == "True" for i in range(300))
    assert len(world.registry.calls) == 3 * 300 + 3  # flavour, level and the list of subjects once
    world.registry.calls.clear()
    await world.run()
    probed = asyncio.get_running_loop().time() - began - created
    assert world.registry.writes == []
    assert len(world.registry.calls) == 4 * 300 + 2
    assert created < 60
    assert probed < 30
    print(f"300 subjects: registered in {created:.1f} s, probed in {probed:.1f} s")  # noqa: T201


async def test_a_reference_that_is_gone_is_told_of_though_it_was_read_a_moment_ago(world: World, subject: str) -> None:
    world.put(resource(subject=subject, schema_=V1))
    await world.run()
    for permanent in (False, True):
        await world.registry.delete_subject(subject, permanent=permanent)
    references = [{"name": "shop.Order", "subject": subject, "version": 1}]
    world.put(resource("carts", subject=f"{subject}-c", schema_=CART, references=references))
    await world.run("carts")
    assert world.ready("carts")["reason"] == "ReferenceNotReady", world.ready("carts")["message"]
