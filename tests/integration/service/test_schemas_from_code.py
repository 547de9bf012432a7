"""Schemas from code: `kafkade schema export --check` against manifests and a real registry."""

from __future__ import annotations

import asyncio
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

CODE = """
from pydantic import BaseModel
class Registered(BaseModel):
    user_id: str
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "registered_events.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("registered_events", None)


async def run(*words: str) -> Any:
    return await asyncio.to_thread(
        CliRunner().invoke, app, ["schema", "export", "checked=registered_events:Registered", *words]
    )


async def test_code_manifest_and_registry_agree_or_what_differs(code: Path, apicurio: Registry) -> None:
    check = ("--check", "manifests", "--registry", apicurio.url)
    assert (await run("--out", "manifests")).exit_code == 0
    missing = await run(*check)
    assert (missing.exit_code, "the registry has no subject checked-value: is the" in missing.output) == (1, True), (
        missing.output
    )
    (file,) = (code / "manifests").rglob("*.yaml")
    text = yaml.safe_load(file.read_text())["spec"]["schema"]
    client = RegistryClient([apicurio.url])
    try:
        await client.register("checked-value", SchemaBody(text, "JSON"), False)
        agreed = await run(*check)
        assert (agreed.exit_code, "in the registry too" in agreed.output) == (0, True), agreed.output
        sys.modules.pop("registered_events")
        (code / "registered_events.py").write_text(CODE.replace("user_id: str", "user_id: int"))
        changed = await run(*check)
        assert changed.exit_code == 1
        told = " ".join(changed.output.split())
        assert "its schema is not that of the code" in told
        assert "version 1, its newest, is not the schema of the code, but that of the KafkaSchema" in told
        assert "the code's would be" in told
    finally:
        await client.delete_subject("checked-value", permanent=False)
        await client.close()
