"""Events in the wire format, by confluent_kafka's serializers and its own registry in memory: Avro, JSON Schema, Protobuf."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from aiohttp import web
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from pydantic import BaseModel, Field

from kafkade.devstack.certificates import CertificateAuthority
from kafkade.service import BindingError, DeserializationException, SchemasUnavailable, SerializationException, Service
from kafkade.service.binding import load
from kafkade.service.events import EventType
from kafkade.service.schemas import UNKNOWN, Schemas
from support.http import serving

pytest.importorskip("authlib", reason="the extra `service` is not installed")


class UserCreated(BaseModel):
    type: Literal["UserCreated"] = "UserCreated"
    user_id: str
    at: int = 0


class UserDeleted(BaseModel):
    type: Literal["UserDeleted"] = "UserDeleted"
    user_id: str


UserEvent = Annotated[UserCreated | UserDeleted, Field(discriminator="type")]


def protobuf() -> Any:
    """A class as protoc makes it."""
    file = descriptor_pb2.FileDescriptorProto(name="kafkade_user.proto", package="kafkade.test", syntax="proto3")
    file.message_type.add(name="User").field.add(name="value", number=1, type=9, label=1)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("kafkade.test.User"))


User = protobuf()


def nested() -> Any:
    """The class of a message that is the 100th one in the second one of its file."""
    file = descriptor_pb2.FileDescriptorProto(name="kafkade_nested.proto", package="kafkade.nested", syntax="proto3")
    file.message_type.add(name="First")
    outer = file.message_type.add(name="Outer")
    for number in range(100):
        outer.nested_type.add(name=f"Inner{number}").field.add(name="value", number=1, type=9, label=1)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("kafkade.nested.Outer.Inner99"))


Inner = nested()


def record(name: str, **fields: str) -> dict[str, Any]:
    made = [{"name": field, "type": kind} for field, kind in fields.items()]
    return {"type": "record", "name": name, "namespace": "shop", "fields": made}


CREATED = record("UserCreated", type="string", user_id="string", at="long")
UNION = [CREATED, record("UserDeleted", type="string", user_id="string")]
OBJECT = {"type": "object", "properties": {"user_id": {"type": "string"}}, "required": ["user_id"]}


@pytest.fixture
def schemas() -> Schemas:
    """What a registry has: a subject of each type."""
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.protobuf import _schema_to_str

    client = SchemaRegistryClient.new_client({"url": "mock://kafkade"})
    client.register_schema("union-value", Schema(json.dumps(UNION), "AVRO"))
    client.register_schema("avro-value", Schema(json.dumps(CREATED), "AVRO"))
    client.register_schema("json-value", Schema(json.dumps(OBJECT), "JSON"))
    client.register_schema("protobuf-value", Schema(_schema_to_str(User.DESCRIPTOR.file), "PROTOBUF"))
    client.register_schema("nested-value", Schema(_schema_to_str(Inner.DESCRIPTOR.file), "PROTOBUF"))
    made = Schemas({"url": "http://127.0.0.1:1"})
    made._client = client
    return made


@pytest.mark.parametrize(
    ("topic", "kind", "value", "framed"),
    [
        ("union", UserEvent, UserDeleted(user_id="u"), True),
        ("union", UserEvent, UserCreated(user_id="u", at=3), True),
        ("avro", UserCreated, UserCreated(user_id="u"), True),
        ("json", UserEvent, UserDeleted(user_id="u"), True),
        ("protobuf", User, User(value="x"), True),
        ("nested", Inner, Inner(value="x"), True),
        ("nothing", UserEvent, UserDeleted(user_id="u"), False),
    ],
)
async def test_what_is_written_is_read(schemas: Schemas, topic: str, kind: Any, value: Any, framed: bool) -> None:
    assert schemas.encoder(topic, value) is None, "the first one asks the registry"
    data = await schemas.resolve(topic, value)
    assert data is not None
    assert data.startswith(b"\0") is framed
    encode = schemas.encoder(topic, value)
    assert encode is not None
    assert encode(value) == data
    event = EventType(kind)
    unknown = schemas.decode_known(event, topic, data) is UNKNOWN
    assert unknown is framed, "so does the first one that is read"
    assert await schemas.decode(event, topic, data) == value
    assert schemas.decode_known(event, topic, data) == value


@pytest.mark.parametrize(
    ("topic", "value", "told"),
    [
        ("avro", UserDeleted(user_id="u"), "UserDeleted does not fit the AVRO schema of avro-value, version 1"),
        ("json", {"x": 1}, "'user_id' is a required property"),
        ("protobuf", {"x": 1}, "no class made by protoc"),
    ],
)
async def test_what_does_not_fit_is_told(schemas: Schemas, topic: str, value: Any, told: str) -> None:
    with pytest.raises(SerializationException, match=told):
        await schemas.resolve(topic, value)


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        (UserEvent, b"\0\0\0\x03\xe7abc", "no schema with the id 999"),
        (UserEvent, b"\0\0\0\0\x01\xff", "not AVRO by the schema"),
        (User, b"\0\0\0\0\x01\xff", "AVRO by its schema, which cannot be read as User"),
        (UserEvent, b"\0\0", "Invalid JSON"),
    ],
)
async def test_what_cannot_be_read_is_told(schemas: Schemas, kind: Any, data: bytes, told: str) -> None:
    with pytest.raises(DeserializationException, match=told):
        await schemas.decode(EventType(kind), "union", data)


async def test_a_registry_that_is_away_is_no_failure_of_a_record() -> None:
    schemas = Schemas({"url": "http://127.0.0.1:1"})
    with pytest.raises(SchemasUnavailable, match="cannot be reached"):
        await schemas.resolve("any", {"n": 1})
    with pytest.raises(SchemasUnavailable, match="cannot be reached"):
        await schemas.decode(EventType(UserEvent), "any", b"\0\0\0\0\x01abc")


async def test_a_registry_that_leaves_a_question_unanswered_is_asked_again(tmp_path: Path) -> None:
    asked = list[str]()

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        if len(asked) == 1:
            await asyncio.sleep(30)
        return web.json_response({"schema": json.dumps(CREATED)})

    async with serving(handle) as url:
        (tmp_path / "bootstrap-servers").write_text("127.0.0.1:1")
        (tmp_path / "librdkafka.json").write_text(json.dumps({"registry": {"url": url, "timeout": "2"}}))
        schemas = Schemas(load(tmp_path).registry)
        with pytest.raises(DeserializationException, match="not AVRO by the schema"):
            await schemas.decode(EventType(UserEvent), "any", b"\0\0\0\0\x07\xff")
        schemas.close()
    assert asked == ["/schemas/ids/7"] * 3, "again, and by confluent's deserializer, which keeps schemas by subject"


async def test_a_registry_with_a_ca_of_its_own_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"schema": json.dumps(CREATED)})

    authority = CertificateAuthority()
    pair = authority.server("registry")
    (tmp_path / "pair.pem").write_text(pair.certificate + pair.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "pair.pem")
    files = tmp_path / "files"
    files.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    async with serving(handle, tls) as url:
        (tmp_path / "bootstrap-servers").write_text("127.0.0.1:1")
        (tmp_path / "schema-registry-url").write_text(url)
        (tmp_path / "schema-registry-ca.crt").write_text(authority.pem)
        schemas = Schemas(load(tmp_path).registry)
        assert list(files.iterdir()) == []
        with pytest.raises(DeserializationException, match="not AVRO by the schema"):
            await schemas.decode(EventType(UserEvent), "any", b"\0\0\0\0\x07\xff")
        schemas.close()


def test_a_ca_that_is_none_is_told() -> None:
    with pytest.raises(BindingError, match="the binding's schema registry: "):
        Schemas({"url": "https://127.0.0.1:1", "ssl.ca.pem": "nothing of the kind"})


async def test_without_a_registry_all_is_plain() -> None:
    schemas = Schemas(None)
    assert await schemas.resolve("any", {"n": 1}) == b'{"n":1}'
    assert await schemas.decode(EventType(dict[str, int]), "any", b'{"n":1}') == {"n": 1}


async def test_a_service_that_ends_closes_its_connections_to_the_registry(tmp_path: Path) -> None:
    (tmp_path / "bootstrap-servers").write_text("127.0.0.1:1")
    (tmp_path / "schema-registry-url").write_text("http://127.0.0.1:1")
    service = Service(load(tmp_path), settings={"log_level": 0})
    async with service:
        session = service._schemas._client._rest_client.session  # type: ignore[union-attr]
        assert not session.is_closed
    assert session.is_closed


async def test_a_message_within_another_has_its_place_in_the_file_in_the_frame(schemas: Schemas) -> None:
    data = await schemas.resolve("nested", Inner(value="x"))
    assert data is not None
    # two numbers: 1, and 99, as zigzag varints
    assert data[5:] == b"\x04\x02\xc6\x01" + Inner(value="x").SerializeToString()
    with pytest.raises(SerializationException, match="this service writes Inner99 there"):
        await schemas.resolve("nested", User(value="x"))
