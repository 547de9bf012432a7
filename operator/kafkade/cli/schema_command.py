"""What ``kafkade schema export`` does: import types, and make KafkaSchemas of them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic.errors import PydanticInvalidForJsonSchema

from kafkade.api.common import parse
from kafkade.api.errors import InvalidSpec, KafkadeError
from kafkade.api.kinds import SCHEMA
from kafkade.api.objects import Key
from kafkade.api.policy import check_topic_name
from kafkade.api.schema import KafkaSchemaSpec
from kafkade.cli.manifests_out import check_names, hand_over
from kafkade.cli.options import Manifest
from kafkade.cli.output import errors_reported
from kafkade.cli.schema import Form
from kafkade.cli.schema_check import differences
from kafkade.local.object_names import object_names
from kafkade.local.writing import Draft
from kafkade.service.avro import avro_schema
from kafkade.service.errors import ServiceError
from kafkade.service.events import EventType, is_protobuf


def export_command(
    types: Sequence[str],
    form: Form,
    namespace: str,
    cluster: str,
    check: Path | None,
    registry: str | None,
    command_config: Path | None,
    out: Path | None,
    force: bool,
    output: Manifest,
) -> None:
    """Make the manifests, and write, print or compare them."""
    with errors_reported():
        check_names(namespace, cluster)
        if check is not None and out is not None:
            raise InvalidSpec("--check and --out: give one of the two")
        drafts = drafts_of(types, form, namespace, cluster)
        if check is None:
            hand_over(drafts, out, force=force, output=output)
            return
        differing = differences(drafts, check, registry, command_config)
    for told in differing:
        typer.echo(f"error: {told}", err=True)
    if differing:
        raise typer.Exit(1)
    where = "" if registry is None else ", in the registry too"
    typer.echo(f"{len(drafts)} schemas are as the code says{where}", err=True)


def drafts_of(types: Sequence[str], form: Form, namespace: str, cluster: str) -> list[Draft]:
    """A KafkaSchema for each ``TOPIC=MODULE:TYPE``.

    Raises:
        InvalidSpec: an argument has another form, a module cannot be imported, or a type has no such schema.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    by_topic = {}
    for argument in types:
        topic, equals, place = argument.partition("=")
        module, colon, name = place.partition(":")
        if not equals or not colon or not module or not name:
            raise InvalidSpec(f"{argument}: give TOPIC=MODULE:TYPE, such as user-events=mypackage.events:UserEvent")
        check_topic_name(topic)
        if topic in by_topic:
            raise InvalidSpec(f"topic {topic} is given twice: events of several types are one union in one schema")
        kind = _imported(module, name)
        by_topic[topic] = _text(form, kind, place, module)
    names = object_names(f"{topic}-value" for topic in by_topic)
    drafts = []
    for topic, text in by_topic.items():
        subject, kind = f"{topic}-value", form.value.upper()
        spec = {"clusterRef": {"name": cluster}, "subject": subject, "schemaType": kind, "schema": text}
        parse(KafkaSchemaSpec, spec)
        drafts.append(Draft(Key(SCHEMA, namespace, names[f"{topic}-value"]), spec))
    return drafts


def _text(form: Form, kind: Any, place: str, module: str) -> str:
    match form:
        case Form.JSON:
            return json_schema(kind, place)
        case Form.AVRO:
            return avro_text(kind, place, module)
        case Form.PROTOBUF:
            return protobuf_text(kind, place)


def json_schema(kind: Any, place: str) -> str:
    """A type's JSON Schema, on several lines and always the same.

    Raises:
        InvalidSpec: it has none.
    """
    adapter = _event(kind, place).adapter
    assert adapter is not None  # noqa: S101 -- _event looked
    try:
        # what can be read, so that a new field with a default is a compatible change
        schema = adapter.json_schema(by_alias=True, mode="validation")
    except Exception as error:  # of pydantic, in several classes
        raise InvalidSpec(f"{place} has no JSON Schema: {error}") from error
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **_draft7(schema)}, indent=2) + "\n"


def avro_text(kind: Any, place: str, module: str) -> str:
    """A type's Avro schema, on several lines and always the same; its names are in the module's namespace.

    Raises:
        InvalidSpec: it has none.
    """
    event = _event(kind, place)
    try:
        schema = avro_schema(event, module)
    except ServiceError as error:
        raise InvalidSpec(f"{place} has no Avro schema: {error.message}") from error
    except PydanticInvalidForJsonSchema as error:
        raise InvalidSpec(f"{place} has no Avro schema: {error}") from error
    return json.dumps(schema, indent=2) + "\n"


def protobuf_text(kind: Any, place: str) -> str:
    """The .proto file of a class made by protoc: all of it, since a record names its type by the place in its file.

    Raises:
        InvalidSpec: it is no such class, or its file cannot be written.
    """
    if not is_protobuf(kind):
        raise InvalidSpec(f"{place} is no class made by protoc: --schema-type json or avro is for all others")
    from kafkade.service.protobuf import proto_text  # a compiler, which the others need not load

    try:
        return proto_text(kind)
    except ServiceError as error:
        raise InvalidSpec(f"{place} has no .proto text: {error.message}") from error


def _event(kind: Any, place: str) -> EventType:
    try:
        event = EventType(kind)
    except KafkadeError as error:
        raise InvalidSpec(f"{place}: {error.message}") from error
    if event.adapter is None:
        why = "a class made by protoc takes --schema-type protobuf" if event.protobuf else "bytes have no schema"
        raise InvalidSpec(f"{place}: {why}")
    return event


def _imported(module: str, name: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise InvalidSpec(f"module {module} has no {name}") from error
    except Exception as error:  # whatever the module's own code raises
        raise InvalidSpec(f"module {module} cannot be imported: {type(error).__name__}: {error}") from error
    return found


def _draft7(schema: Any) -> Any:
    """pydantic writes draft 2020-12; what registries check everywhere is draft 7, where $defs are definitions."""
    if isinstance(schema, list):
        return [_draft7(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$defs" and isinstance(value, dict):
            made["definitions"] = {name: _draft7(inner) for name, inner in value.items()}
        elif key == "$ref" and isinstance(value, str):
            made[key] = value.replace("#/$defs/", "#/definitions/")
        elif key == "discriminator" and isinstance(value, dict) and "propertyName" in value:
            continue  # OpenAPI's, and without meaning here
        elif key == "properties" and isinstance(value, dict):
            made[key] = {name: _draft7(inner) for name, inner in value.items()}
        else:
            made[key] = _draft7(value)
    return made
