"""What there is to export, in few requests; nothing is written in here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

from kafkade.api.errors import (
    ClusterUnreachable,
    KafkadeError,
    RegistryAuthenticationFailed,
    RegistryNotFound,
    RegistryRequestFailed,
    RegistryUnreachable,
)
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.registry import Registered, RegistryClient, SchemaBody
from kafkade.clusters.observe import BrokerSettings, broker_settings
from kafkade.exports.model import Exported
from kafkade.exports.schemas import Held, Registry, pretty
from kafkade.topics.observe import TopicFacts, observe

_BATCH = 500
"""Topics that one request asks for: answers about many thousands take longer than a client waits."""

Told = Callable[[int, int], None]
"""Is told how many of how many are read."""


async def topic_facts(kafka: KafkaAdmin, names: Collection[str], told: Told) -> dict[str, TopicFacts | KafkadeError]:
    """Facts by topic; an error instead where Kafka answered one for that topic alone.

    Raises:
        KafkaError: no answer at all.
    """
    ordered = sorted(names)
    try:
        moving = await kafka.moving()
    except ClusterUnreachable:
        raise
    except KafkadeError:
        moving = True  # it may not be asked for all at once: then each is looked at
    found: dict[str, TopicFacts | KafkadeError] = {}
    for start in range(0, len(ordered), _BATCH):
        batch = ordered[start : start + _BATCH]
        found |= await _facts(kafka, batch, batch if moving else ())
        told(len(found), len(ordered))
    return found


async def _facts(
    kafka: KafkaAdmin, names: Collection[str], moving: Collection[str]
) -> dict[str, TopicFacts | KafkadeError]:
    try:
        return await observe(kafka, names, moving)
    except ClusterUnreachable:
        raise
    except KafkadeError:
        if not moving:
            raise
        return await observe(kafka, names, ())


async def settings(kafka: KafkaAdmin, found: Exported) -> BrokerSettings:
    """Settings of brokers; what may not be read is noted in ``found``.

    Raises:
        ClusterUnreachable: no answer at all.
    """
    answer = await broker_settings(kafka, await kafka.describe_cluster())
    if isinstance(answer, BrokerSettings):
        return answer
    if isinstance(answer, ClusterUnreachable):
        raise answer
    found.notes.append(f"KafkaCluster: spec.brokerConfig is left out: {answer.message}")
    return BrokerSettings({}, {})


_AT_ONCE = 64
"""Subjects between two reports of progress; the client itself limits how many requests are open."""


async def registry(client: RegistryClient) -> Registry:
    """What holds for all subjects.

    Raises:
        RegistryUnreachable: nothing answers. Other RegistryErrors: it refuses.
    """
    try:
        flavour = await client.flavour()
    except RegistryNotFound as error:
        raise RegistryRequestFailed(
            f"what answers there has no schema registry under this URL (for Apicurio it ends in /apis/ccompat/v7): {error.message}"
        ) from error
    try:
        level = await client.global_level()
    except (RegistryAuthenticationFailed, RegistryNotFound):
        level = None
    return Registry(flavour, level, await client.subjects())


async def subjects(client: RegistryClient, names: Collection[str], told: Told) -> dict[str, Held | KafkadeError | None]:
    """What each subject holds; an error instead where the registry answered one for it alone, None where it is gone.

    Raises:
        RegistryUnreachable: no answer at all.
    """
    ordered = sorted(names)
    found: dict[str, Held | KafkadeError | None] = {}
    for start in range(0, len(ordered), _AT_ONCE):
        batch = ordered[start : start + _AT_ONCE]
        found |= zip(batch, await asyncio.gather(*(_subject(client, name) for name in batch)), strict=True)
        told(len(found), len(ordered))
    return found


async def with_references(
    client: RegistryClient, held: Mapping[str, Held | KafkadeError | None], there: Iterable[str], told: Told
) -> dict[str, Held | KafkadeError | None]:
    """The same with the subjects that they reference, and those that these do. ``there``: all subjects."""
    found, known = dict(held), set(there)
    while True:
        named = {r.subject for h in found.values() if isinstance(h, Held) for r in h.latest.references or ()}
        missing = (named & known) - found.keys()
        if not missing:
            return found
        found |= await subjects(client, missing, told)


async def _subject(client: RegistryClient, name: str) -> Held | KafkadeError | None:
    try:
        latest, config = await asyncio.gather(client.latest(name), client.subject_config(name))
        if latest is None:
            return None
        return Held(latest, config, await _readable(client, name, latest))
    except RegistryUnreachable:
        raise
    except KafkadeError as error:
        return error


async def _readable(client: RegistryClient, name: str, latest: Registered) -> str:
    """The text on several lines, if the registry knows it by that too; else as it is held."""
    text = pretty(latest.schema, latest.schema_type)
    if text == latest.schema:
        return text
    body = SchemaBody(text, latest.schema_type, latest.references or (), latest.metadata, latest.rule_set)
    try:
        found = await client.lookup(name, body, normalize=False)
    except RegistryUnreachable:
        raise
    except KafkadeError:
        return latest.schema
    return text if found is not None and found.version == latest.version else latest.schema
