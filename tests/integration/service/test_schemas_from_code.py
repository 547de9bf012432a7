"""Schemas from code: `kafkade schema export --check` against manifests and a real registry."""

from __future__ import annotations

import asyncio
import datetime
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from kafkade.cli.main import app
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.devstack.registry import Registry
from support.kafka import KafkaView
from support.services import QUICK, Mounts, running, until

CODE = """
from pydantic import BaseModel
class Registered(BaseModel):
    user_id: str
"""

AVRO = """
import datetime
from typing import Annotated, Literal
from pydantic import BaseModel, Field
class Created(BaseModel):
    type: Literal["Created"] = "Created"
    user_id: str
    at: datetime.datetime
class Deleted(BaseModel):
    type: Literal["Deleted"] = "Deleted"
    user_id: str
Registered = Annotated[Created | Deleted, Field(discriminator="type")]
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "registered_events.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("registered_events", None)


async def run(topic: str, *words: str) -> Any:
    argument = f"{topic}=registered_events:Registered"
    return await asyncio.to_thread(CliRunner().invoke, app, ["schema", "export", argument, *words])


async def test_code_manifest_and_registry_agree_or_what_differs(code: Path, apicurio: Registry) -> None:
    check = ("--check", "manifests", "--registry", apicurio.url)
    assert (await run("checked", "--out", "manifests")).exit_code == 0
    missing = await run("checked", *check)
    assert (missing.exit_code, "the registry has no subject checked-value: is the" in missing.output) == (1, True), (
        missing.output
    )
    (file,) = (code / "manifests").rglob("*.yaml")
    text = yaml.safe_load(file.read_text())["spec"]["schema"]
    client = RegistryClient([apicurio.url])
    try:
        await client.register("checked-value", SchemaBody(text, "JSON"), False)
        agreed = await run("checked", *check)
        assert (agreed.exit_code, "in the registry too" in agreed.output) == (0, True), agreed.output
        sys.modules.pop("registered_events")
        (code / "registered_events.py").write_text(CODE.replace("user_id: str", "user_id: int"))
        changed = await run("checked", *check)
        assert changed.exit_code == 1
        told = " ".join(changed.output.split())
        assert "its schema is not that of the code" in told
        assert "version 1, its newest, is not the schema of the code, but that of the KafkaSchema" in told
        assert "the code's would be" in told
    finally:
        await client.delete_subject("checked-value", permanent=False)
        await client.close()


async def test_events_are_written_and_read_by_the_avro_of_their_types(
    code: Path, mounts: Mounts, view: KafkaView, apicurio: Registry
) -> None:
    (code / "registered_events.py").write_text(AVRO)
    assert (await run("avro-events", "--schema-type", "avro", "--out", "manifests")).exit_code == 0
    (file,) = (code / "manifests").rglob("*.yaml")
    text = yaml.safe_load(file.read_text())["spec"]["schema"]
    client = RegistryClient([apicurio.url])
    try:
        await client.register("avro-events-value", SchemaBody(text, "AVRO"), False)
        agreed = await run("avro-events", "--schema-type", "avro", "--check", "manifests", "--registry", apicurio.url)
        assert agreed.exit_code == 0, agreed.output
        view.create("avro-events", 1)
        mounts.binding("user-service", apicurio.url)
        service = mounts.service("user-service")
        events = importlib.import_module("registered_events")
        seen: list[Any] = []

        @service.listener("avro-events", event=events.Registered, properties=QUICK)
        async def handle(event: Any) -> None:
            seen.append(event)

        sent = [events.Created(user_id="u1", at=datetime.datetime.now(datetime.UTC)), events.Deleted(user_id="u1")]
        async with running(service):
            for event in sent:
                await service.publish("avro-events", event)
            await until(lambda: len(seen) == 2, "both are seen")
        assert seen == sent
    finally:
        await client.delete_subject("avro-events-value", permanent=False)
        await client.close()
