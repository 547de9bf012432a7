"""Specs that have a value in a field, with what the field needs beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from support.transitions.fields import ITEM, VALUE, Field, Schema, spec_schema
from support.transitions.values import AVRO, AVRO_OWN, valid

Spec = dict[str, Any]

_MAIN = {"clusterRef": {"name": "main"}}

BASES: Mapping[str, Spec] = {
    "KafkaCluster": {"bootstrapServers": "{bootstrap}", "resyncInterval": "30s"},
    "KafkaTopic": {**_MAIN, "partitions": 2, "config": {"retention.ms": 7200000}},
    "KafkaSchema": {**_MAIN, "subject": "{me}-value", "schema": AVRO},
    "KafkaDLQPolicy": {**_MAIN, "topics": ["{me}source"]},
    "KafkaDLQRedrive": {**_MAIN, "source": {"topic": "{me}source"}, "dryRun": False},
    "KafkaServiceBinding": {**_MAIN, "consumes": [{"topicRef": {"name": "{me}source"}}]},
}
"""Where a resource begins: a spec that is fine."""

_ALTERNATIVES: Mapping[str, tuple[str, ...]] = {
    "KafkaServiceBinding consumes": ("consumes",),
    "KafkaSchema topicRef": ("subject",),
    "KafkaSchema part": ("subject",),
    "KafkaSchema namingStrategy": ("subject",),
    "KafkaSchema schemaFrom": ("schema",),
    "KafkaDLQRedrive source.policyRef": ("source.topic",),
}
"""What a field takes the place of."""

_COMPANY: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "KafkaSchema part": (("topicRef", {"name": "{me}source"}),),
    "KafkaSchema namingStrategy": (("topicRef", {"name": "{me}source"}), ("schema", AVRO_OWN)),
    "KafkaSchema references.[].subject": (("references", [{"name": "Order", "subject": "nowhere", "version": 1}]),),
    "KafkaSchema references.[].version": (("references", [{"name": "Order", "subject": "nowhere", "version": 1}]),),
    "KafkaSchema references": (("references", [{"name": "Order", "schemaRef": {"name": "referenced"}}]),),
    "KafkaDLQRedrive loopGuard.action": (("loopGuard", {"quarantineTopic": "source"}),),
    "KafkaDLQRedrive loopGuard.quarantineTopic": (("loopGuard", {"action": "Quarantine"}),),
    "KafkaCluster sasl.oauthBearer": (("sasl", {"mechanism": "OAUTHBEARER"}),),
    "KafkaCluster sasl.mechanism": (("sasl", {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "login"}}),),
    "KafkaCluster sasl": (("sasl", {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "login"}}),),
    "KafkaCluster schemaRegistry": (("schemaRegistry", {"urls": ["{registry}"]}),),
    "KafkaCluster allowedNamespaces.namespaces": (("allowedNamespaces", {"from": "Selected"}),),
    "KafkaCluster allowedNamespaces.namespaces.[]": (
        ("allowedNamespaces", {"from": "Selected", "namespaces": [{"name": "elsewhere"}]}),
    ),
    "KafkaCluster allowedNamespaces.namespaces.[].name": (("allowedNamespaces", {"from": "Selected"}),),
    "KafkaCluster allowedNamespaces.namespaces.[].selector": (
        ("allowedNamespaces", {"from": "Selected", "namespaces": [{"selector": {"matchLabels": {"a": "b"}}}]}),
    ),
    "KafkaCluster allowedNamespaces": (("allowedNamespaces", {"from": "All"}),),
    "KafkaCluster clientConfig.{}": (("clientConfig", {"socket.timeout.ms": "6000"}),),
    "KafkaServiceBinding transactionalIdPrefix": (("produces", [{"topic": "{me}source"}]),),
    "KafkaDLQPolicy topicSelector": (("topicSelector", {"matchLabels": {"of": "{me}"}}),),
}  # fmt: skip
"""What a field needs beside it, by the longest path that fits."""


def base(kind: str) -> Spec:
    """A spec that is fine, and one's own."""
    return copy.deepcopy(BASES[kind])


def having(field: Field, value: Any) -> Spec:
    """The kind's base with ``value`` in the field."""
    spec = base(field.kind)
    path = field.path
    for begin, others in _ALTERNATIVES.items():
        if _within(str(field), begin):
            for other in others:
                _take_out(spec, other.split("."))
    for name, beside in _company(field):
        spec[name] = copy.deepcopy(beside)
    _put(spec, spec_schema(field.kind), field.steps, value, Field(field.kind, (), spec_schema(field.kind)))
    assert path
    return spec


def without(field: Field) -> Spec:
    """The same without the field."""
    spec = having(field, choices(field)[0])
    _take_out(spec, list(field.steps))
    return spec


def choices(field: Field) -> tuple[Any, ...]:
    """Values that the schema allows; at least one."""
    return valid(field) or (_least(field),)


def _company(field: Field) -> tuple[tuple[str, Any], ...]:
    fitting = [begin for begin in _COMPANY if _within(str(field), begin)]
    return _COMPANY[max(fitting, key=len)] if fitting else ()


def _within(path: str, begin: str) -> bool:
    return path == begin or path.startswith(begin + ".")


def filled(value: Any, **words: str) -> Any:
    """``value`` with what ``{me}``, ``{bootstrap}``, ``{registry}`` and ``{namespace}`` stand for."""
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", word)
        return value
    if isinstance(value, Mapping):
        return {filled(k, **words): filled(v, **words) for k, v in value.items()}
    return [filled(item, **words) for item in value] if isinstance(value, list) else value


def _put(node: Any, schema: Schema, steps: tuple[str, ...], value: Any, at: Field) -> None:
    """Put ``value`` at the end of ``steps``, making on the way what is not there, with what it requires."""
    step, rest = steps[0], steps[1:]
    inner = _inner(schema, step)
    here = Field(at.kind, (*at.steps, step), inner)
    if step == ITEM:
        if not node:
            node.append(value if not rest else _least(here))
        elif not rest:
            node[0] = value
        if rest:
            _put(node[0], inner, rest, value, here)
        return
    name = next(iter(node), "a") if step == VALUE else step
    if not rest:
        node[name] = value
        return
    if not isinstance(node.get(name), dict | list):
        node[name] = [] if inner["type"] == "array" else _least(here)
    _put(node[name], inner, rest, value, here)


def _inner(schema: Schema, step: str) -> Schema:
    found: Schema = (
        schema["items"]
        if step == ITEM
        else schema["additionalProperties"]
        if step == VALUE
        else schema["properties"][step]
    )
    return found  # fmt: skip


def _least(field: Field) -> Any:
    """The least value of a field: an object with what it requires, a list with as many items as it must have."""
    schema = field.schema
    if schema["type"] == "object" and "properties" in schema:
        found = {}
        for name in schema.get("required", ()):
            found[name] = _least(Field(field.kind, (*field.steps, name), schema["properties"][name]))
        return found
    if schema["type"] == "array" and schema.get("minItems"):
        return [_least(Field(field.kind, (*field.steps, ITEM), schema["items"]))]
    values = valid(field)
    return copy.deepcopy(values[0]) if values else {}


def _take_out(node: Any, steps: list[str]) -> None:
    *way, last = steps
    for step in way:
        if isinstance(node, list):
            node = node[0] if node else None
        elif isinstance(node, dict):
            node = next(iter(node.values()), None) if step == VALUE else node.get(step)
        if node is None:
            return
    if isinstance(node, list):
        del node[:1]
    elif isinstance(node, dict):
        node.pop(next(iter(node), "") if last == VALUE else last, None)
