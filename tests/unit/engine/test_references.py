"""Secrets that a refused login makes doubtful: what is read again, and what that changes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kafkade.api.context import Context
from kafkade.api.errors import (
    ApiNotFound,
    ApiUnavailable,
    AuthenticationFailed,
    ClusterUnreachable,
    KafkadeError,
    KubernetesError,
    RegistryAuthenticationFailed,
)
from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import Key, Resource
from kafkade.clients.kube_api import KubeApi
from kafkade.clusters.connect import Access
from kafkade.engine import connections
from kafkade.engine.connections import Connections
from kafkade.engine.references import References

MAIN = Key(CLUSTER, "shop", "main")


class Silent:
    """An API server whose watches tell of nothing after their first list."""

    def __init__(self) -> None:
        self.found: tuple[int, str] | KubernetesError = (10, "old")
        """The Secret's version and password, or what is answered in its place."""
        self.reads = 0

    async def get(self, plural: str, namespace: str, name: str) -> Mapping[str, Any]:
        self.reads += 1
        if isinstance(self.found, KubernetesError):
            raise self.found
        version, password = self.found
        data = {"password": base64.b64encode(password.encode()).decode()}
        return {"metadata": {"name": name, "resourceVersion": str(version)}, "data": data}

    async def watch(self, *_: str) -> AsyncIterator[tuple[str, list[Mapping[str, Any]]]]:
        raise ApiUnavailable("no watch")
        yield


async def password(references: References) -> bytes | None:
    found = await references.get("secrets", "shop", "login", MAIN)
    return None if found is None else found["password"]


@pytest.mark.parametrize(
    ("now", "taken"),
    [
        pytest.param((11, "new"), b"new", id="newer"),
        pytest.param((9, "older"), b"old", id="of an API server that is behind"),
        pytest.param(ApiNotFound("gone"), b"old", id="gone: that is for the watch to tell"),
        pytest.param(ApiUnavailable("away"), b"old", id="no answer"),
    ],
)
async def test_only_what_is_newer_is_taken(now: tuple[int, str] | KubernetesError, taken: bytes) -> None:
    kube, woken = Silent(), list[Key]()

    def wake(keys: Iterable[Key]) -> None:
        woken.extend(keys)

    references = References(cast(KubeApi, kube), wake)
    try:
        assert await password(references) == b"old"
        kube.found = now
        await references.read_again("secrets", "shop", "login")
        assert await password(references) == taken
        assert woken == ([MAIN] if taken == b"new" else [])
        await references.read_again("secrets", "shop", "another")
        assert kube.reads == 2, "nobody asked for that one"
    finally:
        await references.close()


async def test_a_refused_login_has_its_secrets_read_again_at_once_and_then_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kube, clock = Silent(), SimpleNamespace(now=100.0)
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: clock.now))
    answer: KafkadeError = AuthenticationFailed("the brokers refused the login")

    def access(*_: object) -> Access:
        raise answer

    spec = {"bootstrapServers": "k:9092", "sasl": {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "login"}}}
    meta = {"name": "main", "namespace": "shop", "uid": "u", "generation": 1}
    cluster = Resource.from_body(CLUSTER, {"metadata": meta, "spec": spec})
    references = References(cast(KubeApi, kube), lambda _: None)
    kept = Connections(references, access)
    context = cast(Context, SimpleNamespace(now=lambda: "2026-01-01T12:00:00Z"))

    async def look(times: int = 1, every: float = 0.0) -> int:
        """How often the Secret is read meanwhile."""
        before = kube.reads
        for _ in range(times):
            await kept.look(cluster, (), context)
            clock.now += every
        return kube.reads - before

    try:
        assert await look() == 2, "for the first time, and again at once"
        assert await look(times=100) == 0
        hour = await look(times=3600, every=1.0)
        assert 12 <= hour <= 40, "each five minutes at last, give or take"
        answer = ClusterUnreachable("nobody answers")
        assert await look(times=3600, every=1.0) == 0, "its Secrets are not in doubt"
        answer = RegistryAuthenticationFailed("the registry refused the login")
        assert await look() == 1, "at once"
    finally:
        await references.close()
