"""Events in the schema registry's wire format, by confluent_kafka's serializers. Asks the registry once for each schema.

The format is that of the registry's newest version of ``<topic>-value``, which is what a KafkaSchema keeps there: a service
registers nothing. A topic without one has plain JSON. What needs the registry runs in a thread; what does not is done on the
spot.

Without a registry in the binding none of ``confluent_kafka.schema_registry`` is imported, nor what it needs (``pip install
'kafkade[service]'``).
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafkade.service.errors import BindingError, DeserializationException, SchemasUnavailable, SerializationException
from kafkade.service.events import EventType, data_of, is_protobuf, json_data_of, name, plain

Encode = Callable[[Any], bytes | None]

_MAGIC, _FRAME = b"\0", 5
"""First byte of a record in the wire format, and the bytes before the data: that one and the schema's id."""

UNKNOWN = object()
"""In place of an event whose schema is not known yet."""

_NOT_FOUND = (40401, 40402, 40403, 404)


class Schemas:
    """The registry of a binding, or none."""

    def __init__(self, settings: Mapping[str, Any] | None) -> None:
        """Raises: BindingError: the settings cannot be used, or the extra is not installed."""
        self._client: Any = None
        if settings is None:
            return
        try:
            from confluent_kafka import schema_registry
        except ImportError as error:
            raise BindingError(
                f"the binding has a schema registry, which takes {error.name}: pip install 'kafkade[service]'"
            ) from error
        try:
            with _ca_in_a_file(settings) as own:
                self._client = schema_registry.SchemaRegistryClient(own)
        except (ValueError, TypeError, ssl.SSLError) as error:
            raise BindingError(f"the binding's schema registry: {error}") from error
        self._encoders: dict[str, Encode] = {}
        self._decoders: dict[tuple[int, str, Any], Callable[[bytes], Any]] = {}
        self._kinds: dict[int, str] = {}

    def close(self) -> None:
        """Close the connections to the registry."""
        if self._client is not None:
            self._client.__exit__(None, None, None)  # of every version; close() is of newer ones

    def encoder(self, topic: str, value: Any) -> Encode | None:
        """How to write a value to a topic; None: only ``resolve`` knows."""
        if self._client is None or value is None or isinstance(value, (bytes, str)):
            return plain
        return self._encoders.get(topic)

    async def resolve(self, topic: str, value: Any) -> bytes | None:
        """Write a value to a topic that nothing was written to before.

        Raises:
            SchemasUnavailable: the registry does not answer. SerializationException: the value does not fit the schema.
        """
        if self._client is None or topic in self._encoders:
            return (self.encoder(topic, value) or plain)(value)

        def first() -> tuple[Encode, bytes | None]:
            made = self._make_encoder(topic, value)
            return made, made(value)  # the first one asks the registry too

        encode, data = await asyncio.to_thread(first)
        self._encoders[topic] = encode
        return data

    def _make_encoder(self, topic: str, value: Any) -> Encode:
        subject = f"{topic}-value"
        found = self._ask(lambda: self._client.get_latest_version(subject), missing=None)
        if found is None:
            return plain
        kind = found.schema.schema_type or "AVRO"
        from confluent_kafka.schema_registry import topic_subject_name_strategy
        from confluent_kafka.serialization import MessageField, SerializationContext

        settings = {
            "auto.register.schemas": False,
            "use.latest.version": True,
            "subject.name.strategy": topic_subject_name_strategy,
        }
        to_data: Callable[[Any], Any]
        if kind == "AVRO":
            from confluent_kafka.schema_registry.avro import AvroSerializer

            serializer: Any = AvroSerializer(self._client, found.schema.schema_str, conf=settings)
            to_data = _avro_data(found.schema.schema_str)
        elif kind == "JSON":
            from confluent_kafka.schema_registry.json_schema import JSONSerializer

            serializer = JSONSerializer(found.schema.schema_str, self._client, conf=settings)
            to_data = json_data_of
        else:
            if not is_protobuf(type(value)):
                raise SerializationException(
                    f"topic {topic} has Protobuf by its schema, and {name(type(value))} is no class made by protoc"
                )
            if not _has_rules(found.schema):
                return _framed(type(value), found.schema_id, subject)
            from confluent_kafka.schema_registry.protobuf import ProtobufSerializer

            serializer = ProtobufSerializer(type(value), self._client, {**settings, "use.deprecated.format": False})
            to_data = _same
        context = SerializationContext(topic, MessageField.VALUE)

        def encode(one: Any) -> bytes | None:
            if one is None or isinstance(one, bytes):
                return one
            try:
                return serializer(to_data(one), context)  # type: ignore[no-any-return]
            except Exception as error:
                raise self._unavailable(error) or SerializationException(
                    f"{name(type(one))} does not fit the {kind} schema of {subject}, version {found.version}: {error}"
                ) from error

        return encode

    async def decode(self, event: EventType, topic: str, data: bytes | None) -> Any:
        """The event of a record's value: in the wire format, or plain.

        Raises:
            DeserializationException: it is none. SchemasUnavailable: the registry does not answer.
        """
        found = self.decode_known(event, topic, data)
        if found is UNKNOWN and data is not None:
            found = await asyncio.to_thread(self._decode_first, event, topic, data)
        return found

    def decode_known(self, event: EventType, topic: str, data: bytes | None) -> Any:
        """As ``decode``, on the spot; UNKNOWN where the registry is to be asked about the record's schema first.

        A tombstone, a record without a value, is None.
        """
        if event.raw or data is None:
            return data
        if self._client is None or not data.startswith(_MAGIC) or len(data) <= _FRAME:
            return event.of_protobuf(data) if event.protobuf else event.of_json(data)
        identity = int.from_bytes(data[1:_FRAME], "big")
        kind = self._kinds.get(identity)
        return UNKNOWN if kind is None else self._decoded(event, topic, data, identity, kind)

    def _decode_first(self, event: EventType, topic: str, data: bytes) -> Any:
        identity = int.from_bytes(data[1:_FRAME], "big")
        kind = self._kind(identity)
        found = self._decoded(event, topic, data, identity, kind)
        self._kinds[identity] = kind  # only now: the first record's decoder asks the registry too
        return found

    def _decoded(self, event: EventType, topic: str, data: bytes, identity: int, kind: str) -> Any:
        if kind == "JSON" and not event.protobuf:
            return event.of_json(data[_FRAME:])
        key = (identity, topic, event.kind)
        decode = self._decoders.get(key)
        if decode is None:
            decode = self._decoders[key] = self._make_decoder(event, topic, kind)
        return decode(data)

    def _kind(self, identity: int) -> str:
        schema = self._ask(lambda: self._client.get_schema(identity), missing=None)
        if schema is None:
            raise DeserializationException(
                f"the registry knows no schema with the id {identity}, which the record names"
            )
        return schema.schema_type or "AVRO"

    def _make_decoder(self, event: EventType, topic: str, kind: str) -> Callable[[bytes], Any]:
        from confluent_kafka.schema_registry import topic_subject_name_strategy
        from confluent_kafka.serialization import MessageField, SerializationContext

        if event.protobuf != (kind == "PROTOBUF"):
            raise DeserializationException(
                f"the record is {kind} by its schema, which cannot be read as {name(event.kind)}"
            )
        by_topic = {"subject.name.strategy": topic_subject_name_strategy}  # others ask the registry for the name
        deserializer: Any
        if kind == "AVRO":
            from confluent_kafka.schema_registry.avro import AvroDeserializer

            deserializer = AvroDeserializer(self._client, conf=by_topic)
        else:
            from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer

            deserializer = ProtobufDeserializer(event.kind, {**by_topic, "use.deprecated.format": False})
        context = SerializationContext(topic, MessageField.VALUE)
        made: Callable[[Any], Any] = _same if event.protobuf else event.of_data

        def decode(data: bytes) -> Any:
            try:
                found = deserializer(data, context)
            except Exception as error:
                raise self._unavailable(error) or DeserializationException(
                    f"not {kind} by the schema that the record names: {error}"
                ) from error
            return made(found)

        return decode

    def _ask(self, question: Callable[[], Any], missing: Any) -> Any:
        """The registry's answer, or ``missing`` where it has no such thing."""
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            return question()
        except SchemaRegistryError as error:
            if error.error_code in _NOT_FOUND or error.http_status_code == 404:
                return missing
            raise SchemasUnavailable(f"the schema registry answers {error.http_status_code}: {error}") from error
        except Exception as error:  # of the HTTP client, which is another one in other versions
            raise SchemasUnavailable(f"the schema registry cannot be reached: {error}") from error

    def _unavailable(self, error: Exception) -> SchemasUnavailable | None:
        """An error that is the registry's and not the record's."""
        from confluent_kafka.schema_registry import SchemaRegistryError

        if isinstance(error, SchemaRegistryError) and error.http_status_code != 404:
            return SchemasUnavailable(f"the schema registry answers {error.http_status_code}: {error}")
        if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
            return SchemasUnavailable(f"the schema registry cannot be reached: {error}")
        return None


@contextmanager
def _ca_in_a_file(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """``ssl.ca.pem``, the text of a CA, for a client that takes a file only, and reads it as it is made."""
    own = dict(settings)
    pem = own.pop("ssl.ca.pem", None)
    if pem is None:
        yield own
        return
    with tempfile.NamedTemporaryFile("w", prefix="kafkade-registry-", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield {**own, "ssl.ca.location": file.name}


def _has_rules(schema: Any) -> bool:
    """Whether a schema has rules for data, such as encryption, which confluent's serializer alone carries out."""
    rules = getattr(schema, "rule_set", None)
    kinds = ("domain_rules", "encoding_rules", "migration_rules")
    return rules is not None and any(getattr(rules, kind, None) for kind in kinds)


def _framed(kind: Any, identity: int, subject: str) -> Encode:
    """Protobuf in the registry's frame.

    confluent's serializer (2.16) asks for the schema in a form (format=serialized) that not every registry answers in as it
    wants, Apicurio among them, and finds no message that is within another.
    """
    head = _MAGIC + identity.to_bytes(4, "big") + _indexes(kind.DESCRIPTOR)

    def encode(one: Any) -> bytes | None:
        if one is None or isinstance(one, bytes):
            return one
        if not isinstance(one, kind):
            raise SerializationException(
                f"{name(type(one))} does not fit {subject}: this service writes {name(kind)} there"
            )
        return head + one.SerializeToString()  # type: ignore[no-any-return]

    return encode


def _indexes(descriptor: Any) -> bytes:
    """Which message of its file it is, from the outermost one inwards, behind how many these are; each as a zigzag varint."""
    path: list[int] = []
    while (around := descriptor.containing_type) is not None:
        path.append(list(around.nested_types).index(descriptor))
        descriptor = around
    path.append(list(descriptor.file.message_types_by_name).index(descriptor.name))
    made = bytearray()
    for number in (len(path), *reversed(path)):
        left = number << 1
        while left > 0x7F:
            made.append(left & 0x7F | 0x80)
            left >>= 7
        made.append(left)
    return bytes(made)


def _same(value: Any) -> Any:
    return value


def _avro_data(text: str) -> Callable[[Any], Any]:
    """For fastavro; of a union of records it is told which one an event is by the name of its class."""
    import json

    schema = json.loads(text) if text.lstrip().startswith(("{", "[")) else text
    if not isinstance(schema, list):
        return data_of
    records = {
        str(member["name"]).rpartition(".")[2]: (
            member["name"]
            if "." in member["name"] or not member.get("namespace")
            else f"{member['namespace']}.{member['name']}"
        )
        for member in schema
        if isinstance(member, dict) and member.get("type") == "record"
    }

    def data(value: Any) -> Any:
        found = data_of(value)
        full = records.get(type(value).__name__)
        return {"-type": full, **found} if full is not None and isinstance(found, dict) else found

    return data
