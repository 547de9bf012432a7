"""Facts that a schema registry reports, as frozen values, and what is sent to it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Flavour = Literal["Confluent", "Apicurio", "Karapace", "Unknown"]


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """Credentials for a registry: HTTP basic or a bearer token. Neither shows in ``repr``."""

    header: str = field(repr=False)
    """The whole Authorization header."""
    kind: Literal["basic", "bearer"] = "basic"

    @classmethod
    def basic(cls, username: str, password: str) -> RegistryAuth:
        """HTTP basic auth (RFC 7617), UTF-8."""
        return cls("Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii"), "basic")

    @classmethod
    def bearer(cls, token: str) -> RegistryAuth:
        """A bearer token (RFC 6750)."""
        return cls(f"Bearer {token}", "bearer")


@dataclass(frozen=True, slots=True)
class RegistryProbe:
    """Which software answers, and whether it can be used. ``message`` says why not."""

    flavour: Flavour
    reachable: bool
    message: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A reference of a schema: how the schema calls it, and which subject's version that is."""

    name: str
    subject: str
    version: int

    def json(self) -> dict[str, Any]:
        """As the REST API has it."""
        return {"name": self.name, "subject": self.subject, "version": self.version}

    def __str__(self) -> str:
        return f"{self.subject}:{self.version}"


@dataclass(frozen=True, slots=True)
class SchemaBody:
    """What is looked up, checked and registered."""

    schema: str
    schema_type: str = "AVRO"
    references: tuple[Reference, ...] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None

    def json(self) -> dict[str, Any]:
        """The request body; fields that are not given are left out, as older registries refuse unknown ones."""
        body: dict[str, Any] = {"schema": self.schema, "schemaType": self.schema_type}
        if self.references:
            body["references"] = [r.json() for r in self.references]
        if self.metadata is not None:
            body["metadata"] = dict(self.metadata)
        if self.rule_set is not None:
            body["ruleSet"] = dict(self.rule_set)
        return body


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a subject as the registry holds it.

    ``references`` is None where the answer did not carry them in a form that can be read.
    """

    version: int
    id: int
    schema: str = ""
    schema_type: str = "AVRO"
    references: tuple[Reference, ...] | None = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Registered:
        """From the answer of a look-up or of GET /subjects/{s}/versions/{v}."""
        return cls(
            version=int(body["version"]),
            id=int(body["id"]),
            schema=str(body.get("schema") or ""),
            schema_type=str(body.get("schemaType") or "AVRO"),
            references=_references(body.get("references")),
            metadata=body.get("metadata") or None,
            rule_set=body.get("ruleSet") or None,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What registering answered. ``version`` None: only the id was told."""

    id: int
    version: int | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Receipt:
        """From the answer of POST /subjects/{s}/versions.

        Confluent tells the version since 7.5 (RegisterSchemaResponse), of a schema that was there already too; Apicurio 3.3.3
        and Karapace tell the id alone.
        """
        version = body.get("version")
        return cls(int(body["id"]), version if type(version) is int and version > 0 else None)


def _references(value: Any) -> tuple[Reference, ...] | None:
    """jikkou#233: a registry may answer references in an unexpected type; they are unknown then, which is not "none"."""
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    found = []
    for item in value:
        if not isinstance(item, Mapping) or not {"name", "subject", "version"} <= item.keys():
            return None
        found.append(Reference(str(item["name"]), str(item["subject"]), int(item["version"])))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SubjectConfig:
    """A subject's own configuration. ``others``: names of further settings that a DELETE would take away too."""

    level: str | None
    others: tuple[str, ...] = ()
    absent: bool = False
    """Whether the registry answered that it does not know the subject. Confluent and Karapace keep a configuration for any
    name and say nothing of subjects by this; Apicurio says it where it has no version, deleted ones included."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> SubjectConfig:
        """From GET /config/{s}; Confluent carries further settings there (normalize, alias, compatibilityGroup, …)."""
        levels = ("compatibilityLevel", "compatibility")
        others = tuple(sorted(k for k, v in body.items() if k not in levels and v is not None))
        level = body.get("compatibilityLevel") or body.get("compatibility")
        return cls(None if level is None else str(level), others)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer of POST /compatibility/…; Apicurio gives no messages with it."""

    compatible: bool
    messages: tuple[str, ...] = ()
