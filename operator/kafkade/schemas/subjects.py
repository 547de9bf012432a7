"""Which subject a KafkaSchema is about, what it claims and what it names. Pure: no I/O.

Naming strategies as Confluent's serializers have them (schema-serializer/…/serializers/subject/*.java): TopicName
``<topic>-key|-value``, RecordName ``<full name>``, TopicRecordName ``<topic>-<full name>``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kafkade.api.context import Context
from kafkade.api.errors import InvalidSchema, InvalidSpec
from kafkade.api.kinds import SCHEMA, TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.api.schema import KafkaSchemaSpec, NamingStrategy

# a line begins with blanks but not with line breaks, or each of a million empty lines would be tried to the end of them
_COMMENT = re.compile(r"//|/\*")
_PACKAGE = re.compile(r"^[^\S\n]*package\s+([A-Za-z_][\w.]*)\s*;", re.MULTILINE)
_MESSAGE = re.compile(r"(?:^[^\S\n]*|[;}]\s*)message\s+([A-Za-z_]\w*)\s*\{", re.MULTILINE)


def subject_of(spec: KafkaSchemaSpec, topic_name: str | None, record_name: str | None) -> str:
    """The subject that ``spec`` is about.

    ``topic_name`` is the Kafka name of topicRef's topic, ``record_name`` the schema's full name; each is needed only
    where the naming strategy uses it.

    Raises:
        InvalidSpec: the strategy needs a record name and the schema has none.
    """
    if spec.subject is not None:
        return spec.subject
    strategy = spec.naming_strategy or NamingStrategy.TOPIC_NAME
    if strategy is NamingStrategy.TOPIC_NAME:
        return f"{topic_name}-{spec.part or 'value'}"
    if not record_name:
        raise InvalidSpec(
            f"spec.namingStrategy {strategy.value} needs a schema with a name: an Avro record, enum or fixed, a JSON"
            " Schema with a title, or a Protobuf file with a message; or give spec.subject"
        )
    return record_name if strategy is NamingStrategy.RECORD_NAME else f"{topic_name}-{record_name}"


def needs_record_name(spec: KafkaSchemaSpec) -> bool:
    """Whether the subject's name depends on the schema's text."""
    return spec.subject is None and spec.naming_strategy in (
        NamingStrategy.RECORD_NAME,
        NamingStrategy.TOPIC_RECORD_NAME,
    )


def record_name(schema_type: str, text: str) -> str | None:
    """The full name that serializers would use; None when the schema has none.

    Avro: namespace and name. JSON Schema: its title (JsonSchema.name()). Protobuf: package and the first message
    (ProtobufSchema.name()).

    Raises:
        InvalidSchema: Avro or JSON Schema text that is not JSON.
    """
    if schema_type == "PROTOBUF":
        return _protobuf_name(text)
    try:
        root = json.loads(text)
    except ValueError as error:
        raise InvalidSchema(f"the schema is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidSchema("the schema is nested too deeply") from error
    if not isinstance(root, Mapping):
        return None
    if schema_type == "JSON":
        return str(root["title"]) if root.get("title") else None
    name, namespace = str(root.get("name") or ""), str(root.get("namespace") or "")
    return f"{namespace}.{name}" if name and namespace and "." not in name else name or None


def _protobuf_name(text: str) -> str | None:
    plain = _without_comments(text)
    message, package = _MESSAGE.search(plain), _PACKAGE.search(plain)
    if message is None:
        return None
    return f"{package[1]}.{message[1]}" if package else message[1]


def _without_comments(text: str) -> str:
    """In time linear in the text: what is never closed is looked for once."""
    parts, at, last = [], 0, text.rfind("*/")
    while (mark := _COMMENT.search(text, at)) is not None:
        parts.append(text[at : mark.start()])
        if mark[0] == "//":
            at = text.find("\n", mark.end())
        elif mark.end() <= last:
            at = text.find("*/", mark.end()) + 2
        else:
            at = -1
        if at < 0:
            return " ".join(parts)
    return " ".join([*parts, text[at:]])


def topic_key(resource: Resource) -> Key | None:
    """The KafkaTopic that spec.topicRef names."""
    ref = resource.spec.get("topicRef")
    name = ref.get("name") if isinstance(ref, Mapping) else None
    return Key(TOPIC, resource.key.namespace, name) if isinstance(name, str) else None


def topic_name(topic: Resource) -> str:
    """The topic's name in Kafka: spec.topicName, by default metadata.name."""
    name = topic.spec.get("topicName")
    return name if isinstance(name, str) and name else topic.key.name


def schema_keys(resource: Resource) -> tuple[Key, ...]:
    """The KafkaSchemas that spec.references names, in order, each once."""
    keys = []
    references = resource.spec.get("references")
    for reference in references if isinstance(references, list) else ():
        ref = reference.get("schemaRef") if isinstance(reference, Mapping) else None
        name = ref.get("name") if isinstance(ref, Mapping) else None
        if isinstance(name, str):
            keys.append(Key(SCHEMA, resource.key.namespace, name))
    return tuple(dict.fromkeys(keys))


def references_of(resource: Resource) -> frozenset[Key]:
    """What a KafkaSchema names: other KafkaSchemas, and the KafkaTopic of topicRef."""
    topic = topic_key(resource)
    return frozenset(schema_keys(resource)) | ({topic} if topic else set())


def claim_of(resource: Resource, context: Context) -> str | None:
    """The subject that ``resource`` claims, for the ownership index; None while it cannot be known without I/O.

    A topic that is not known (yet) counts under its default name, metadata.name, since most topics have it. A schema text
    in a ConfigMap cannot be read here: then status.subject says what it claimed when it was read last.
    """
    spec = resource.spec
    subject = spec.get("subject")
    if isinstance(subject, str) and subject:
        return subject
    key = topic_key(resource)
    if key is None:
        return None
    topic = context.get(key)
    name = topic_name(topic) if topic is not None else key.name
    strategy = spec.get("namingStrategy") or NamingStrategy.TOPIC_NAME.value
    if strategy == NamingStrategy.TOPIC_NAME.value:
        return f"{name}-{spec.get('part') or 'value'}"
    record = _raw_record_name(spec)
    if record is None:
        known = resource.status.get("subject")
        return known if isinstance(known, str) else None
    return record if strategy == NamingStrategy.RECORD_NAME.value else f"{name}-{record}"


def _raw_record_name(spec: Mapping[str, Any]) -> str | None:
    text = spec.get("schema")
    if not isinstance(text, str):
        return None
    try:
        return record_name(str(spec.get("schemaType") or "AVRO"), text)
    except InvalidSchema:
        return None
