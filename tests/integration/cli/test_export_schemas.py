"""``kafkade export --registry`` against a real Kafka and Apicurio: schemas with their references plan as "no change"."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.clients.registry import Reference, RegistryClient, SchemaBody
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.registry import Registry
from support.kafka import KafkaView
from support.schemas import avro

PROTO = 'syntax = "proto3";\npackage shop;\n\n// What was paid.\nmessage Money {\n  int64 cents = 1;\n}\n'
PAYMENT = 'syntax = "proto3";\npackage shop;\nimport "money.proto";\nmessage Payment {\n  Money sum = 1;\n}\n'
ADDRESS = json.dumps({"$id": "https://shop/address", "title": "Address", "type": "object", "properties": {"zip": {}}})
CUSTOMER = json.dumps({"title": "Customer", "type": "object", "properties": {"home": {"$ref": "https://shop/address"}}})


def body(schema: str, kind: str = "AVRO", **references: str) -> SchemaBody:
    """Of a schema; ``references``: subject:version by what the schema calls it, with _ for a dot."""
    found = tuple(
        Reference(name.replace("_", "."), *(subject, int(version)))
        for name, (subject, _, version) in ((n, s.rpartition(":")) for n, s in references.items())
    )
    return SchemaBody(schema, kind, found)


async def _fill(client: RegistryClient) -> None:
    order = body(avro("id", {"name": "note", "type": "string", "doc": "what they said"}, name="Order"))
    await client.register("exp-Order", order, False)
    await client.register(
        "exp-Order", body(avro("id", {"name": "note", "type": "string", "default": ""}, name="Order")), False
    )
    cart = avro({"name": "order", "type": "shop.Order"}, name="Cart")
    await client.register("exp-carts-value", body(cart, shop_Order="exp-Order:2"), False)
    await client.register("exp-old-carts-value", body(cart, shop_Order="exp-Order:1"), False)
    wish = avro({"name": "cart", "type": "shop.Cart"}, name="Wish")
    await client.register(
        "exp-Wishes_EU-value", body(wish, shop_Order="exp-Order:2", shop_Cart="exp-carts-value:1"), False
    )
    await client.register("exp-carts-key", body('"string"'), False)
    await client.set_level("exp-carts-value", "FULL_TRANSITIVE")
    await client.register("exp-money", body(PROTO, "PROTOBUF"), False)
    payment = SchemaBody(PAYMENT, "PROTOBUF", (Reference("money.proto", "exp-money", 1),))
    await client.register("exp-payments-value", payment, False)
    await client.register("exp-address", body(ADDRESS, "JSON"), False)
    customer = SchemaBody(CUSTOMER, "JSON", (Reference("https://shop/address", "exp-address", 1),))
    await client.register("exp-customers-value", customer, False)
    await client.set_level("exp-customers-value", "BACKWARD")
    for number in range(40):
        await client.register(f"exp-many.{number}-value", body(avro("id", name=f"Many{number}")), False)


def ask(registry: Registry, work: Callable[[RegistryClient], Awaitable[Any]]) -> Any:
    """The result of a question to the registry."""

    async def asked() -> Any:
        client = RegistryClient([registry.url])
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(asked())


@pytest.fixture(scope="module", autouse=True)
def _filled(registry: Registry) -> None:
    """Subjects that begin with ``exp-``, in the registry of the whole run."""
    ask(registry, _fill)


def run(command: str, *args: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(app, [command, *map(str, args)], env={"NO_COLOR": "1", **environment})


def specs(folder: Path) -> dict[str, dict[str, Any]]:
    """Specs of the schemas by name."""
    found = [yaml.safe_load(file.read_text()) for file in (folder / "schemas").glob("*.yaml")]
    return {body["metadata"]["name"]: body["spec"] for body in found}


def test_schemas_of_all_types_plan_as_no_change(kafka: Kafka, registry: Registry, tmp_path: Path) -> None:
    where = ("-b", kafka.bootstrap, "--registry", registry.url)
    before = ask(registry, lambda client: client.subjects())
    ours = {name for name in before if name.startswith("exp-")}
    # the broker is other tests' as well, and has topics of theirs: each is a file of its own
    done = run("export", *where, "--subjects", "exp-*", "--no-dead-letters", "-d", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = specs(tmp_path / "out")
    assert {spec["subject"] for spec in found.values()} == ours
    assert found["exp-carts-value"]["compatibility"] == "FULL_TRANSITIVE"
    assert "compatibility" not in found["exp-carts-key"], "the registry's own level is not the subject's"
    assert found["exp-carts-value"]["references"] == [{"name": "shop.Order", "schemaRef": {"name": "exp-order"}}]
    assert found["exp-old-carts-value"]["references"] == [{"name": "shop.Order", "subject": "exp-Order", "version": 1}]
    assert found["exp-payments-value"]["references"] == [{"name": "money.proto", "schemaRef": {"name": "exp-money"}}]
    assert found["exp-money"]["schema"] == PROTO
    assert found["exp-customers-value"]["schemaType"] == "JSON"
    assert found["exp-carts-value"]["schema"].count("\n") > 5, "people can read it"

    planned = run("plan", "-f", tmp_path / "out", *where, "-o", "json")
    assert planned.exit_code == 0, planned.stdout[-3000:] + planned.stderr
    summary = json.loads(planned.stdout)["summary"]
    counts = {action: n for action, n in summary.items() if n}
    assert counts.keys() <= {"none", "adopt"}
    assert sum(counts.values()) == len(list((tmp_path / "out").rglob("*.yaml"))) > len(ours)
    assert run("plan", "-f", tmp_path / "out").exit_code == 0, "the KafkaCluster says where the registry is"
    checked = run("validate", "-f", tmp_path / "out", "--partial", "--strict")
    assert checked.exit_code == 0, checked.stdout


def test_topics_bring_their_subjects_and_what_these_reference(kafka: Kafka, registry: Registry, tmp_path: Path) -> None:
    view = KafkaView(kafka.bootstrap)
    topics = ("exp-carts", "exp-Wishes_EU", "exp-old-carts")
    for topic in topics:
        view.create(topic, 1)
    try:
        where = ("-b", kafka.bootstrap, "--registry", registry.url)
        done = run("export", *where, "-t", "exp-Wishes_EU", "-d", tmp_path / "out")
        assert done.exit_code == 0, done.stderr
        assert sorted(specs(tmp_path / "out")) == ["exp-carts-value", "exp-order", "exp-wishes-eu-value"]
        assert run("plan", "-f", tmp_path / "out", *where).exit_code == 0
    finally:
        view.delete(*topics)


def test_what_is_wrong_with_the_registry_is_said(kafka: Kafka, registry: Registry) -> None:
    where = ("export", "-b", kafka.bootstrap)
    away = run(*where, "--registry", "http://127.0.0.1:1")
    assert (away.exit_code, away.stdout) == (1, "")
    assert "hint: --registry URL names the registry" in away.stderr
    no_registry = run(*where, "--registry", registry.url.removesuffix("/apis/ccompat/v7"))
    assert no_registry.exit_code == 1
    assert "apis/ccompat/v7" in no_registry.stderr
    typo = run(*where, "--registry", registry.url, "--subjects", "exp-cart-*")
    assert typo.exit_code == 1
    assert "no subject fits" in typo.stderr
    alone = run(*where, "--subjects", "exp-carts-*")
    assert alone.exit_code == 1
    assert "--subjects needs --registry" in alone.stderr


def test_an_empty_registry_becomes_the_same_by_what_was_exported(
    kafka: Kafka, registry: Registry, tmp_path: Path
) -> None:
    gone = (
        "exp-Wishes_EU-value",
        "exp-carts-value",
        "exp-old-carts-value",
        "exp-carts-key",
        "exp-payments-value",
        "exp-money",
        "exp-Order",
    )
    back = {"exp-carts-value", "exp-carts-key", "exp-payments-value", "exp-money", "exp-Order"}
    where = ("-b", kafka.bootstrap, "--registry", registry.url)
    options = (*where, "--exclude", "*", *(o for name in sorted(back) for o in ("--subjects", name)))
    assert run("export", *options, "-d", tmp_path / "out").exit_code == 0

    async def delete(client: RegistryClient) -> None:
        for name in gone:
            await client.delete_subject(name, permanent=False)
            await client.delete_subject(name, permanent=True)

    ask(registry, delete)
    applied = run("apply", "-f", tmp_path / "out", *where, "--state", tmp_path / "state", "--yes")
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    assert set(ask(registry, lambda client: client.subjects())) & set(gone) == back
    assert ask(registry, lambda client: client.subject_config("exp-carts-value")).level == "FULL_TRANSITIVE"
    assert run("export", *options, "-d", tmp_path / "again").exit_code == 0
    assert specs(tmp_path / "again") == specs(tmp_path / "out")
