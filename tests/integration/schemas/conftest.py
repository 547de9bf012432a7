"""A real Apicurio for these tests; each test has subjects of its own and sees every call that is made."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kafkade.api.errors import RegistryNotFound, RegistryUnreachable
from kafkade.clients.registry import RegistryClient
from kafkade.devstack import Registry
from support.schemas import Killed, MemoryRegistry, World


class Watched:
    """A RegistryClient whose calls are listed, and which can die after so many of them, as a killed process does."""

    def __init__(self, client: RegistryClient) -> None:
        self.client = client
        self.calls: list[tuple[str, str]] = []
        self.kill_after: int | None = None

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [c for c in self.calls if c[0] in MemoryRegistry.WRITES]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.kill_after is not None and len(self.calls) >= self.kill_after:
                raise Killed
            self.calls.append((name, str(args[0]) if args else ""))
            try:
                return await method(*args, **kwargs)
            except RegistryUnreachable:  # it leaves one request in thousands without an answer
                try:
                    return await method(*args, **kwargs)
                except RegistryNotFound:
                    if not name.startswith("delete"):
                        raise
                    return None  # it was carried out all the same

        return call


@pytest.fixture
async def registry(apicurio: Registry) -> AsyncIterator[Watched]:
    client = RegistryClient([apicurio.url])
    yield Watched(client)
    await client.close()


@pytest.fixture
def world(registry: Watched) -> World:
    return World(registry=registry)


@pytest.fixture
def subject() -> str:
    """A subject that no other test has."""
    return f"s-{uuid.uuid4().hex[:12]}"
