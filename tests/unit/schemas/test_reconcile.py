"""What a reconcile does and reports, against a registry in memory. Numbers #… are issues of other operators (see B3)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api import ANNOTATION_DELETION_PROTECTION, FINALIZER
from kafkade.api.errors import (
    ApiConflict,
    ApiNotFound,
    IncompatibleSchema,
    KafkadeError,
    RegistryAuthenticationFailed,
    RegistryUnreachable,
)
from kafkade.api.objects import Key
from kafkade.api.policy import Grant
from kafkade.clients.registry import Reference, SchemaBody, Verdict
from kafkade.schemas.observe import MANY, NAMES
from kafkade.schemas.recent import recent_of
from support.schemas import CLUSTER, Killed, MemoryRegistry, World, avro, resource

V1, V2, BROKEN = avro("a"), avro("a", "b?"), avro("a", "b")
USES = json.dumps({"type": "record", "name": "Cart", "fields": [{"name": "o", "type": "shop.Order"}]})
TO_ORDERS = [{"name": "shop.Order", "schemaRef": {"name": "orders"}}]


def world(registry: MemoryRegistry | None = None, **spec: Any) -> World:
    w = World(registry=registry or MemoryRegistry())
    w.put(resource(**{"schema_": V1, **spec}))
    return w


async def test_new_subject_level_first_then_register() -> None:
    w = world(compatibility="FULL")
    reports = await w.run()
    assert w.registry.writes == [("set_level", "orders-value=FULL"), ("register", "orders-value")]
    status = w.status("orders")
    assert w.ready("orders")["message"] == "subject orders-value is as declared: version 1, id 1"
    assert (status["version"], status["id"], status["compatibility"], status["compatibilitySet"]) == (
        1,
        1,
        "FULL",
        "FULL",
    )
    assert status["schemaType"] == "AVRO"
    assert reports["orders"].retry is None
    assert reports["orders"].events == ()


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio", "Karapace", "Unknown"])
async def test_nothing_is_written_when_nothing_differs(flavour: str) -> None:
    """aiven-operator#1263, jikkou#431, #598, #639: endless changes."""
    w = world(MemoryRegistry(flavour), compatibility="BACKWARD", normalize=True)
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run()
    before = dict(w.resources)
    w.registry.calls.clear()
    reports = await w.run()
    assert w.registry.writes == []
    assert w.resources == before
    assert all(r.wakes == frozenset() for r in reports.values())


async def test_the_drift_probe_is_four_reads() -> None:
    w = world()
    await w.run()
    w.registry.calls.clear()
    await w.run()
    assert sorted(name for name, _ in w.registry.calls) == ["latest", "lookup", "mode", "subject_config"]


NEW = [
    pytest.param("Unknown", ["latest", "lookup", "mode", "register", "subject_config"], id="nothing tells more"),
    pytest.param("Karapace", ["latest", "lookup", "mode", "register", "subject_config"], id="Karapace neither"),
    pytest.param("Confluent", ["latest", "mode", "register", "subject_config"], id="registering tells the version"),
    pytest.param(
        "Apicurio", ["mode", "register", "subject_config", "version_of_id"], id="its config tells that it is not there"
    ),
]


@pytest.mark.parametrize("level", [None, "FULL"])
@pytest.mark.parametrize(("flavour", "asked"), NEW)
async def test_a_new_subject_costs_two_or_three_reads_one_write_and_maybe_a_question_for_its_version(
    flavour: str, asked: list[str], level: str | None
) -> None:
    w = world(MemoryRegistry(flavour), **({"compatibility": level} if level else {}))
    await w.run()
    more = ["set_level"] if level else []
    if level and flavour != "Apicurio":
        more.append("lookup")  # whether the registry can read the schema is to be known before a level is set
    assert sorted(name for name, _ in w.registry.calls) == sorted([*asked, *more])
    assert (w.status("orders")["version"], w.status("orders")["id"]) == (1, 1)


BEGUN = [
    pytest.param(lambda r: r.add("orders-value", SchemaBody(V1)), 2, "NONE", id="a version"),
    pytest.param(lambda r: r.levels.update({"orders-value": "FULL"}), 1, "FULL", id="a level before any version"),
    pytest.param(lambda r: _softly_deleted(r), 2, "NONE", id="a version that was deleted"),
]


def _softly_deleted(registry: MemoryRegistry) -> None:
    registry.add("orders-value", SchemaBody(V1))
    for version in registry.held["orders-value"]:
        version.deleted = True


@pytest.mark.parametrize(("begin", "version", "level"), BEGUN)
async def test_what_others_began_in_an_apicurio_is_seen(begin: Any, version: int, level: str) -> None:
    """Only where its answer to the config says that there is no such subject, nothing more is asked."""
    w = world(MemoryRegistry("Apicurio", level="NONE"), schema_=V2)
    begin(w.registry)
    await w.run()
    assert [name for name, _ in w.registry.calls if name == "latest"] == ["latest"]
    assert (w.status("orders")["version"], w.status("orders")["compatibility"]) == (version, level)


def many(count: int = MANY, **spec: Any) -> World:
    """So many new subjects in an Apicurio."""
    w = World(registry=MemoryRegistry("Apicurio", level="NONE"))
    for n in range(count):
        w.put(resource(f"s{n}", subject=f"s{n}", schema_=avro("a", name=f"R{n}"), **spec))
    return w


async def test_many_new_subjects_cost_one_list_in_place_of_a_question_about_each() -> None:
    w = many()
    await w.run()
    asked = Counter(name for name, _ in w.registry.calls)
    assert asked == {"subjects": 1, "mode": MANY, "register": MANY, "version_of_id": MANY}
    assert {w.status(f"s{n}")["version"] for n in range(MANY)} == {1}


async def test_of_many_those_that_the_list_has_are_asked_for() -> None:
    """Registered before a crash, by somebody else, and deleted softly: none of them counts as new."""
    w = many()
    w.registry.add("s0", SchemaBody(avro("a", name="R0")))
    w.registry.add("s1", SchemaBody(avro("b", name="R1")))
    w.registry.add("s2", SchemaBody(avro("b", name="R2")))
    w.registry.held["s2"][0].deleted = True
    await w.run()
    assert [w.status(f"s{n}")["version"] for n in range(4)] == [1, 2, 2, 1]
    assert sorted(s for name, s in w.registry.calls if name == "subject_config") == ["s0", "s1", "s2"]
    assert ("register", "s0") not in w.registry.writes


async def test_where_a_level_is_declared_the_one_in_force_is_asked_for_each() -> None:
    w = many(compatibility="FULL")
    w.registry.levels["s0"] = "FULL"
    await w.run()
    asked = Counter(name for name, _ in w.registry.calls)
    assert (asked["subjects"], asked["subject_config"], asked["set_level"]) == (0, MANY, MANY - 1)


async def test_a_few_subjects_and_a_registry_with_too_many_are_not_listed() -> None:
    few = many(MANY - 1)
    await few.run()
    assert ("subjects", "") not in few.registry.calls
    full = many()
    for n in range(NAMES * MANY + 1):
        full.registry.add(f"other{n}", SchemaBody(V1))
    await full.run()  # how many there are is known afterwards
    for n in range(MANY):
        full.put(resource(f"more{n}", subject=f"more{n}", schema_=avro("a", name=f"M{n}")))
    await full.run()
    assert [name for name, _ in full.registry.calls].count("subjects") == 1
    assert full.status("more0")["version"] == 1


async def test_without_the_right_to_list_subjects_each_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    w = many()

    async def refused(**_: Any) -> tuple[str, ...]:
        raise RegistryAuthenticationFailed("list the subjects: 403")

    monkeypatch.setattr(w.registry, "subjects", refused)
    await w.run()
    assert Counter(name for name, _ in w.registry.calls)["subject_config"] == MANY
    assert w.ready("s0")["status"] == "True"


async def test_what_was_registered_before_a_crash_is_not_registered_again_in_an_apicurio() -> None:
    w = world(MemoryRegistry("Apicurio"))
    w.registry.add("orders-value", SchemaBody(V1))  # and no status tells of it
    await w.run()
    assert w.registry.writes == []
    assert w.status("orders")["version"] == 1


async def test_a_subject_that_is_gone_costs_a_look_at_all_that_was_known_of_it() -> None:
    """Who has registered it before asks side by side: the answer that ends the questions seldom comes."""
    w = world(MemoryRegistry("Apicurio"))
    await w.run()
    w.registry.held.clear()
    w.registry.calls.clear()
    await w.run()
    assert [name for name, _ in w.registry.calls if name == "latest"] == ["latest"]
    assert w.status("orders")["drift"][0]["found"] == "not registered"


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio"])
async def test_whether_metadata_and_rules_were_stored_only_the_look_up_tells(flavour: str) -> None:
    w = world(MemoryRegistry("Confluent", drops_contract=flavour == "Apicurio"), **CONTRACT)
    await w.run()
    names = [name for name, _ in w.registry.calls]
    assert "lookup" in names[names.index("register") :]
    assert (w.ready("orders")["status"] == "True") is (flavour == "Confluent")


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio"])
async def test_a_mode_that_is_set_before_there_is_a_version_is_respected(flavour: str) -> None:
    w = world(MemoryRegistry(flavour))
    w.registry.modes["orders-value"] = "READONLY"
    await w.run()
    assert w.ready("orders")["reason"] == "RegistryReadOnly"
    assert w.registry.writes == []


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio"])
async def test_what_others_reference_is_the_version_that_registering_made(flavour: str) -> None:
    """Somebody registers another version between the look and the writing."""
    w = world(MemoryRegistry(flavour))
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    register = w.registry.register

    async def late(subject: str, *args: Any) -> Any:
        if subject == "orders-value":
            w.registry.add(subject, SchemaBody(V2))
        return await register(subject, *args)

    w.registry.register = late  # type: ignore[method-assign]
    await w.run()
    assert w.status("orders")["version"] == 2
    assert w.status("carts")["references"] == ["orders-value:2"]


@pytest.mark.parametrize("together", [True, False])
async def test_what_was_registered_a_moment_ago_is_not_read_for_who_references_it(together: bool) -> None:
    w = world()
    if not together:
        await w.run("orders")
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run()
    assert w.status("carts")["version"] == 1
    assert not [call for call in w.registry.calls if call[0] == "version"]


async def test_what_is_remembered_of_a_subject_that_was_made_anew_does_no_harm() -> None:
    other = json.dumps({"type": "record", "name": "Order", "namespace": "store", "fields": []})
    w = world(schema_=other)
    await w.run("orders")  # remembered: its record is store.Order
    w.registry.held.clear()
    w.registry.add("orders-value", SchemaBody(V1))  # by hand, as version 1 again
    w.put(resource("carts", schema_=USES, references=[{"name": "shop.Order", "subject": "orders-value", "version": 1}]))
    await w.run("carts")
    assert w.ready("carts")["status"] == "True"


async def test_what_is_remembered_of_a_subject_that_is_gone_is_no_reason_to_blame_the_schema() -> None:
    w = world()
    await w.run("orders")
    w.registry.held.clear()
    to_orders = [{"name": "shop.Order", "subject": "orders-value", "version": 1}]
    w.put(resource("carts", schema_=USES, references=to_orders))
    reports = await w.run("carts")
    assert w.ready("carts")["reason"] == "ReferenceNotReady"
    assert "the registry has no subject orders-value with version 1" in w.ready("carts")["message"]
    assert reports["carts"].retry == "backoff"


async def test_layers_of_references_are_not_read_again_while_they_come_in_for_minutes() -> None:
    """Each batch read again what it references, directly or not, once that was ten seconds old: 2.4 requests a schema."""
    clock = 0.0
    w = World(registry=MemoryRegistry())
    recent_of(w.registry)._clock = lambda: clock
    below: str | None = None
    for layer in range(5):
        name = f"r{layer}"
        fields = [{"name": "x", "type": f"shop.R{layer - 1}"}] if below else []
        references = [{"name": f"shop.R{layer - 1}", "schemaRef": {"name": below}}] if below else []
        w.put(resource(name, schema_=avro(*fields, name=f"R{layer}"), references=references))
        await w.run(name)
        assert w.ready(name)["status"] == "True"
        clock, below = clock + 45, name
    assert not [call for call in w.registry.calls if call[0] == "version"]


@pytest.mark.parametrize("flavour", ["Karapace", "Unknown"])
async def test_what_the_registry_holds_is_read_anew_where_it_is_compared_with_the_spec(flavour: str) -> None:
    """A subject is made anew by hand with other references, while the version of that number is remembered."""
    w = world(MemoryRegistry(flavour))
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run()
    w.registry.add("orders-value", SchemaBody(V2))
    del w.registry.held["carts-value"]
    w.registry.add("carts-value", SchemaBody(USES, references=(Reference("shop.Order", "orders-value", 2),)))
    w.registry.add("carts-value", SchemaBody(avro(name="Cart")))
    w.registry._same = lambda held, body: held.schema == body.schema  # type: ignore[method-assign]
    await w.run("carts")
    assert [d["field"] for d in w.status("carts")["drift"]] == ["version"]


async def test_many_ways_to_the_same_version_are_walked_once() -> None:
    """Forty layers of two that both reference both of the layer below: two to the power of forty ways."""
    registry = MemoryRegistry()
    below: tuple[Reference, ...] = ()
    for layer in range(40):
        here = []
        for side in "ab":
            name = f"L{layer}{side}"
            fields = [{"name": f"f{n}", "type": r.name} for n, r in enumerate(below)]
            registry.add(
                name, SchemaBody(json.dumps({"type": "record", "name": name, "fields": fields}), "AVRO", below)
            )
            here.append(Reference(name, name, 1))
        below = tuple(here)
    registry._compatible = lambda *_: Verdict(True)  # type: ignore[method-assign]
    text = json.dumps({"type": "record", "name": "Order", "fields": [{"name": "o", "type": "L39a"}]})
    references = [{"name": r.name, "subject": r.subject, "version": r.version} for r in below]
    w = world(registry, schema_=text, references=references)
    await asyncio.wait_for(w.run(), 20)
    assert w.ready("orders")["status"] == "True"
    assert Counter(name for name, _ in registry.calls)["version"] == 80


async def test_versions_that_reference_each_other_in_a_circle_are_refused() -> None:
    registry = MemoryRegistry()
    registry.add("a", SchemaBody(avro("x"), "AVRO", (Reference("b", "b", 1),)))
    registry.add("b", SchemaBody(avro("x"), "AVRO", (Reference("a", "a", 1),)))
    w = world(registry, references=[{"name": "a", "subject": "a", "version": 1}])
    await asyncio.wait_for(w.run(), 20)
    assert w.ready("orders")["reason"] == "InvalidSchema"
    assert "circle: " in w.ready("orders")["message"]


async def test_layout_of_the_text_makes_no_version() -> None:
    w = world()
    await w.run()
    w.edit("orders", schema_=json.dumps(json.loads(V1), indent=4))
    await w.run()
    assert w.registry.writes == [("register", "orders-value")]
    assert w.status("orders")["version"] == 1


async def test_doc_only_change_is_registered() -> None:
    """schema-registry-gitops#26: a comparison of canonical forms misses it."""
    w = world()
    await w.run()
    w.edit("orders", schema_=avro("a", doc="what it is"))
    await w.run()
    assert w.status("orders")["version"] == 2


async def test_reference_only_change_is_registered() -> None:
    """jikkou#790."""
    w = world()
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run()
    w.edit("orders", schema_=V2)
    reports = await w.run("orders")
    assert reports["orders"].wakes == {Key("KafkaSchema", "shop", "carts")}
    await w.run("carts")
    assert w.status("carts")["references"] == ["orders-value:2"]
    assert w.status("carts")["version"] == 2
    assert "drift" not in w.status("orders")
    assert "drift" not in w.status("carts")


async def test_reference_only_change_where_the_look_up_goes_by_text_alone() -> None:
    """Karapace's look-up answers no references; Confluent's finds a version with references for a body without any."""
    registry = MemoryRegistry("Karapace")
    w = world(registry)
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run()
    w.edit("orders", schema_=V2)
    registry._same = lambda held, body: held.schema == body.schema  # type: ignore[method-assign]
    await w.run("orders")
    registry.calls.clear()
    w.edit("carts")
    await w.run("carts")
    assert ("register", "carts-value") in registry.writes


async def test_incompatible_change_leaves_the_registry_untouched() -> None:
    w = world()
    await w.run()
    held = list(w.registry.live("orders-value"))
    w.registry.calls.clear()
    w.edit("orders", schema_=BROKEN)
    reports = await w.run()
    ready = w.ready("orders")
    assert ready["reason"] == "IncompatibleSchema"
    assert "Order.b: field b was added without a default" in ready["message"]
    assert "nothing was changed" in ready["message"]
    assert w.registry.writes == []
    assert w.registry.live("orders-value") == held
    assert reports["orders"].retry is None
    assert [e.reason for e in reports["orders"].events] == ["IncompatibleSchema"]


async def test_the_registry_is_the_judge_while_the_level_stays() -> None:
    """Its refusal stands where the local check finds nothing, and the other way round."""
    w = world(MemoryRegistry(verdict=Verdict(False, ("a rule of its own",))))
    w.registry.add("orders-value", SchemaBody(V1))
    w.edit("orders", schema_=V2)
    await w.run()
    assert "the registry says: a rule of its own" in w.ready("orders")["message"]
    w.registry.verdict = Verdict(True)
    w.edit("orders", schema_=BROKEN)
    await w.run()
    assert w.ready("orders")["status"] == "True"


async def test_local_check_is_the_gate_when_the_level_changes_too() -> None:
    w = world(MemoryRegistry(level="NONE"))
    await w.run()
    w.registry.calls.clear()
    w.edit("orders", schema_=BROKEN, compatibility="BACKWARD")
    await w.run()
    assert w.ready("orders")["reason"] == "IncompatibleSchema"
    assert "breaks BACKWARD, which spec.compatibility is about to set" in w.ready("orders")["message"]
    assert w.registry.writes == []


@pytest.mark.parametrize(
    ("before", "undone"),
    [(None, ("delete_config", "orders-value")), ("FORWARD", ("set_level", "orders-value=FORWARD"))],
    ids=["no level before", "another level before"],
)
async def test_level_is_put_back_when_the_registry_refuses_after_it(
    before: str | None, undone: tuple[str, str]
) -> None:
    w = world()
    w.registry.add("orders-value", SchemaBody(V1))
    if before:
        w.registry.levels["orders-value"] = before
    w.registry.refuse_register = IncompatibleSchema("register subject orders-value: no (HTTP 409)")
    w.edit("orders", schema_=V2, compatibility="FULL")
    await w.run()
    assert w.registry.writes == [("set_level", "orders-value=FULL"), ("register", "orders-value"), undone]
    assert w.registry.levels.get("orders-value") == before
    assert w.ready("orders")["reason"] == "IncompatibleSchema"
    assert "compatibilitySet" not in w.status("orders")


async def test_a_level_that_was_set_is_told_when_registering_fails_otherwise() -> None:
    w = world(compatibility="FULL")
    w.registry.refuse_register = RegistryUnreachable("register subject orders-value: gone")
    reports = await w.run()
    assert w.status("orders")["compatibilitySet"] == "FULL"
    assert reports["orders"].retry == "backoff"
    w.registry.refuse_register = None
    await w.run()
    assert w.ready("orders")["status"] == "True"
    assert w.ready("orders")["reason"] == "Reconciled"


async def test_config_that_needs_the_subject_waits_for_it() -> None:
    """aiven-operator#1263: a registry that answers 404 to config on a new subject."""
    w = world(MemoryRegistry(config_needs_subject=True), compatibility="FULL")
    await w.run()
    assert w.ready("orders")["status"] == "True"
    assert w.registry.levels == {"orders-value": "FULL"}
    assert w.status("orders")["compatibilitySet"] == "FULL"


UNSET = [
    pytest.param("FULL", None, True, id="set by kafkade, unchanged: removed"),
    pytest.param("FULL", "BACKWARD_TRANSITIVE", False, id="changed by hand since: left alone"),
]


@pytest.mark.parametrize(("ours", "by_hand", "removed"), UNSET)
async def test_taking_compatibility_out_of_the_spec(ours: str, by_hand: str | None, removed: bool) -> None:
    """aiven-operator#1264, #1276."""
    w = world(compatibility=ours)
    await w.run()
    if by_hand:
        w.registry.levels["orders-value"] = by_hand
    w.edit("orders", compatibility=None)
    w.registry.calls.clear()
    await w.run()
    assert bool(w.registry.writes) is removed
    assert ("orders-value" not in w.registry.levels) is removed
    assert "compatibilitySet" not in w.status("orders")
    assert w.status("orders")["compatibility"] == (by_hand or "BACKWARD")


@pytest.mark.parametrize(
    ("found", "removed"), [pytest.param("FULL", True, id="set before"), pytest.param("NONE", False, id="not set")]
)
async def test_a_level_is_announced_so_that_a_crash_leaves_no_doubt(found: str, removed: bool) -> None:
    w = world()
    w.registry.levels["orders-value"] = found
    key = Key("KafkaSchema", "shop", "orders")
    await w.announce(w.resources[key], {"compatibilityAnnounced": "FULL"})  # as a crash leaves it
    await w.run()
    assert ("orders-value" not in w.registry.levels) is removed
    assert not {"compatibilitySet", "compatibilityAnnounced"} & w.status("orders").keys()


async def test_a_level_that_kafkade_set_before_a_crash_is_known_as_its_own() -> None:
    w = world(compatibility="FULL")
    w.registry.levels["orders-value"] = "FULL"
    await w.announce(w.resources[Key("KafkaSchema", "shop", "orders")], {"compatibilityAnnounced": "FULL"})
    await w.run()
    assert w.status("orders")["compatibilitySet"] == "FULL"
    assert "compatibilityAnnounced" not in w.status("orders")


async def test_a_level_that_was_there_before_is_not_taken_away() -> None:
    w = world(compatibility="FULL")
    w.registry.levels["orders-value"] = "FULL"
    await w.run()
    assert "compatibilitySet" not in w.status("orders")
    w.edit("orders", compatibility=None)
    await w.run()
    assert w.registry.levels["orders-value"] == "FULL"


@pytest.mark.parametrize(("flavour", "own"), [("Apicurio", True), ("Confluent", False)])
async def test_a_level_of_none_that_was_there_before(flavour: str, own: bool) -> None:
    """Apicurio says NONE of a subject that has no level, so that it was declared by nobody."""
    w = world(MemoryRegistry(flavour), compatibility="NONE")
    w.registry.levels["orders-value"] = "NONE"
    await w.run()
    assert w.status("orders").get("compatibilitySet") == ("NONE" if own else None)


async def test_other_settings_of_the_subject_survive() -> None:
    w = world(compatibility="FULL")
    w.registry.other_settings["orders-value"] = ("normalize",)
    await w.run()
    w.edit("orders", compatibility=None)
    await w.run()
    assert w.registry.other_settings == {"orders-value": ("normalize",)}
    assert "orders-value" not in w.registry.levels


async def test_cluster_defaults_hold_where_the_spec_is_silent() -> None:
    w = world()
    w.cluster = {"schemaDefaults": {"compatibility": "FULL_TRANSITIVE", "deletionPolicy": "SoftDelete"}}
    await w.run()
    assert w.registry.levels["orders-value"] == "FULL_TRANSITIVE"
    assert FINALIZER in w.resources[Key("KafkaSchema", "shop", "orders")].finalizers


async def test_level_changed_by_hand_is_drift_and_set_back() -> None:
    w = world(compatibility="FULL")
    await w.run()
    w.registry.levels["orders-value"] = "NONE"
    await w.run()
    assert w.registry.levels["orders-value"] == "FULL"
    assert w.status("orders")["drift"] == [
        {"field": "compatibility", "expected": "FULL", "found": "NONE", "repaired": True}
    ]


@pytest.mark.parametrize("permanent", [False, True], ids=["soft", "hard"])
async def test_subject_deleted_by_hand_is_registered_again(permanent: bool) -> None:
    w = world()
    await w.run()
    await w.registry.delete_subject("orders-value", permanent=False)
    if permanent:
        await w.registry.delete_subject("orders-value", permanent=True)
    await w.run()
    (drift,) = w.status("orders")["drift"]
    assert drift == {"field": "version", "expected": "1", "found": "not registered", "repaired": True}
    assert w.status("orders")["version"] == (1 if permanent else 2)
    assert w.ready("orders")["status"] == "True"


async def test_a_newer_version_by_hand_is_told_and_left_alone() -> None:
    w = world()
    await w.run()
    w.registry.add("orders-value", SchemaBody(V2))
    w.registry.calls.clear()
    await w.run()
    await w.run()
    assert w.registry.writes == []
    assert w.status("orders")["drift"] == [{"field": "latest", "expected": "1", "found": "2", "repaired": False}]
    assert w.ready("orders")["status"] == "True"
    assert "version 2 is newer than what is declared here" in w.ready("orders")["message"]
    w.edit("orders", schema_=V2)
    await w.run()
    assert "drift" not in w.status("orders")


async def test_a_subject_that_others_began_gets_the_next_version() -> None:
    w = world(schema_=V2)
    w.registry.add("orders-value", SchemaBody(V1))
    await w.run()
    assert w.status("orders")["version"] == 2


async def test_batch_goes_in_the_order_of_references() -> None:
    w = World(registry=MemoryRegistry())
    w.put(resource("carts", schema_=USES, references=TO_ORDERS), resource("orders", schema_=V1))
    reports = await w.run("carts", "orders")
    assert [s for n, s in w.registry.writes] == ["orders-value", "carts-value"]
    assert w.status("carts")["references"] == ["orders-value:1"]
    assert reports["orders"].wakes == frozenset()


def referring() -> World:
    w = world()
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    return w


async def test_the_next_batch_knows_what_the_last_one_registered_before_a_status_tells_of_it() -> None:
    w = referring()
    reports = await w.look("orders")
    assert reports["orders"].wakes == {Key("KafkaSchema", "shop", "carts")}
    assert w.status("orders") == {}
    await w.run("carts")
    assert w.status("carts")["references"] == ["orders-value:1"]


async def test_only_the_next_batch_goes_by_the_last_one_and_not_by_its_status() -> None:
    w = referring()
    w.put(resource("others", schema_=avro("a", name="Other")))
    await w.look("orders")
    await w.look("others")
    await w.run("carts")
    assert w.ready("carts")["reason"] == "ReferenceNotReady"


async def test_what_a_plan_foresees_nobody_takes_for_registered() -> None:
    w = referring()
    await w.plans()
    await w.run("carts")
    assert w.ready("carts")["reason"] == "ReferenceNotReady"
    assert w.registry.writes == []


@pytest.mark.parametrize("since", ["its spec changed", "it is being deleted", "it was made anew"])
async def test_what_the_last_batch_registered_is_not_for_a_resource_that_is_another_one_since(since: str) -> None:
    w = referring()
    await w.look("orders")
    if since == "its spec changed":
        w.edit("orders", schema_=V2)
    elif since == "it is being deleted":
        w.delete("orders")
    else:
        w.put(replace(resource(schema_=V1), uid="another"))
    await w.run("carts")
    assert w.ready("carts")["reason"] == "ReferenceNotReady"
    await w.run("orders", "carts")
    if since != "it is being deleted":
        assert w.status("carts")["references"] == [f"orders-value:{2 if since == 'its spec changed' else 1}"]


async def test_who_references_another_waits_for_that_one_and_for_no_neighbour_of_it() -> None:
    w = World(registry=MemoryRegistry())
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    w.put(resource(schema_=V1), resource("slow", schema_=avro("a", name="Slow")))
    register, done = w.registry.register, asyncio.Event()

    async def held_up(subject: str, *args: Any) -> Any:
        if subject == "slow-value":
            await done.wait()
        answer = await register(subject, *args)
        if subject == "carts-value":
            done.set()
        return answer

    w.registry.register = held_up  # type: ignore[method-assign]
    await asyncio.wait_for(w.run(), 20)
    assert [s for n, s in w.registry.writes] == ["orders-value", "carts-value", "slow-value"]


async def test_nothing_of_a_batch_goes_on_after_a_defect_ended_it() -> None:
    """The engine works on all of it again, in parts: two at work on one resource would not know of each other."""
    w = World(registry=MemoryRegistry())
    w.put(resource(schema_=V1), resource("slow", schema_=avro("a", name="Slow")))
    latest, ended = w.registry.latest, asyncio.Event()

    async def broken(subject: str) -> Any:
        if subject == "orders-value":
            raise ZeroDivisionError
        await ended.wait()
        return await latest(subject)

    w.registry.latest = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        await w.run()
    ended.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert w.registry.writes == []


NOT_READY = [
    pytest.param({}, "does not exist", id="not there"),
    pytest.param({"generation": 2}, "is not registered as its spec says yet", id="Ready for an older generation"),
    pytest.param({"deleted": "2026-01-01T00:00:00Z"}, "is being deleted", id="in deletion"),
]


@pytest.mark.parametrize(("change", "told"), NOT_READY)
async def test_references_must_be_ready(change: dict[str, Any], told: str) -> None:
    w = world()
    await w.run()
    key = Key("KafkaSchema", "shop", "orders")
    if change:
        w.put(replace(w.resources[key], **change))
    else:
        del w.resources[key]
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    reports = await w.run("carts")
    assert w.ready("carts")["reason"] == "ReferenceNotReady"
    assert told in w.ready("carts")["message"]
    assert reports["carts"].retry == "backoff"
    assert reports["carts"].events == ()


async def test_a_reference_into_another_cluster_is_refused() -> None:
    w = world()
    await w.run()
    w.put(resource("carts", schema_=USES, references=TO_ORDERS, clusterRef={"name": "other"}))
    await w.run("carts")
    assert w.ready("carts")["reason"] == "InvalidSpec"
    assert "another KafkaCluster" in w.ready("carts")["message"]


async def test_whom_a_first_version_wakes() -> None:
    w = world()
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run("carts")
    reports = await w.run("orders")
    assert reports["orders"].wakes == {Key("KafkaSchema", "shop", "carts")}


async def test_a_ring_is_named_and_harms_nobody_else() -> None:
    w = world()
    w.put(
        resource("x", schema_=USES, references=[{"name": "y", "schemaRef": {"name": "y"}}]),
        resource("y", schema_=USES, references=[{"name": "x", "schemaRef": {"name": "x"}}]),
        resource("z", schema_=USES, references=[{"name": "x", "schemaRef": {"name": "x"}}]),
    )
    await w.run()
    assert w.ready("x")["reason"] == w.ready("y")["reason"] == "ReferenceCycle"
    assert "shop/x -> shop/y -> shop/x" in w.ready("x")["message"]
    assert w.ready("z")["reason"] == "ReferenceNotReady"
    assert w.ready("orders")["status"] == "True"


async def test_references_by_subject_and_version() -> None:
    w = World(registry=MemoryRegistry())
    w.registry.add("shared", SchemaBody(V1))
    w.put(resource("carts", schema_=USES, references=[{"name": "shop.Order", "subject": "shared", "version": 1}]))
    await w.run()
    assert w.registry.live("carts-value")[0].references == (Reference("shop.Order", "shared", 1),)


async def test_invalid_text_is_named_and_nothing_is_asked_of_the_registry_but_reads() -> None:
    w = world(schema_='{"type": "record", "name": "R", "fields": [{"name": "f", "type": "nope"}]}')
    await w.run()
    assert w.ready("orders")["reason"] == "InvalidSchema"
    assert 'R.f: unknown type "nope"' in w.ready("orders")["message"]
    assert w.registry.writes == []


async def test_text_from_a_config_map() -> None:
    w = World(registry=MemoryRegistry())
    w.put(resource(schemaFrom={"configMapKeyRef": {"name": "c", "key": "k"}}))
    reports = await w.run()
    assert w.ready("orders")["reason"] == "ConfigMapNotFound"
    assert reports["orders"].retry == "backoff"
    w.config_maps["shop", "c", "k"] = V1
    await w.run()
    assert w.status("orders")["version"] == 1


async def test_topic_ref() -> None:
    w = World(registry=MemoryRegistry())
    w.put(replace(resource(topicRef={"name": "t"}, part="key", schema_=V1)))
    await w.run()
    assert w.ready("orders")["reason"] == "TopicNotFound"
    w.put(resource("t", kind="KafkaTopic", topicName="shop.t"))
    await w.run()
    assert w.status("orders")["subject"] == "shop.t-key"


MODES = [
    pytest.param("READONLY", {}, True, id="READONLY takes nothing"),
    pytest.param("READONLY_OVERRIDE", {}, True, id="READONLY_OVERRIDE takes nothing"),
    pytest.param("IMPORT", {}, True, id="IMPORT takes no schema without an id"),
    pytest.param("READWRITE", {}, False, id="READWRITE"),
]


@pytest.mark.parametrize(("mode", "spec", "refused"), MODES)
async def test_modes(mode: str, spec: dict[str, Any], refused: bool) -> None:
    w = world(**spec)
    w.registry.modes["orders-value"] = mode
    reports = await w.run()
    assert (w.ready("orders")["reason"] == "RegistryReadOnly") is refused
    assert bool(w.registry.writes) is not refused
    assert w.status("orders")["mode"] == mode
    assert reports["orders"].retry == ("backoff" if refused else None)


async def test_read_only_is_fine_while_nothing_must_be_written() -> None:
    w = world()
    await w.run()
    w.registry.modes["orders-value"] = "READONLY"
    await w.run()
    assert w.ready("orders")["status"] == "True"
    assert w.status("orders")["mode"] == "READONLY"


CONTRACT = {"metadata": {"properties": {"owner": "shop"}}, "ruleSet": {"domainRules": [{"name": "r", "type": "CEL"}]}}


async def test_metadata_and_rules_are_registered_where_they_are_stored() -> None:
    w = world(**CONTRACT)
    await w.run()
    held = w.registry.live("orders-value")[0]
    assert held.metadata == {"properties": {"owner": "shop"}}
    assert held.rule_set == {"domainRules": [{"name": "r", "type": "CEL"}]}
    w.registry.calls.clear()
    await w.run()
    assert w.registry.writes == []


@pytest.mark.parametrize("flavour", ["Apicurio", "Karapace"])
async def test_metadata_is_refused_before_anything_is_written_where_it_would_be_dropped(flavour: str) -> None:
    w = world(MemoryRegistry(flavour), compatibility="FULL", **CONTRACT)
    await w.run()
    assert w.ready("orders")["reason"] == "NotSupportedByCluster"
    assert "spec.metadata and spec.ruleSet" in w.ready("orders")["message"]
    assert w.registry.writes == []


async def test_a_registry_of_unknown_kind_that_drops_metadata_is_written_to_once() -> None:
    w = world(MemoryRegistry("Unknown", drops_contract=True), **CONTRACT)
    await w.run()
    assert w.ready("orders")["reason"] == "NotSupportedByCluster"
    assert w.registry.writes == [("register", "orders-value")]
    await w.run()
    await w.run()
    assert w.ready("orders")["reason"] == "NotSupportedByCluster"
    assert w.registry.writes == [("register", "orders-value")]


async def test_karapace_has_no_references_between_json_schemas() -> None:
    w = World(registry=MemoryRegistry("Karapace"))
    w.registry.add("shared", SchemaBody("{}", "JSON"))
    reference = {"name": "x.json", "subject": "shared", "version": 1}
    w.put(resource(schemaType="JSON", schema_='{"$ref": "x.json"}', references=[reference]))
    await w.run()
    assert w.ready("orders")["reason"] == "NotSupportedByCluster"
    assert "44302" in w.ready("orders")["message"]
    assert w.registry.writes == []


async def test_apicurio_is_not_asked_for_what_it_cannot_check() -> None:
    """Its compatibility check knows no references; registering does, and its refusal is explained locally."""
    w = world(MemoryRegistry("Apicurio"))
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    await w.run()
    w.registry.calls.clear()
    w.edit("carts", schema_=USES.replace('"fields": [', '"fields": [{"name": "n", "type": "int"}, '))
    await w.run("carts")
    assert ("compatible", "carts-value") not in w.registry.calls
    assert w.ready("carts")["reason"] == "IncompatibleSchema"
    assert "Cart.n: field n was added without a default" in w.ready("carts")["message"]


async def test_the_loser_of_a_subject_neither_registers_nor_deletes() -> None:
    other = Key("KafkaSchema", "shop", "older")
    w = world(deletionPolicy="HardDelete")
    w.registry.add("orders-value", SchemaBody(V1))
    w.rivals[Key("KafkaSchema", "shop", "orders"), "orders-value"] = other
    w.edit("orders", schema_=V2)
    reports = await w.run()
    assert w.ready("orders")["reason"] == "SubjectConflict"
    assert str(other) in w.ready("orders")["message"]
    assert "version" not in w.status("orders")
    assert reports["orders"].retry is None
    w.delete("orders")
    reports = await w.run()
    assert reports["orders"].release
    assert w.registry.writes == []


async def test_who_loses_later_does_not_delete_either() -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    w.rivals[Key("KafkaSchema", "shop", "orders"), "orders-value"] = Key("KafkaSchema", "shop", "older")
    w.delete("orders")
    await w.run()
    assert w.registry.live("orders-value")


async def test_a_subject_outside_of_the_grant() -> None:
    w = world()
    w.grants[Key("KafkaSchema", "shop", "orders")] = Grant(subject_prefixes=("team-",))
    await w.run()
    assert w.ready("orders")["reason"] == "NotAllowed"
    assert w.registry.calls == []


async def test_a_reference_to_a_subject_outside_of_the_grant() -> None:
    """The registry would not let its owner delete it any more."""
    reference = {"name": "shop.Money", "subject": "finance-money", "version": 1}
    w = world(references=[reference])
    w.grants[Key("KafkaSchema", "shop", "orders")] = Grant(subject_prefixes=("orders-",))
    await w.run()
    assert w.ready("orders")["reason"] == "NotAllowed"
    assert "subject finance-money" in w.ready("orders")["message"]
    assert w.registry.calls == []


async def test_no_registry() -> None:
    w = world()
    w.registry = None
    reports = await w.run()
    assert w.ready("orders")["reason"] == "InvalidSpec"
    assert w.ready("orders")["message"].startswith(f"{CLUSTER} has no spec.schemaRegistry")
    assert reports["orders"].retry is None


OUTAGES = [
    pytest.param(RegistryUnreachable("nothing answers"), id="unreachable"),
    pytest.param(RegistryAuthenticationFailed("401"), id="refused"),
]


@pytest.mark.parametrize("error", OUTAGES)
async def test_a_registry_that_is_down_is_told_by_all_and_tried_again(error: KafkadeError) -> None:
    w = world()
    w.put(resource("other", schema_=V1))
    w.registry.down = error
    reports = await w.run()
    assert {r.retry for r in reports.values()} == {"backoff"}
    assert w.ready("orders")["reason"] == w.ready("other")["reason"] == error.reason
    w.registry.down = None
    reports = await w.run()
    assert [e.reason for e in reports["orders"].events] == ["Recovered"]


async def test_one_bad_subject_does_not_touch_its_neighbours() -> None:
    w = world(schema_="{")
    w.put(resource("good", schema_=V1))
    await w.run()
    assert w.ready("orders")["reason"] == "InvalidSchema"
    assert w.ready("good")["status"] == "True"


OBSERVED = [
    pytest.param({"compatibility": "FULL"}, ["compatibility", "version"], id="nothing there"),
    pytest.param({}, ["version"], id="not registered"),
]


@pytest.mark.parametrize(("spec", "fields"), OBSERVED)
async def test_observe_tells_and_never_writes(spec: dict[str, Any], fields: list[str]) -> None:
    w = world(managementPolicy="Observe", deletionPolicy="HardDelete", **spec)
    await w.run()
    assert w.registry.writes == []
    assert [d["field"] for d in w.status("orders")["drift"]] == fields
    assert not any(d["repaired"] for d in w.status("orders")["drift"])
    assert (w.ready("orders")["status"], w.ready("orders")["reason"]) == ("False", "Observed")
    assert w.resources[Key("KafkaSchema", "shop", "orders")].finalizers == ()
    w.edit("orders", managementPolicy="Full")
    await w.run()
    assert "drift" not in w.status("orders")
    w.edit("orders", managementPolicy="Observe")
    w.registry.calls.clear()
    await w.run()
    assert w.ready("orders")["status"] == "True"
    w.delete("orders")
    await w.run()
    assert w.registry.writes == []


@pytest.mark.parametrize(
    ("policy", "there", "told"),
    [
        pytest.param("Full", False, "orders-value:1", id="about to be registered"),
        pytest.param("Observe", True, "orders-value:1", id="observed and there"),
        pytest.param("Observe", False, "ReferenceNotReady", id="observed and not there"),
    ],
)
async def test_a_plan_counts_a_referenced_schema_only_if_somebody_registers_it(
    policy: str, there: bool, told: str
) -> None:
    w = world(managementPolicy=policy)
    w.put(resource("carts", schema_=USES, references=TO_ORDERS))
    if there:
        w.registry.add("orders-value", SchemaBody(V1))
    planned = (await w.plans())["carts"]
    if planned.error is not None:
        assert (planned.error.reason, planned.steps) == (told, ())
    else:
        assert [told in step.change for step in planned.steps] == [True]
    assert w.registry.writes == []
    await w.run()
    assert (w.status("carts").get("references") or [w.ready("carts")["reason"]]) == [told], "as the operator does it"


DELETIONS = [
    pytest.param("Retain", [], id="Retain keeps it"),
    pytest.param("SoftDelete", ["orders-value"], id="SoftDelete"),
    pytest.param("HardDelete", ["orders-value", "orders-value permanent"], id="HardDelete: soft first (jikkou#674)"),
]


@pytest.mark.parametrize(("policy", "deletes"), DELETIONS)
async def test_deletion(policy: str, deletes: list[str]) -> None:
    w = world(deletionPolicy=policy)
    await w.run()
    assert bool(w.resources[Key("KafkaSchema", "shop", "orders")].finalizers) is bool(deletes)
    w.registry.calls.clear()
    w.delete("orders")
    reports = await w.run()
    assert reports["orders"].release
    assert [s for n, s in w.registry.writes if n == "delete_subject"] == deletes


@pytest.mark.parametrize("gone", ["soft", "hard"])
async def test_deleting_what_is_gone_already(gone: str) -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    await w.registry.delete_subject("orders-value", permanent=False)
    if gone == "hard":
        await w.registry.delete_subject("orders-value", permanent=True)
    w.delete("orders")
    reports = await w.run()
    assert reports["orders"].release
    assert w.registry.held == {}


async def test_deletion_protection() -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    key = Key("KafkaSchema", "shop", "orders")
    w.put(replace(w.resources[key], annotations={ANNOTATION_DELETION_PROTECTION: "true"}))
    w.delete("orders")
    reports = await w.run()
    assert not reports["orders"].release
    assert w.ready("orders")["reason"] == "DeletionProtected"
    assert reports["orders"].retry is None
    assert w.registry.live("orders-value")


async def test_deletion_waits_for_referrers_and_names_them() -> None:
    """Dangling references after a delete: Apicurio PR#6263."""
    w = world(deletionPolicy="SoftDelete")
    w.put(resource("carts", schema_=USES, references=TO_ORDERS, deletionPolicy="HardDelete"))
    await w.run()
    w.delete("orders")
    reports = await w.run("orders")
    assert w.ready("orders")["reason"] == "ReferencedBy"
    assert "shop/carts" in w.ready("orders")["message"]
    assert reports["orders"].retry == "backoff"
    w.delete("carts")
    reports = await w.run("orders", "carts")
    assert all(r.release for r in reports.values())
    assert w.registry.live("orders-value") == []


async def test_what_never_registered_just_goes() -> None:
    w = world(schema_=BROKEN, deletionPolicy="HardDelete")
    w.registry.add("orders-value", SchemaBody(V1))
    await w.run()
    w.delete("orders")
    reports = await w.run()
    assert reports["orders"].release
    assert w.registry.live("orders-value")


async def test_what_was_refused_by_the_registry_just_goes() -> None:
    """The finalizer was on already; whoever registered the same schema since is not deleted with it."""
    w = world(deletionPolicy="HardDelete")
    w.registry.refuse_register = IncompatibleSchema("register subject orders-value: no (HTTP 409)")
    await w.run()
    assert FINALIZER in w.resources[Key("KafkaSchema", "shop", "orders")].finalizers
    w.registry.add("orders-value", SchemaBody(V1))
    w.delete("orders")
    await w.run()
    assert w.resources == {}
    assert w.registry.live("orders-value")


CHECKS = [
    pytest.param("Confluent", "BACKWARD", False, id="Confluent: as registering checks"),
    pytest.param("Confluent", "BACKWARD_TRANSITIVE", False, id="Confluent, transitive"),
    pytest.param("Karapace", "FULL_TRANSITIVE", True, id="Karapace has only the one form"),
    pytest.param("Apicurio", "FULL", True, id="Apicurio: the latest alone"),
    pytest.param("Apicurio", "FULL_TRANSITIVE", False, id="Apicurio, transitive: all"),
]


@pytest.mark.parametrize(("flavour", "level", "latest"), CHECKS)
async def test_the_form_of_the_compatibility_check(flavour: str, level: str, latest: bool) -> None:
    w = world(MemoryRegistry(flavour), compatibility=level)
    await w.run()
    asked: list[bool] = []
    original = w.registry.compatible

    async def compatible(*args: Any, latest: bool = False) -> Verdict:
        asked.append(latest)
        return await original(*args)

    w.registry.compatible = compatible
    w.edit("orders", schema_=V2)
    await w.run()
    assert asked == [latest]


async def test_under_none_nobody_is_asked() -> None:
    """Apicurio's check goes by BACKWARD where there is no rule."""
    w = world(MemoryRegistry("Apicurio", level="NONE"))
    await w.run()
    w.edit("orders", schema_=BROKEN)
    await w.run()
    assert w.status("orders")["version"] == 2
    assert not [c for c in w.registry.calls if c[0] == "compatible"]


async def test_a_refusal_of_registering_is_explained_too() -> None:
    w = world(MemoryRegistry(verdict=Verdict(True)))
    await w.run()
    w.registry.refuse_register = IncompatibleSchema("register subject orders-value: no (HTTP 409)")
    w.edit("orders", schema_=BROKEN)
    await w.run()
    message = w.ready("orders")["message"]
    assert message.startswith("register subject orders-value: no (HTTP 409)")
    assert "Order.b: field b was added without a default" in message


async def test_deletion_without_a_registry_is_never_silent() -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    w.registry = None
    w.delete("orders")
    assert [e.reason for e in (await w.plans())["orders"].events] == ["SubjectKept"]
    reports = await w.run()
    assert reports["orders"].release
    assert [e.reason for e in reports["orders"].events] == ["SubjectKept"]


async def test_deletion_while_the_registry_is_down_waits() -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    w.registry.down = RegistryUnreachable("nothing answers")
    w.delete("orders")
    reports = await w.run()
    assert not reports["orders"].release
    assert reports["orders"].retry == "backoff"


async def test_policy_changed_to_retain_lets_the_finalizer_go() -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    w.edit("orders", deletionPolicy="Retain")
    await w.run()
    assert w.resources[Key("KafkaSchema", "shop", "orders")].finalizers == ()


@pytest.mark.parametrize(("error", "reported"), [(ApiConflict("moved"), True), (ApiNotFound("gone"), False)])
async def test_a_resource_that_moved_on_while_the_finalizer_was_put_on(error: KafkadeError, reported: bool) -> None:
    w = world(deletionPolicy="HardDelete")
    w.refuse_finalizer = error
    reports = await w.run()
    assert ("orders" in reports) is reported
    assert w.registry.writes == []


async def _killed_at(w: World, calls: int) -> bool:
    """Run until the process dies after so many calls; whether it died."""
    w.registry.calls.clear()
    w.registry.kill_after = calls
    try:
        await w.run()
    except Killed:
        return True
    else:
        return False
    finally:
        w.registry.kill_after = None


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio", "Unknown"])
@pytest.mark.parametrize("calls", range(20))
async def test_killed_anywhere_it_converges(calls: int, flavour: str) -> None:
    w = world(MemoryRegistry(flavour), compatibility="FULL", deletionPolicy="HardDelete")
    w.put(resource("carts", schema_=USES, references=TO_ORDERS, deletionPolicy="HardDelete"))
    await _killed_at(w, calls)
    await w.run()
    assert w.ready("orders")["status"] == w.ready("carts")["status"] == "True"
    assert [len(w.registry.live(s)) for s in ("orders-value", "carts-value")] == [1, 1]
    w.registry.calls.clear()
    await w.run()
    assert w.registry.writes == []


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio", "Unknown"])
@pytest.mark.parametrize("calls", range(10))
async def test_killed_while_registering_and_then_deleted_leaves_nothing(calls: int, flavour: str) -> None:
    w = world(MemoryRegistry(flavour), deletionPolicy="HardDelete")
    await _killed_at(w, calls)
    w.delete("orders")
    await w.run()
    assert w.registry.held == {}


@pytest.mark.parametrize("flavour", ["Confluent", "Apicurio", "Unknown"])
@pytest.mark.parametrize("calls", range(20))
async def test_killed_while_registering_and_then_deleted_with_what_it_references(calls: int, flavour: str) -> None:
    """Neither recorded its version, and the one that is referenced is in deletion too."""
    w = world(MemoryRegistry(flavour), deletionPolicy="HardDelete")
    w.put(resource("carts", schema_=USES, references=TO_ORDERS, deletionPolicy="HardDelete"))
    await _killed_at(w, calls)
    w.delete("carts")
    w.delete("orders")
    await w.run()
    assert w.registry.held == {}
    assert w.resources == {}


async def test_killed_while_registering_and_then_its_text_is_gone() -> None:
    w = World(registry=MemoryRegistry("Unknown"))
    w.put(resource(schemaFrom={"configMapKeyRef": {"name": "c", "key": "k"}}, deletionPolicy="HardDelete"))
    w.config_maps["shop", "c", "k"] = V1
    assert await _killed_at(w, 4)
    w.config_maps.clear()
    w.delete("orders")
    reports = await w.run()
    assert reports["orders"].release
    (event,) = reports["orders"].events
    assert (event.reason, event.type) == ("SubjectKept", "Warning")
    assert "ConfigMap shop/c has no key k" in event.message


@pytest.mark.parametrize("calls", range(6))
async def test_killed_while_deleting_it_converges(calls: int) -> None:
    w = world(deletionPolicy="HardDelete")
    await w.run()
    w.delete("orders")
    await _killed_at(w, calls)
    if w.resources:
        reports = await w.run()
        assert reports["orders"].release
    assert w.registry.held == {}


async def test_the_same_text_as_another_type_is_not_as_declared() -> None:
    """Apicurio's look-up goes by the text alone: an Avro schema was taken for a JSON Schema that nobody could parse."""
    w = world()
    await w.run()
    w.edit("orders", schemaType="JSON")
    await w.run()
    assert w.ready("orders")["reason"] == "InvalidSchema"
    w.edit("orders", schemaType="AVRO")
    await w.run()
    assert w.ready("orders")["status"] == "True"
    assert w.status("orders")["version"] == 1
