"""What ``kafkade schema export`` does: import types, and make KafkaSchemas of them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from kafkade.api.common import parse
from kafkade.api.errors import InvalidSpec, KafkadeError
from kafkade.api.kinds import SCHEMA
from kafkade.api.objects import Key
from kafkade.api.policy import check_topic_name
from kafkade.api.schema import KafkaSchemaSpec
from kafkade.cli.manifests_out import check_names, hand_over
from kafkade.cli.options import Manifest
from kafkade.cli.output import errors_reported
from kafkade.cli.schema_check import differences
from kafkade.local.object_names import object_names
from kafkade.local.writing import Draft
from kafkade.service.events import EventType


def export_command(
    types: Sequence[str],
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
        drafts = drafts_of(types, namespace, cluster)
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


def drafts_of(types: Sequence[str], namespace: str, cluster: str) -> list[Draft]:
    """A KafkaSchema for each ``TOPIC=MODULE:TYPE``.

    Raises:
        InvalidSpec: an argument has another form, a module cannot be imported, or a type has no JSON Schema.
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
        by_topic[topic] = json_schema(_imported(module, name), place)
    names = object_names(f"{topic}-value" for topic in by_topic)
    drafts = []
    for topic, text in by_topic.items():
        spec = {"clusterRef": {"name": cluster}, "subject": f"{topic}-value", "schemaType": "JSON", "schema": text}
        parse(KafkaSchemaSpec, spec)
        drafts.append(Draft(Key(SCHEMA, namespace, names[f"{topic}-value"]), spec))
    return drafts


def json_schema(kind: Any, place: str) -> str:
    """A type's JSON Schema, on several lines and always the same.

    Raises:
        InvalidSpec: it has none.
    """
    try:
        event = EventType(kind)
    except KafkadeError as error:
        raise InvalidSpec(f"{place}: {error.message}") from error
    if event.adapter is None:
        raise InvalidSpec(f"{place}: bytes have no schema, and that of a class made by protoc is its .proto file")
    try:
        # what can be read, so that a new field with a default is a compatible change
        schema = event.adapter.json_schema(by_alias=True, mode="validation")
    except Exception as error:  # of pydantic, in several classes
        raise InvalidSpec(f"{place} has no JSON Schema: {error}") from error
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **_draft7(schema)}, indent=2) + "\n"


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
