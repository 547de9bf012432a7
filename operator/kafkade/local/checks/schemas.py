"""Whether schemas parse, with what they reference."""

from __future__ import annotations

from collections.abc import Iterator

from kafkade.api.errors import InvalidSchema, InvalidSpec
from kafkade.api.kinds import SCHEMA, TOPIC
from kafkade.api.objects import Key
from kafkade.api.schema import KafkaSchemaSpec
from kafkade.local.checks.subjects import source, text, text_place
from kafkade.local.checks.world import World
from kafkade.local.problems import Problem, Rule
from kafkade.schemas.graph import cycle_error, ring
from kafkade.schemas.parse import parse
from kafkade.schemas.source import load_json
from kafkade.schemas.subjects import needs_record_name, record_name, schema_keys, subject_of
from kafkade.topics.desired import topic_name


def check(world: World) -> Iterator[Problem]:
    """Texts of all schemas."""
    keys = list(world.of_kind(SCHEMA))
    in_circle: dict[Key, tuple[Key, ...]] = {}
    for key in keys:
        way = ring(key, lambda k: schema_keys(world.resources[k]) if k in world.resources else ())
        if way is not None:
            in_circle[key] = way
    circles: dict[frozenset[Key], tuple[Key, ...]] = {}
    for way in in_circle.values():
        circles.setdefault(frozenset(way), way)
    for way in circles.values():
        yield world.problem(way[0], ("spec", "references"), cycle_error(way).message, Rule.CYCLE, of_key=True)
    wrong: dict[Key, Problem] = {}
    for key in keys:
        if key not in in_circle and (problem := _wrong(world, key)) is not None:
            wrong[key] = problem
    for key, problem in wrong.items():
        if not any(other in wrong for other in _below(world, key)):
            yield problem


def _below(world: World, key: Key) -> set[Key]:
    """All schemas that one references, directly or not: a mistake there is told once, there."""
    found: set[Key] = set()
    waiting = list(schema_keys(world.resources[key]))
    while waiting:
        other = waiting.pop()
        if other not in found and other in world.resources:
            found.add(other)
            waiting += schema_keys(world.resources[other])
    return found


def _wrong(world: World, key: Key) -> Problem | None:
    content = text(world, key)
    if content is None:
        return None
    spec = world.spec(key, KafkaSchemaSpec)
    whole = source(world, key)
    try:
        if whole is not None:
            parse(whole)
        elif spec.schema_type.value != "PROTOBUF":
            load_json(content, "the schema")
    except InvalidSchema as error:
        owner, path = text_place(world, key)
        document = world.document(owner)
        place = document.place(path) if error.at is None else document.place_in(path, *error.at)
        return Problem(place, error.message, Rule.SCHEMA, key)
    try:
        _named(world, key, spec, content)
    except InvalidSpec as error:
        return world.problem(key, ("spec", "namingStrategy"), error.message, Rule.SCHEMA)
    return None


def _named(world: World, key: Key, spec: KafkaSchemaSpec, content: str) -> None:
    """Raises InvalidSpec where the subject's name needs one of the schema and there is none."""
    if needs_record_name(spec) and spec.topic_ref is not None:
        topic = world.resources.get(Key(TOPIC, key.namespace, spec.topic_ref.name))
        subject_of(spec, None if topic is None else topic_name(topic), record_name(spec.schema_type.value, content))
