"""The operator's web pages: all KafkaClusters that it is connected to, with what their resources' conditions say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkade.api.errors import (
    ClusterNotReady,
    DeadLetterLoop,
    InvalidSpec,
    NamingRefused,
    NotAllowed,
    PolicyConflict,
    TopicConflict,
)
from kafkade.api.kinds import CLUSTER, DLQ_POLICY
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.clients.connection import Connection
from kafkade.clients.fence import FENCE
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.registry import RegistryClient
from kafkade.dlq.redrive.sources import is_allowed
from kafkade.engine.engine import Engine
from kafkade.handlers.address import Address
from kafkade.ui.access import Access, TokenFile
from kafkade.ui.clusters import REQUEST_TIMEOUT, Cluster, Declared

_REGISTRY_REQUESTS = 2
"""Requests to a registry at the same time: schemas that are declared come first."""
_REFUSALS = frozenset(
    error.reason for error in (DeadLetterLoop, NamingRefused, NotAllowed, PolicyConflict, TopicConflict)
)
"""Why a topic that a policy names is not one of its dead-letter topics."""


class UiRefused(Exception):
    """The pages cannot be served so; the text says why."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the pages are served, and for whom."""

    address: Address
    access: Access

    @classmethod
    def parse(cls, address: str, token_file: Path | None, names: tuple[str, ...] = ()) -> Pages:
        """From ``host:port``, the file with the token, and names that browsers may call the server by.

        Raises:
            UiRefused: it is something else, or there is no token where others reach it.
        """
        try:
            where = Address.parse(address)
        except ValueError as error:
            raise UiRefused(f"--ui {error}") from None
        if token_file is None:
            raise UiRefused("--ui needs --ui-token-file: the pages show records of dead-letter topics")
        try:
            token = TokenFile(token_file)
        except InvalidSpec as error:
            raise UiRefused(f"--ui-token-file: {error.message}") from error
        return cls(where, Access.at(where.host, token, names))


@asynccontextmanager
async def serving_pages(pages: Pages | None, engine: Engine) -> AsyncIterator[None]:
    """Serve the pages meanwhile; None: do not.

    Raises:
        OSError: nobody can listen there.
    """
    if pages is None:
        yield
        return
    from kafkade.ui.server import serving  # 3 MiB that an operator without pages does not need

    known = Known(engine)
    try:
        async with serving(known.clusters, pages.access, *pages.address, standby=lambda: not FENCE.is_open):
            yield
    finally:
        await known.close()


class Known:
    """The KafkaClusters that the engine knows, with connections of the pages' own: no page keeps the operator waiting."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own: dict[Key, tuple[Connection, KafkaAdmin, RegistryClient | None]] = {}
        """By cluster: the operator's connection, and what was made beside it."""
        self._closing: set[asyncio.Task[None]] = set()

    def clusters(self) -> Mapping[str, Cluster]:
        """By their ids in addresses, in order."""
        found = sorted((r for r in self._engine.store if r.key.kind == CLUSTER), key=lambda r: r.key)
        for gone in self._own.keys() - {resource.key for resource in found}:
            self._drop(gone)
        return {made.id: made for made in map(self._cluster, found)}

    async def close(self) -> None:
        """Close the connections."""
        for key in list(self._own):
            self._drop(key)
        await asyncio.gather(*self._closing)

    def _cluster(self, resource: Resource) -> Cluster:
        key, store = resource.key, self._engine.store
        policies = [found for name in store.members(key, DLQ_POLICY) if (found := store.get(name)) is not None]
        grant = self._engine.ownership.grant
        letters = frozenset(topic for policy in policies for topic in letters_of(policy, grant(policy), key))
        connection = self._engine.connections.get(key)
        kafka, registry = (None, None) if connection is None else self._beside(key, connection)
        return Cluster(
            f"{key.namespace}:{key.name}",
            f"{key.namespace}/{key.name}",
            kafka,
            registry,
            letters.__contains__,
            None if connection is not None else _trouble(key, declared_of(resource)),
            lambda: [
                declared_of(found) for name in (key, *store.members(key)) if (found := store.get(name)) is not None
            ],
        )

    def _beside(self, key: Key, operators: Connection) -> tuple[KafkaAdmin, RegistryClient | None]:
        before = self._own.get(key)
        if before is not None:
            # a connection is made anew at each look that sees brokers change, and its clients only with spec or Secrets
            if before[0].kafka is operators.kafka and before[0].registry is operators.registry:
                return before[1:]
            self._drop(key)
        registry = None if operators.registry is None else operators.registry.beside(_REGISTRY_REQUESTS)
        kafka = KafkaAdmin(operators.kafka.security, timeout=REQUEST_TIMEOUT)
        self._own[key] = (operators, kafka, registry)
        return kafka, registry

    def _drop(self, key: Key) -> None:
        _, *clients = self._own.pop(key)
        for closing in [asyncio.create_task(client.close()) for client in clients if client is not None]:
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _trouble(key: Key, declared: Declared) -> ClusterNotReady:
    return ClusterNotReady(declared.message or f"{key.namespace}/{key.name} has not been looked at yet")


def letters_of(policy: Resource, grant: Grant | None, cluster: Key) -> Iterator[str]:
    """The dead-letter topics of a KafkaDLQPolicy, of those that its status names; ``grant``: what its namespace may use.

    Status names what was refused too, which may be any topic of the cluster; records of it are not for these pages. What a
    policy had before it was shut out stays in its status, so that the grant counts as well.
    """
    if grant is None:
        return
    for part in ("topics", "shareGroups"):
        for entry in policy.status.get(part) or ():
            topic = entry.get("deadLetterTopic") or ""
            if topic and entry.get("reason") not in _REFUSALS and is_allowed(topic, grant, cluster):
                yield topic


def declared_of(resource: Resource) -> Declared:
    """What a resource's Ready condition says."""
    conditions: list[Mapping[str, Any]] = resource.status.get("conditions") or []
    found = next((c for c in conditions if c.get("type") == "Ready"), {})
    return Declared(
        resource.key.kind,
        resource.key.namespace,
        resource.key.name,
        found.get("status"),
        str(found.get("reason") or ""),
        str(found.get("message") or ""),
    )
