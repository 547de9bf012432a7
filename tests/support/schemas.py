"""Builders and doubles for the tests of schemas: resources, the engine's context, and a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from kafkade.api import FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.context import Work
from kafkade.api.errors import (
    ConfigMapNotFound,
    IncompatibleSchema,
    InvalidSchema,
    KafkadeError,
    ReferencedBy,
    RegistryNotFound,
)
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.api.policy import Grant
from kafkade.api.schema import Compatibility, KafkaSchemaSpec, KafkaSchemaStatus
from kafkade.clients.registry import Receipt, Reference, Registered, SchemaBody, SubjectConfig, Verdict
from kafkade.schemas.compatibility import violations
from kafkade.schemas.parse import parse as parse_schema
from kafkade.schemas.reconcile import plans, reconcile
from kafkade.schemas.source import Source
from kafkade.schemas.subjects import references_of

CLUSTER = Key("KafkaCluster", "shop", "main")
NOW = "2026-01-01T00:00:00Z"


def avro(*fields: str | Mapping[str, Any], name: str = "Order", **more: Any) -> str:
    """An Avro record; a field given as text is a string field, ``x?`` one with a default."""
    made = []
    for f in fields:
        if isinstance(f, str):
            made.append({"name": f.rstrip("?"), "type": "string", **({"default": ""} if f.endswith("?") else {})})
        else:
            made.append(dict(f))
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": made, **more})


def resource(name: str = "orders", kind: str = "KafkaSchema", **spec: Any) -> Resource:
    """A KafkaSchema (or other kind) in namespace shop; spec keys as on the wire, with ``schema_`` for schema."""
    if "schema_" in spec:
        spec["schema"] = spec.pop("schema_")
    if kind == "KafkaSchema" and "subject" not in spec and "topicRef" not in spec:
        spec["subject"] = f"{name}-value"
    return Resource(
        key=Key(kind, "shop", name),
        uid=f"uid-{name}",
        generation=1,
        resource_version="1",
        created="2025-12-31T00:00:00Z",
        deleted=None,
        finalizers=(),
        labels={},
        annotations={},
        spec={"clusterRef": {"name": "main"}, **spec},
        status={},
    )


def work(of: Resource, grant: Grant | None = None) -> Work[KafkaSchemaSpec]:
    """What the engine's gates let through."""
    return Work(of, parse(KafkaSchemaSpec, of.spec), grant or Grant())


@dataclass
class World:
    """The engine's side: resources by key, ConfigMaps, rivals; it applies reports as the engine does."""

    registry: Any = None
    resources: dict[Key, Resource] = field(default_factory=dict)
    config_maps: dict[tuple[str, str, str], str] = field(default_factory=dict)
    rivals: dict[tuple[Key, str], Key] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=dict)
    grants: dict[Key, Grant] = field(default_factory=dict)
    refuse_finalizer: KafkadeError | None = None

    def put(self, *resources: Resource) -> None:
        for r in resources:
            self.resources[r.key] = r

    def edit(self, name: str, **spec: Any) -> Resource:
        """A change of a spec: keys given as None are taken out; the generation moves."""
        key = Key("KafkaSchema", "shop", name)
        old = self.resources[key]
        if "schema_" in spec:
            spec["schema"] = spec.pop("schema_")
        merged = {k: v for k, v in {**old.spec, **spec}.items() if v is not None}
        self.resources[key] = replace(old, spec=merged, generation=old.generation + 1)
        return self.resources[key]

    def delete(self, name: str) -> None:
        key = Key("KafkaSchema", "shop", name)
        self.resources[key] = replace(self.resources[key], deleted=NOW)

    def status(self, name: str) -> Mapping[str, Any]:
        return self.resources[Key("KafkaSchema", "shop", name)].status

    def ready(self, name: str) -> Mapping[str, Any]:
        return next(c for c in self.status(name)["conditions"] if c["type"] == "Ready")

    # api.context.Context

    def now(self) -> str:
        return NOW

    def get(self, key: Key) -> Resource | None:
        return self.resources.get(key)

    def rival(self, of: Resource, claim: str) -> Key | None:
        return self.rivals.get((of.key, claim))

    def dependants(self, key: Key) -> Iterable[Key]:
        return [k for k, r in self.resources.items() if k.kind == "KafkaSchema" and key in references_of(r)]

    async def config_map_value(self, asker: Key, name: str, key: str) -> str:
        try:
            return self.config_maps[asker.namespace, name, key]
        except KeyError:
            raise ConfigMapNotFound(f"ConfigMap {asker.namespace}/{name} has no key {key}") from None

    async def announce(self, of: Resource, fields: Mapping[str, Any]) -> None:
        current = self.resources[of.key]
        self.resources[of.key] = replace(current, status={**current.status, **fields})

    async def add_finalizer(self, of: Resource) -> None:
        if self.refuse_finalizer is not None:
            raise self.refuse_finalizer
        current = self.resources[of.key]
        self.resources[of.key] = replace(current, finalizers=(*current.finalizers, FINALIZER))

    # what the engine does with it

    async def look(self, *names: str) -> dict[str, Report]:
        """Reconcile these (all when none is named) in one batch. Nothing of the reports is written."""
        keys = [Key("KafkaSchema", "shop", n) for n in names] or [k for k in self.resources if k.kind == "KafkaSchema"]
        reports: list[Report] = []
        await reconcile(self._batch(keys), self._connection(), self, reports.extend)
        return {r.key.name: r for r in reports}

    async def run(self, *names: str) -> dict[str, Report]:
        """The same, and write what the reports say."""
        reports = await self.look(*names)
        for report in reports.values():
            current = self.resources[report.key]
            if report.release:
                current = replace(current, finalizers=tuple(f for f in current.finalizers if f != FINALIZER))
            if report.status is not None:
                parse(KafkaSchemaStatus, report.status, "status")
                current = replace(current, status=json.loads(json.dumps(report.status)))
            self.resources[report.key] = current
            if report.release and current.deleted:
                del self.resources[report.key]
        return reports

    async def plans(self) -> dict[str, Plan]:
        """What a reconcile of all would do."""
        keys = [k for k in self.resources if k.kind == "KafkaSchema"]
        return {key.name: plan for key, plan in (await plans(self._batch(keys), self._connection(), self)).items()}

    def _batch(self, keys: Iterable[Key]) -> list[Work[KafkaSchemaSpec]]:
        return [work(self.resources[k], self.grants.get(k)) for k in keys]

    def _connection(self) -> Any:
        spec = parse(KafkaClusterSpec, {"bootstrapServers": "kafka:9092", **self.cluster})
        return SimpleNamespace(key=CLUSTER, spec=spec, registry=self.registry)


class Killed(BaseException):
    """The process died here."""


@dataclass
class _Version:
    registered: Registered
    deleted: bool = False


class MemoryRegistry:
    """A registry in memory with RegistryClient's methods, and switches for what the real ones do differently.

    ``kill_after``: die after so many calls (reads count as well), as a killed process does.
    """

    WRITES = frozenset({"register", "set_level", "delete_config", "delete_subject"})

    def __init__(self, flavour: str = "Confluent", level: str = "BACKWARD", **switches: Any) -> None:
        self.kind, self.level = flavour, level
        self.held: dict[str, list[_Version]] = {}
        self.levels: dict[str, str] = {}
        self.other_settings: dict[str, tuple[str, ...]] = {}
        self.modes: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.ids: dict[str, int] = {}
        self.drops_contract = switches.pop("drops_contract", flavour in ("Apicurio", "Karapace"))
        self.config_needs_subject = switches.pop("config_needs_subject", False)
        self.verdict: Verdict | None = switches.pop("verdict", None)
        self.refuse_register: KafkadeError | None = None
        self.down: KafkadeError | None = None
        self.kill_after: int | None = None
        assert not switches

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [c for c in self.calls if c[0] in self.WRITES]

    def _call(self, name: str, subject: str) -> None:
        if self.kill_after is not None and len(self.calls) >= self.kill_after:
            raise Killed
        if self.down is not None:
            raise self.down
        self.calls.append((name, subject))

    def live(self, subject: str) -> list[Registered]:
        return [v.registered for v in self.held.get(subject, []) if not v.deleted]

    async def flavour(self) -> str:
        if self.down is not None:
            raise self.down
        return self.kind

    async def global_level(self) -> str | None:
        return self.level

    def _same(self, held: Registered, body: SchemaBody) -> bool:
        contract = self.drops_contract or (held.metadata, held.rule_set) == (body.metadata, body.rule_set)
        return (
            json_or_text(held.schema) == json_or_text(body.schema) and contract and held.references == body.references
        )

    def _find(self, subject: str, body: SchemaBody) -> Registered | None:
        return next((r for r in reversed(self.live(subject)) if self._same(r, body)), None)

    async def lookup(self, subject: str, body: SchemaBody, normalize: bool) -> Registered | None:
        self._call("lookup", subject)
        found = self._find(subject, body)
        return replace(found, references=()) if found and self.kind == "Karapace" else found

    async def version_of_id(self, subject: str, schema_id: int) -> int | None:
        self._call("version_of_id", subject)
        return max((r.version for r in self.live(subject) if r.id == schema_id), default=None)

    async def latest(self, subject: str) -> Registered | None:
        self._call("latest", subject)
        live = self.live(subject)
        return live[-1] if live else None

    async def version(self, subject: str, version: int) -> Registered:
        self._call("version", subject)
        for v in self.held.get(subject, []):
            if v.registered.version == version:
                return v.registered
        raise RegistryNotFound(f"get subject {subject} version {version}: Version {version} not found.", 40402)

    async def versions(self, subject: str) -> tuple[int, ...]:
        self._call("versions", subject)
        return tuple(r.version for r in self.live(subject))

    def _level(self, subject: str) -> str:
        return self.levels.get(subject, self.level)

    def _source(self, schema: str, schema_type: str, references: tuple[Reference, ...]) -> Source:
        held = []
        for ref in references:
            r = next(v.registered for v in self.held[ref.subject] if v.registered.version == ref.version)
            held.append((ref.name, self._source(r.schema, r.schema_type, r.references or ())))
        return Source(schema, schema_type, tuple(held))

    def _compatible(self, subject: str, body: SchemaBody) -> Verdict:
        if self.verdict is not None:
            return self.verdict
        new = parse_schema(self._source(body.schema, body.schema_type, body.references))
        old = [
            (r.version, parse_schema(self._source(r.schema, r.schema_type, r.references or ())))
            for r in self.live(subject)
        ]
        return Verdict(not violations(Compatibility(self._level(subject)), new, old))

    async def compatible(self, subject: str, body: SchemaBody, normalize: bool, *, latest: bool = False) -> Verdict:
        self._call("compatible", subject)
        return self._compatible(subject, body)

    async def register(self, subject: str, body: SchemaBody, normalize: bool) -> Receipt:
        self._call("register", subject)
        if self.refuse_register is not None:
            raise self.refuse_register
        found = self._find(subject, body)
        if found is not None:
            return self._receipt(found)
        for ref in body.references:
            if all(v.registered.version != ref.version for v in self.held.get(ref.subject, [])):
                raise InvalidSchema(f"register subject {subject}: no schema {ref} (HTTP 422, error_code 42201)")
        if not self._compatible(subject, body).compatible:
            raise IncompatibleSchema(f"register subject {subject}: incompatible (HTTP 409)")
        self.add(subject, body)
        return self._receipt(self.live(subject)[-1])

    def _receipt(self, held: Registered) -> Receipt:
        return Receipt(held.id, held.version if self.kind == "Confluent" else None)

    def add(self, subject: str, body: SchemaBody) -> None:
        """Register by hand, unchecked."""
        versions = self.held.setdefault(subject, [])
        key = json.dumps(body.json(), sort_keys=True)
        contract = (None, None) if self.drops_contract else (body.metadata, body.rule_set)
        versions.append(
            _Version(
                Registered(
                    version=len(versions) + 1,
                    id=self.ids.setdefault(key, len(self.ids) + 1),
                    schema=body.schema,
                    schema_type=body.schema_type,
                    references=body.references,
                    metadata=contract[0],
                    rule_set=contract[1],
                )
            )
        )

    async def delete_subject(self, subject: str, *, permanent: bool) -> None:
        self._call("delete_subject", f"{subject}{' permanent' if permanent else ''}")
        if any(
            ref.subject == subject
            for name, versions in self.held.items()
            for v in versions
            if name != subject and not v.deleted
            for ref in v.registered.references or ()
        ):
            raise ReferencedBy(f"delete subject {subject}: One or more references exist (HTTP 422, error_code 42206)")
        versions = self.held.get(subject, [])
        if not versions:
            raise RegistryNotFound(f"delete subject {subject}: Subject not found", 40401)
        live = [v for v in versions if not v.deleted]
        if permanent and live:
            raise RegistryNotFound(f"delete subject {subject}: not soft-deleted", 40405)
        if not permanent and not live:
            raise RegistryNotFound(f"delete subject {subject}: was soft deleted", 40404)
        if permanent:
            del self.held[subject]
            self.levels.pop(subject, None)
        for v in live:
            v.deleted = True

    async def subjects(self, *, deleted: bool = False) -> tuple[str, ...]:
        self._call("subjects", "")
        return tuple(sorted(name for name in self.held if self.live(name) or deleted))

    async def subject_config(self, subject: str) -> SubjectConfig | None:
        self._call("subject_config", subject)
        if self.kind == "Apicurio" and self.live(subject):
            return SubjectConfig(self._level(subject))
        if self.kind == "Apicurio" and subject not in self.held and subject not in self.levels:
            return SubjectConfig(None, absent=True)
        if subject not in self.levels and subject not in self.other_settings:
            return None
        return SubjectConfig(self.levels.get(subject), self.other_settings.get(subject, ()))

    async def set_level(self, subject: str, level: str | None) -> None:
        self._call("set_level", f"{subject}={level}")
        if self.config_needs_subject and not self.live(subject):
            raise RegistryNotFound(f"set compatibility of subject {subject}: Subject not found", 40401)
        if level is None:
            self.levels.pop(subject, None)
        else:
            self.levels[subject] = level

    async def delete_config(self, subject: str) -> None:
        self._call("delete_config", subject)
        self.levels.pop(subject, None)
        self.other_settings.pop(subject, None)

    async def mode(self, subject: str, otherwise: Any = None) -> str | None:
        self._call("mode", subject)
        return self.modes.get(subject, "READWRITE")


def json_or_text(text: str) -> Any:
    """JSON without its layout; other text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
