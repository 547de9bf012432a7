"""Whether code, manifests and registry agree on schemas: what ``kafkade schema export --check`` looks at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kafkade.api.errors import InvalidSchema
from kafkade.api.kinds import SCHEMA
from kafkade.cli.connection import registry_client_from
from kafkade.clients.registry import Registered, RegistryClient, SchemaBody, Verdict
from kafkade.local.writing import Draft


@dataclass(frozen=True, slots=True)
class Declared:
    """The KafkaSchema of a subject in a folder."""

    name: str
    schema_type: str
    schema: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A subject in a registry: its newest version, whether that is the code's schema, and if not, whether it could follow."""

    newest: Registered | None
    same: bool = False
    verdict: Verdict | None = None


def differences(drafts: Sequence[Draft], folder: Path, registry: str | None, command_config: Path | None) -> list[str]:
    """What the KafkaSchemas in a folder, and the newest versions in a registry, say otherwise than the code.

    Raises:
        InvalidSpec: the folder or the address cannot be used. RegistryUnreachable and others, as the registry answers.
    """
    declared = _declared(drafts, folder)
    held: dict[str, Held] = {}
    if registry is not None:
        held = asyncio.run(_held(drafts, registry_client_from(registry, command_config)))
    return [
        told
        for draft in drafts
        for told in difference(draft, declared.get(draft.spec["subject"]), held.get(draft.spec["subject"]), folder)
    ]


def difference(draft: Draft, declared: Declared | None, held: Held | None, folder: Path) -> list[str]:
    """What is said otherwise of one subject. ``held``: None where no registry is asked."""
    subject, kind, text = draft.spec["subject"], draft.spec["schemaType"], draft.spec["schema"]
    found = []
    applied = declared is not None and same(kind, text, declared.schema_type, declared.schema)
    if declared is None:
        found.append(f"{folder} has no KafkaSchema of the subject {subject}")
    elif declared.schema_type != kind:
        found.append(f"KafkaSchema {declared.name}: it is {declared.schema_type}, and the code's is {kind}")
    elif not applied:
        found.append(
            f"KafkaSchema {declared.name}: its schema is not that of the code: write it anew with --out … --force"
        )
    if held is None or held.same:
        return found
    if held.newest is None:
        found.append(f"the registry has no subject {subject}" + (": is the KafkaSchema applied?" if applied else ""))
        return found
    newest = held.newest
    told = f"the registry's subject {subject}: version {newest.version}, its newest, is not the schema of the code"
    if newest.schema_type != kind:
        told += f" ({newest.schema_type}, and the code's is {kind})"
    if declared is not None and same(declared.schema_type, declared.schema, newest.schema_type, newest.schema):
        told += ", but that of the KafkaSchema"
    if held.verdict is not None and held.verdict.compatible:
        told += "; the code's would be compatible as the next one"
    elif held.verdict is not None:
        why = f": {held.verdict.messages[0]}" if held.verdict.messages else ""
        told += f"; the code's would be refused as the next one, it is not compatible{why}"
    return [*found, told]


def same(kind: str, text: str | None, other_kind: str, other: str | None) -> bool:
    """Whether two schemas are one, whatever lines and spaces they have."""
    if kind != other_kind or text is None or other is None:
        return False
    try:
        return bool(json.loads(text) == json.loads(other))
    except ValueError:
        return text.strip() == other.strip()


def _declared(drafts: Sequence[Draft], folder: Path) -> dict[str, Declared]:
    from kafkade.local.manifests import load  # the rules of all kinds, which only this needs

    found: dict[str, Declared] = {}
    for one in load([str(folder)], drafts[0].key.namespace).resources.values():
        if one.key.kind == SCHEMA and one.spec.get("subject"):
            spec = one.spec
            declared = Declared(one.key.name, str(spec.get("schemaType") or "AVRO"), spec.get("schema"))
            found.setdefault(spec["subject"], declared)
    return found


async def _held(drafts: Sequence[Draft], client: RegistryClient) -> dict[str, Held]:
    try:
        found = await asyncio.gather(*(_of_subject(client, draft) for draft in drafts))
    finally:
        await client.close()
    return {draft.spec["subject"]: held for draft, held in zip(drafts, found, strict=True)}


async def _of_subject(client: RegistryClient, draft: Draft) -> Held:
    subject, body = draft.spec["subject"], SchemaBody(draft.spec["schema"], draft.spec["schemaType"])
    newest = await client.latest(subject)
    if newest is None:
        return Held(None)
    if same(body.schema_type, body.schema, newest.schema_type, newest.schema):
        return Held(newest, True)
    if body.schema_type != newest.schema_type:
        return Held(newest)
    try:
        # registries may keep a schema in another form than they were given
        found = await client.lookup(subject, body, True)
        if found is not None and found.version == newest.version:
            return Held(newest, True)
        return Held(newest, False, await client.compatible(subject, body, False))
    except InvalidSchema as error:
        return Held(newest, False, Verdict(False, (error.message,)))
