"""Base model and the parts that several kinds share."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from kafkade.api.errors import InvalidSpec


class Model(BaseModel):
    """Base of every spec and status type: camelCase on the wire, unknown fields refused, values frozen."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,  # validators are built when they are first used: most models are parts of others
    )


def cel(rule: str, message: str, **more: str) -> dict[str, str]:
    """One ``x-kubernetes-validations`` entry: a CEL rule and what the API server says when it is broken."""
    return {"rule": rule, "message": message, **more}


def rules(*entries: dict[str, str]) -> dict[str, Any]:
    """``json_schema_extra`` that carries CEL rules into the CRD."""
    return {"x-kubernetes-validations": list(entries)}


IMMUTABLE = "self == oldSelf"

M = TypeVar("M", bound=Model)


def parse(model: type[M], raw: object, where: str = "spec") -> M:
    """``raw`` as ``model``; InvalidSpec names each wrong field by its path and says what was expected.

    Raises:
        InvalidSpec: with one clause per wrong field.
    """
    try:
        return model.model_validate({} if raw is None else raw)
    except ValidationError as error:
        clauses = []
        for item in error.errors(include_url=False, include_input=False):
            path = ".".join([where, *(str(part) for part in item["loc"])])
            clauses.append(f"{path}: {item['msg'][0].lower()}{item['msg'][1:]}")
        raise InvalidSpec("; ".join(clauses)) from error


Int = Annotated[int, Strict()]
"""An integer that is one on the wire: "3" and true are refused, as the API server refuses them."""

Bool = Annotated[bool, Strict()]

Number = Annotated[float, Strict()]
"""A number with or without a fraction; "2.0" is a text."""


def _config_value(value: object) -> object:
    """One clause for a wrong value, where a union of types would give one for each of them."""
    if isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        found = f'the fraction {value}: put it in quotes, "{value}"'
    elif isinstance(value, list):
        found = "a list: write its items into one string, with commas between them"
    else:
        found = "nothing" if value is None else "an object"
    raise PydanticCustomError(
        "config_value", "expected a string, an integer or a boolean, found {found}", {"found": found}
    )


ConfigValue = Annotated[
    Annotated[str, Strict()] | Annotated[int, Strict()] | Annotated[bool, Strict()], BeforeValidator(_config_value)
]
"""A Kafka setting: string, integer or boolean; Kafka itself only knows strings."""

_OPEN_MAP: dict[str, Any] = {"type": "object", "nullable": True, "x-kubernetes-preserve-unknown-fields": True}
"""CRD schema of a map whose values have several types, which structural schemas cannot say otherwise.

Nullable: a server-side apply of ``{}`` by the manager of all its keys leaves null, which would be refused otherwise.
"""

Settings = Annotated[
    dict[str, ConfigValue],
    BeforeValidator(lambda value: {} if value is None else value),
    Field(json_schema_extra=dict(_OPEN_MAP)),
]
"""Kafka settings by name; null is no settings."""

Duration = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h))+$", max_length=32)]
"""A Go-style duration: 500ms, 30s, 2m, 1h30m, 24h."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """A Duration in seconds: ``seconds("1h30m") == 5400.0``."""
    return sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"([0-9]+)(ms|s|m|h)", duration))


def config_text(value: str | int | bool) -> str:
    """A setting as Kafka spells it: booleans are true and false."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class ManagementPolicy(StrEnum):
    """Full: keep it as declared. Observe: report what differs, never write."""

    FULL = "Full"
    OBSERVE = "Observe"


DnsName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""Names of objects that Kubernetes takes (an RFC 1123 subdomain), up to 253 characters; a spec's DnsName is looser."""


class ClusterRef(Model):
    """Names the KafkaCluster that a resource belongs to."""

    name: DnsName = Field(description="Name of the KafkaCluster.")
    namespace: DnsName | None = Field(
        default=None,
        description="Namespace of the KafkaCluster; by default that of this resource. Another one must be let in by the"
        " cluster's spec.allowedNamespaces.",
    )


class SecretKeyRef(Model):
    """One key of a Secret in the namespace of the resource that names it."""

    name: DnsName = Field(description="Name of the Secret, in the same namespace.")
    key: str = Field(min_length=1, max_length=253, description="Key in the Secret's data.")


class Managed(Model):
    """Fields that every kind's spec has."""

    paused: Bool = Field(
        default=False, description="While true kafkade neither checks nor changes anything for this resource."
    )
    management_policy: ManagementPolicy = Field(
        default=ManagementPolicy.FULL,
        description="Full (default) keeps everything as declared. Observe reports in status what differs and never writes.",
    )


class Condition(Model):
    """A condition as metav1.Condition has it."""

    type: str = Field(description="Ready, Reconciling or Stalled.")
    status: str = Field(description='"True", "False" or "Unknown".')
    reason: str = Field(description="One CamelCase word from the documented list.")
    message: str = Field(description="The cause and the way out.")
    observed_generation: int = Field(description="metadata.generation that this condition speaks of.")
    last_transition_time: str = Field(
        description="When status last changed.", json_schema_extra={"format": "date-time"}
    )


class Drift(Model):
    """A difference between what was declared and what was found outside, that no spec change explains."""

    field: str = Field(description="What differed, for example config[retention.ms], partitions or topicId.")
    expected: str = Field(description="The declared value.")
    found: str = Field(description="The value found.")
    repaired: bool = Field(description="Whether kafkade set it back.")
