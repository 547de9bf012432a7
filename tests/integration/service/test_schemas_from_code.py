"""Schemas from code: `kafkade schema export --check` against manifests and a real registry."""

from __future__ import annotations

import asyncio
import datetime
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from typer.testing import CliRunner

from kafkade.cli.main import app
from kafkade.clients.protobuf import ROOT, compile_texts
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.devstack.registry import Registry
from kafkade.service import SerializationException, Service
from support.kafka import KafkaView
from support.letters import read
from support.services import QUICK, Mounts, running, until

CODE = """
from pydantic import BaseModel
class Registered(BaseModel):
    user_id: str
"""

PROTO = """
syntax = "proto3";
package kafkade.test.registered;
message Created {
  string user_id = 1;
  map<string, int32> counts = 2;
  message Origin {
    string host = 1;
    map<string, int32> tags = 2;
  }
  Origin origin = 3;
}
message Deleted {
  string user_id = 1;
  Created.Origin by = 2;
}
"""


def protoc(text: str) -> str:
    """The module that protoc makes of a file."""
    file = compile_texts({ROOT: text})[ROOT]
    file.name = "registered.proto"
    return f"""
from google.protobuf import descriptor_pool
from google.protobuf.internal import builder
DESCRIPTOR = descriptor_pool.Default().AddSerializedFile({file.SerializeToString()!r})
builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "registered_pb2", globals())
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
    for name in ("registered_events", "registered_pb2"):
        sys.modules.pop(name, None)


async def run(*words: str) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, app, ["schema", "export", *words])


async def test_code_manifest_and_registry_agree_or_what_differs(code: Path, apicurio: Registry) -> None:
    argument = "checked=registered_events:Registered"
    check = ("--check", "manifests", "--registry", apicurio.url)
    assert (await run(argument, "--out", "manifests")).exit_code == 0
    missing = await run(argument, *check)
    assert (missing.exit_code, "the registry has no subject checked-value: is the" in missing.output) == (1, True), (
        missing.output
    )
    (file,) = (code / "manifests").rglob("*.yaml")
    text = yaml.safe_load(file.read_text())["spec"]["schema"]
    client = RegistryClient([apicurio.url])
    try:
        await client.register("checked-value", SchemaBody(text, "JSON"), False)
        agreed = await run(argument, *check)
        assert (agreed.exit_code, "in the registry too" in agreed.output) == (0, True), agreed.output
        sys.modules.pop("registered_events")
        (code / "registered_events.py").write_text(CODE.replace("user_id: str", "user_id: int"))
        changed = await run(argument, *check)
        assert changed.exit_code == 1
        told = " ".join(changed.output.split())
        assert "its schema is not that of the code" in told
        assert "version 1, its newest, is not the schema of the code, but that of the KafkaSchema" in told
        assert "the code's would be" in told
    finally:
        await client.delete_subject("checked-value", permanent=False)
        await client.close()


async def exported(topic: str, form: str, kind: str, apicurio: Registry) -> SchemaBody:
    """The schema that the command writes, which code, manifest and registry agree on then."""
    words = (f"{topic}={kind}", "--schema-type", form)
    folder = f"manifests-{form}"
    assert (await run(*words, "--out", folder)).exit_code == 0
    (file,) = list(Path(folder).rglob("*.yaml"))  # noqa: ASYNC240
    body = SchemaBody(yaml.safe_load(file.read_text())["spec"]["schema"], form.upper())
    client = RegistryClient([apicurio.url])
    try:
        await client.register(f"{topic}-value", body, False)
        agreed = await run(*words, "--check", folder, "--registry", apicurio.url)
        assert agreed.exit_code == 0, agreed.output
    finally:
        await client.close()
    return body


async def there_and_back(service: Service, topic: str, kind: Any, sent: Sequence[Any]) -> list[bytes]:
    """Publish events and see that a listener gets the same; gives the bytes that stood in the topic."""
    seen: list[Any] = []

    @service.listener(topic, event=kind, properties=QUICK)
    async def handle(event: Any) -> None:
        seen.append(event)

    async with running(service):
        for event in sent:
            await service.publish(topic, event)
        await until(lambda: len(seen) == len(sent), "all are seen")
    assert seen == list(sent)
    found = await asyncio.to_thread(read, service.binding.security.bootstrap, topic)
    return [one.value or b"" for one in found]


async def test_events_are_written_and_read_by_the_avro_of_their_types(
    code: Path, mounts: Mounts, view: KafkaView, apicurio: Registry
) -> None:
    (code / "registered_events.py").write_text(AVRO)
    view.create("avro-events", 1)
    mounts.binding("user-service", apicurio.url)
    await exported("avro-events", "avro", "registered_events:Registered", apicurio)
    events = importlib.import_module("registered_events")
    sent = [events.Created(user_id="u1", at=datetime.datetime.now(datetime.UTC)), events.Deleted(user_id="u1")]
    found = await there_and_back(mounts.service("user-service"), "avro-events", events.Registered, sent)
    assert all(one.startswith(b"\0") for one in found), "in the registry's wire format"


async def test_events_are_written_and_read_by_the_json_schema_of_their_types(
    code: Path, mounts: Mounts, view: KafkaView, apicurio: Registry
) -> None:
    (code / "registered_events.py").write_text(AVRO)
    view.create("json-events", 1)
    mounts.binding("user-service", apicurio.url)
    await exported("json-events", "json", "registered_events:Registered", apicurio)
    events = importlib.import_module("registered_events")
    sent = [events.Created(user_id="u1", at=datetime.datetime.now(datetime.UTC)), events.Deleted(user_id="u1")]
    found = await there_and_back(mounts.service("user-service"), "json-events", events.Registered, sent)
    assert all(one.startswith(b"\0") for one in found), "in the registry's wire format"
    assert json.loads(found[1][5:]) == {"type": "Deleted", "user_id": "u1"}
    async with mounts.service("user-service") as service:
        with pytest.raises(SerializationException, match="does not fit the JSON schema of json-events-value"):
            await service.publish("json-events", {"type": "Created", "user_id": 1})


async def test_events_are_written_and_read_by_the_protobuf_of_their_classes(
    code: Path, mounts: Mounts, view: KafkaView, apicurio: Registry
) -> None:
    (code / "registered_pb2.py").write_text(protoc(PROTO))
    view.create("protobuf-events", 1)
    view.create("nested-events", 1)
    mounts.binding("user-service", apicurio.url)
    await exported("protobuf-events", "protobuf", "registered_pb2:Deleted", apicurio)
    events = importlib.import_module("registered_pb2")
    sent = [events.Deleted(user_id="u1", by=events.Created.Origin(host="h")), events.Deleted()]
    found = await there_and_back(mounts.service("user-service"), "protobuf-events", events.Deleted, sent)
    assert [one[0:1] + one[5:7] for one in found] == [b"\0\x02\x02"] * 2, "the second type of its file"
    (code / "manifests-protobuf").rename(code / "manifests-before")
    await exported("nested-events", "protobuf", "registered_pb2:Created.Origin", apicurio)
    nested = [events.Created.Origin(host="h", tags={"a": 1})]
    (frame,) = await there_and_back(mounts.service("user-service"), "nested-events", events.Created.Origin, nested)
    assert frame[5:8] == b"\x04\0\x02", "the second type within the first: the first one is the map's"
    async with mounts.service("user-service") as service:
        with pytest.raises(SerializationException, match="no class made by protoc"):
            await service.publish("protobuf-events", {"user_id": "u1"})
        await service.publish("protobuf-events", sent[0])
        with pytest.raises(SerializationException, match="Created does not fit protobuf-events-value"):
            await service.publish("protobuf-events", events.Created(user_id="u1"))
    apart = Consumer({"bootstrap.servers": view.bootstrap, "group.id": "apart", "auto.offset.reset": "earliest"})
    try:  # as any other consumer of the registry's wire format
        apart.subscribe(["protobuf-events"])
        message = await asyncio.to_thread(apart.poll, 20)
        context = SerializationContext("protobuf-events", MessageField.VALUE)
        assert (
            ProtobufDeserializer(events.Deleted, {"use.deprecated.format": False})(message.value(), context) == sent[0]
        )
    finally:
        apart.close()
