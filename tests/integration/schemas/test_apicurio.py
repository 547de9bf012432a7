"""What Apicurio really answers, as far as kafkade builds on it. A version of it that answers otherwise is seen here."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest

from kafkade.api.errors import IncompatibleSchema, InvalidSchema, ReferencedBy, RegistryNotFound
from kafkade.clients.registry import Receipt, Reference, RegistryProbe, SchemaBody, SubjectConfig, Verdict
from support.schemas import avro

V1, V2, BROKEN = SchemaBody(avro("a")), SchemaBody(avro("a", "b?")), SchemaBody(avro("a", "b"))
USER = avro({"name": "o", "type": "shop.Order"}, name="Cart")


async def test_it_is_known_for_what_it_is(registry: Any) -> None:
    assert await registry.probe() == RegistryProbe("Apicurio", True)


async def test_a_level_can_be_set_before_the_subject_is_there(registry: Any, subject: str) -> None:
    assert await registry.subject_config(subject) == SubjectConfig(None, absent=True)
    await registry.set_level(subject, "FULL")
    assert await registry.subject_config(subject) == SubjectConfig("FULL")
    assert await registry.latest(subject) is None
    await registry.register(subject, V1, False)
    assert await registry.subject_config(subject) == SubjectConfig("FULL")
    with pytest.raises(IncompatibleSchema, match="Incompatible artifact"):
        await registry.register(subject, BROKEN, False)


async def test_the_config_of_a_subject_that_is_not_there_says_so(registry: Any, subject: str) -> None:
    """Why kafkade asks neither for its latest version then nor for a look-up; a version that is deleted softly is there."""
    absent = SubjectConfig(None, absent=True)
    assert await registry.subject_config(subject) == absent
    assert await registry.lookup(subject, SchemaBody("{"), False) is None  # it does not read what it cannot find
    await registry.set_mode(subject, "READONLY")
    assert await registry.subject_config(subject) == absent
    assert await registry.mode(subject) == "READONLY"  # so this one is to be asked for
    assert subject not in await registry.subjects(deleted=True)  # and a list of all says it for many at once
    assert await registry.register(subject, V1, False) == Receipt(ANY, None)
    assert await registry.subject_config(subject) == SubjectConfig("NONE")
    await registry.delete_subject(subject, permanent=False)
    assert await registry.subject_config(subject) == SubjectConfig("NONE")
    assert subject in await registry.subjects(deleted=True)
    assert subject not in await registry.subjects()
    await registry.delete_subject(subject, permanent=True)
    assert await registry.subject_config(subject) == absent
    assert subject not in await registry.subjects(deleted=True)


async def test_a_limit_is_kept_and_the_rest_comes_in_pages(registry: Any, subject: str) -> None:
    """Why kafkade names a limit: without one it is 1,000 (apicurio.ccompat.max-subjects)."""
    for number in range(3):
        await registry.register(f"{subject}-{number}", V1, False)
    everything = await registry.subjects()
    assert {f"{subject}-{number}" for number in range(3)} <= set(everything)
    ask = registry.client._http.call
    page = await ask("GET", "/subjects", "list", {"limit": "2"})
    rest = await ask("GET", "/subjects", "list", {"offset": "2", "limit": "1000000"})
    assert len(page) == 2
    assert sorted([*page, *rest]) == list(everything)


async def test_own_and_inherited_level_look_alike(registry: Any, subject: str) -> None:
    await registry.register(subject, V1, False)
    assert await registry.global_level() == "NONE"
    assert await registry.subject_config(subject) == SubjectConfig("NONE")
    await registry.delete_config(subject)


async def test_a_verdict_has_no_words(registry: Any, subject: str) -> None:
    await registry.set_level(subject, "BACKWARD")
    await registry.register(subject, V1, False)
    assert await registry.compatible(subject, BROKEN, False, latest=True) == Verdict(False)
    assert await registry.compatible(subject, V2, False, latest=True) == Verdict(True)


async def test_each_form_of_the_check_looks_at_the_versions_it_names(registry: Any, subject: str) -> None:
    """Why kafkade asks /versions under transitive levels and /versions/latest under the others."""
    as_int = SchemaBody(avro("a", {"name": "x", "type": "int", "default": 0}))
    for body in (SchemaBody(avro("a", "x?")), V1):
        await registry.register(subject, body, False)
    for level, alone in (("BACKWARD", True), ("BACKWARD_TRANSITIVE", True)):
        await registry.set_level(subject, level)
        assert await registry.compatible(subject, as_int, False, latest=True) == Verdict(alone)
        assert await registry.compatible(subject, as_int, False) == Verdict(False)
    with pytest.raises(IncompatibleSchema):
        await registry.register(subject, as_int, False)
    await registry.set_level(subject, "BACKWARD")
    await registry.register(subject, as_int, False)


async def test_without_a_level_the_verdict_is_not_what_registering_does(registry: Any, subject: str) -> None:
    """Why kafkade does not ask under NONE: the check then goes by BACKWARD, and registering by nothing."""
    await registry.register(subject, V1, False)
    assert await registry.compatible(subject, BROKEN, False, latest=True) == Verdict(False)
    await registry.register(subject, BROKEN, False)
    assert await registry.versions(subject) == (1, 2)


async def test_the_compatibility_check_knows_no_references(registry: Any, subject: str) -> None:
    """Why kafkade does not ask for schemas with references here."""
    await registry.register(f"{subject}-a", V1, False)
    body = SchemaBody(USER, "AVRO", (Reference("shop.Order", f"{subject}-a", 1),))
    await registry.register(subject, body, False)
    with pytest.raises(InvalidSchema):
        await registry.compatible(subject, body, False, latest=True)


async def test_the_look_up_knows_references_and_no_doc(registry: Any, subject: str) -> None:
    await registry.register(f"{subject}-a", V1, False)
    await registry.register(f"{subject}-a", V2, False)
    first, second = (SchemaBody(USER, "AVRO", (Reference("shop.Order", f"{subject}-a", v),)) for v in (1, 2))
    await registry.register(subject, first, False)
    assert (await registry.lookup(subject, first, False)).references == first.references
    assert await registry.lookup(subject, second, False) is None
    with_doc = SchemaBody(avro("a", "b?", doc="what it is"))
    assert (await registry.lookup(f"{subject}-a", with_doc, False)).version == 2
    await registry.register(f"{subject}-a", with_doc, False)
    assert await registry.versions(f"{subject}-a") == (1, 2)


async def test_the_versions_of_an_id_tell_what_registering_leaves_out(registry: Any, subject: str) -> None:
    """Why kafkade asks for them: a schema has the same id wherever it is, so those of other subjects are told too."""
    other = f"{subject}-other"

    async def registered(name: str, body: SchemaBody) -> int | None:
        version = await registry.version_of_id(name, (await registry.register(name, body, False)).id)
        found = await registry.lookup(name, body, False)
        assert found is not None
        assert version == found.version
        return version

    assert [await registered(name, V1) for name in (other, subject, other)] == [1, 1, 1]
    assert [await registered(subject, body) for body in (V2, V1)] == [2, 1]
    await registry.delete_subject(subject, permanent=False)
    assert [await registered(subject, body) for body in (V1, V2)] == [3, 4]
    await registry.delete_subject(subject, permanent=False)
    await registry.delete_subject(subject, permanent=True)
    assert await registered(subject, V2) == 1
    assert await registered(f"{subject} ä/b:c", V2) == 1
    receipt = await registry.register(other, V1, False)
    assert await registry.version_of_id(f"{subject}-none", receipt.id) is None
    assert await registry.version_of_id(subject, 10**9) is None


async def test_an_older_schema_again_makes_no_version(registry: Any, subject: str) -> None:
    ids = [(await registry.register(subject, body, False)).id for body in (V1, V2, V1)]
    assert ids[0] == ids[2] != ids[1]
    assert await registry.versions(subject) == (1, 2)


async def test_deletion_goes_in_two_steps_and_tells_by_codes(registry: Any, subject: str) -> None:
    codes = []
    await registry.register(subject, V1, False)
    for permanent in (True, False, False, True, True, False):
        try:
            await registry.delete_subject(subject, permanent=permanent)
            codes.append(0)
        except RegistryNotFound as error:
            codes.append(error.code)
    assert codes == [40405, 0, 40404, 0, 40401, 40401]


async def test_a_subject_that_was_deleted_softly_goes_on_with_the_next_version(registry: Any, subject: str) -> None:
    await registry.register(subject, V1, False)
    await registry.delete_subject(subject, permanent=False)
    assert await registry.lookup(subject, V1, False) is None
    await registry.register(subject, V1, False)
    assert await registry.versions(subject) == (2,)


async def test_a_referenced_subject_is_not_deleted(registry: Any, subject: str) -> None:
    await registry.register(f"{subject}-a", V1, False)
    await registry.register(subject, SchemaBody(USER, "AVRO", (Reference("shop.Order", f"{subject}-a", 1),)), False)
    assert len(await registry.referenced_by(f"{subject}-a", 1)) == 1
    with pytest.raises(ReferencedBy, match="There are subjects referencing"):
        await registry.delete_subject(f"{subject}-a", permanent=False)


async def test_metadata_and_rules_are_dropped(registry: Any, subject: str) -> None:
    body = SchemaBody(V1.schema, metadata={"properties": {"o": "x"}}, rule_set={"domainRules": []})
    await registry.register(subject, body, False)
    held = await registry.latest(subject)
    assert (held.metadata, held.rule_set) == (None, None)


async def test_the_mode_is_stored_and_not_enforced(registry: Any, subject: str) -> None:
    assert await registry.mode(subject) == "READWRITE"
    await registry.register(subject, V1, False)
    await registry.set_mode(subject, "READONLY")
    assert await registry.mode(subject) == "READONLY"
    await registry.register(subject, V2, False)


@pytest.mark.parametrize("name", ["a/b", "a b", "ü:%?#&", "x" * 200])
async def test_subjects_of_all_sorts(registry: Any, subject: str, name: str) -> None:
    await registry.register(f"{subject}{name}", V1, True)
    assert (await registry.lookup(f"{subject}{name}", V1, True)).version == 1
