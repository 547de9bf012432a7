"""The texts of schemas and the subjects that they are for, as far as files say them."""

from __future__ import annotations

from kafkade.api.errors import InvalidSchema, InvalidSpec
from kafkade.api.kinds import SCHEMA, TOPIC
from kafkade.api.objects import Key
from kafkade.api.schema import KafkaSchemaSpec
from kafkade.local.admission import Path
from kafkade.local.checks.world import World
from kafkade.local.manifests import CONFIG_MAP
from kafkade.schemas.source import Source
from kafkade.schemas.subjects import needs_record_name, record_name, subject_of
from kafkade.topics.desired import topic_name


def text(world: World, key: Key) -> str | None:
    """The text of a KafkaSchema; None where it is in no file."""
    spec = world.spec(key, KafkaSchemaSpec)
    if spec.schema_from is None:
        return spec.schema_
    ref = spec.schema_from.config_map_key_ref
    return world.manifests.config_maps.get((key.namespace, ref.name), {}).get(ref.key)


def text_place(world: World, key: Key) -> tuple[Key, Path]:
    """Which document, and which field in it, the text stands in."""
    spec = world.spec(key, KafkaSchemaSpec)
    if spec.schema_from is None:
        return key, ("spec", "schema")
    ref = spec.schema_from.config_map_key_ref
    return Key(CONFIG_MAP, key.namespace, ref.name), ("data", ref.key)


def subject(world: World, key: Key) -> str | None:
    """The subject of a KafkaSchema; None where the files do not say it, or it has none."""
    spec = world.spec(key, KafkaSchemaSpec)
    topic = None
    if spec.topic_ref is not None:
        found = world.resources.get(Key(TOPIC, key.namespace, spec.topic_ref.name))
        if found is None:
            return None
        topic = topic_name(found)
    try:
        return subject_of(spec, topic, _record_name(world, key, spec))
    except (InvalidSpec, InvalidSchema):
        return None


def _record_name(world: World, key: Key, spec: KafkaSchemaSpec) -> str | None:
    content = text(world, key) if needs_record_name(spec) else None
    return None if content is None else record_name(spec.schema_type.value, content)


def source(world: World, key: Key) -> Source | None:
    """A schema with all that it references; None where some of it is in no file, or it is in a circle."""
    if key not in world.sources:
        world.sources[key] = None  # while it is made: whoever comes back to it is in a circle
        world.sources[key] = _made(world, key)
    return world.sources[key]


def _made(world: World, key: Key) -> Source | None:
    content = text(world, key) if key in world.resources else None
    if content is None:
        return None
    spec = world.spec(key, KafkaSchemaSpec)
    references = []
    for reference in spec.references:
        if reference.schema_ref is None:
            return None  # a version that only the registry has
        found = source(world, Key(SCHEMA, key.namespace, reference.schema_ref.name))
        if found is None:
            return None
        references.append((reference.name, found))
    return Source(content, spec.schema_type.value, tuple(references))
