"""What changed from one revision to the next that must not, or that loses data."""

from __future__ import annotations

from collections.abc import Iterator

from kafkade.api import ANNOTATION_DELETION_PROTECTION
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import Managed, ManagementPolicy
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import InvalidSchema
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, DLQ_REDRIVE, SCHEMA, TOPIC
from kafkade.api.objects import Key
from kafkade.api.schema import Compatibility, KafkaSchemaSpec, SchemaDeletionPolicy
from kafkade.api.topic import DeletionPolicy, KafkaTopicSpec
from kafkade.local.admission import Path, forbidden_changes
from kafkade.local.checks.subjects import source, subject, text_place
from kafkade.local.checks.world import World
from kafkade.local.problems import Place, Problem, Rule
from kafkade.schemas.compatibility import violations
from kafkade.schemas.parse import parse
from kafkade.topics.desired import topic_name

DEFAULT_LEVEL = Compatibility.BACKWARD
"""What registries check by where nobody says otherwise."""


def check(old: World, new: World, revision: str) -> Iterator[Problem]:
    """What ``new`` changes of ``old``, which is what ``revision`` has."""
    for key, resource in new.resources.items():
        if key in old.resources:
            for refusal in forbidden_changes(key.kind, key.name, old.resources[key].spec, resource.spec):
                path = _field(refusal.path, refusal.message, resource.spec)
                message = f"{refusal.message} (since {revision})"
                yield new.problem(key, path, message, refusal.rule, of_key=True)
    yield from _schemas(old, new, revision)
    yield from _removed(old, new, revision)


def _field(path: Path, message: str, spec: object) -> Path:
    """Where a rule on changes was broken: its message begins with the field, where that is still there."""
    name = message.split()[0]
    return (*path, name) if isinstance(spec, dict) and name in spec else path


def _subjects(world: World) -> dict[tuple[Key, str], Key]:
    """Schemas by cluster and subject; what is claimed twice is the first one's."""
    found: dict[tuple[Key, str], Key] = {}
    for key in world.of_kind(SCHEMA):
        if (name := subject(world, key)) is not None:
            found.setdefault((world.cluster_of(key), name), key)
    return found


def _schemas(old: World, new: World, revision: str) -> Iterator[Problem]:
    """Schemas of the same subject, whatever their resources are called."""
    before = _subjects(old)
    for claim, key in _subjects(new).items():
        if claim not in before:
            continue
        was, now = source(old, before[claim]), source(new, key)
        if was is None or now is None or was == now:
            continue
        try:
            parsed = parse(now), parse(was)
        except InvalidSchema:
            continue  # told already, or wrong before
        level = _level(new, key)
        for violation in violations(level, parsed[0], [(f"the schema at {revision}", parsed[1])]):
            owner, path = text_place(new, key)
            message = f"subject {claim[1]}: breaks {level.value}: {violation}"
            yield Problem(new.place(owner, path), message, Rule.COMPATIBILITY, key)


def _level(world: World, key: Key) -> Compatibility:
    """The level that is in force once the resource is applied, as far as files say it."""
    cluster = world.cluster(key)
    by_default = cluster.schema_defaults.compatibility if cluster is not None else None
    return world.spec(key, KafkaSchemaSpec).compatibility or by_default or DEFAULT_LEVEL


def _removed(old: World, new: World, revision: str) -> Iterator[Problem]:
    for key, resource in old.resources.items():
        if new.known(key) or key.kind in (CLUSTER, DLQ_REDRIVE):
            continue
        if resource.annotations.get(ANNOTATION_DELETION_PROTECTION) == "true":
            continue
        if old.spec(key, Managed).management_policy is ManagementPolicy.OBSERVE:
            continue
        lost = _lost(old, key)
        if lost is not None:
            place = old.place(key)
            message = (
                f"{key} was in {place.file} at {revision} (line {place.line}) and is no more: {lost}; to keep them, set its"
                " deletionPolicy to Retain in a change of its own first"
            )
            yield Problem(Place(place.file), message, Rule.REMOVED, key, warning=True)


def _lost(world: World, key: Key) -> str | None:
    """What goes with a resource for good."""
    cluster = world.cluster(key) or KafkaClusterSpec(bootstrap_servers="unknown:1")
    if key.kind == TOPIC:
        policy = world.spec(key, KafkaTopicSpec).deletion_policy or cluster.topic_defaults.deletion_policy
        name = topic_name(world.resources[key])
        return f"topic {name} is deleted with its records" if policy is DeletionPolicy.DELETE else None
    if key.kind == SCHEMA:
        of_schema = world.spec(key, KafkaSchemaSpec).deletion_policy or cluster.schema_defaults.deletion_policy
        name = subject(world, key) or "its subject"
        return None if of_schema is SchemaDeletionPolicy.RETAIN else f"subject {name} is deleted with its versions"
    if key.kind == DLQ_POLICY:
        template = world.spec(key, KafkaDLQPolicySpec).dead_letter_topics
        return "its dead-letter topics are deleted" if template.deletion_policy is DeletionPolicy.DELETE else None
    return None
