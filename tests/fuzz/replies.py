"""Replies of servers: a schema registry that may be anything, and an API server with something before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from fuzz.target import PART, Target, whole
from kafkade.api.errors import KubernetesError, RegistryError, SpecError
from kafkade.api.kinds import TOPIC
from kafkade.api.lease import LeaseName
from kafkade.api.objects import Key, Resource
from kafkade.clients.kube import KubeClient
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.clients.registry_http import RegistryTransport


class _Recorded(RegistryTransport):
    """Answers one after another, the last again and again, without a network."""

    def __init__(self, answers: list[tuple[int, str]]) -> None:
        super().__init__(["http://registry:8081/apis/ccompat/v7"])
        self.answers = answers
        self.calls = 0

    async def _once(self, method: str, url: str, params: Mapping[str, str] | None, body: object) -> tuple[int, str]:
        self.calls += 1
        assert self.calls < 500, "it asks without end"
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _answers(data: bytes) -> list[tuple[int, str]]:
    """``200 {…}``, one a part."""
    found = []
    for part in data.split(PART):
        status, _, body = part.partition(b" ")
        found.append((int(status) if len(status) == 3 and status.isdigit() else 200, whole(body)))
    return found


def _client(answers: list[tuple[int, str]]) -> RegistryClient:
    client = RegistryClient(["http://registry:8081/apis/ccompat/v7"])
    client._http = _Recorded(answers)
    return client


_BODY = SchemaBody('"string"')
_CALLS: tuple[Callable[[RegistryClient], Awaitable[Any]], ...] = (
    lambda client: client.lookup("s", _BODY, False),
    lambda client: client.register("s", _BODY, False),
    lambda client: client.latest("s"),
    lambda client: client.version("s", 1),
    lambda client: client.subjects(),
    lambda client: client.versions("s"),
    lambda client: client.compatible("s", _BODY, False),
    lambda client: client.delete_subject("s", permanent=True),
    lambda client: client.referenced_by("s", 1),
    lambda client: client.subject_config("s"),
    lambda client: client.set_level("s", None),
    lambda client: client.delete_config("s"),
    lambda client: client.global_level(),
    lambda client: client.mode("s"),
    lambda client: client.set_mode("s", "READONLY"),
    lambda client: client.schemas.by_id(1),
    lambda client: client.flavour(),
)


def registry(data: bytes) -> None:
    """A registry's replies: each method returns, or raises a RegistryError or a SpecError, with a message of some lines.

    The parts: a status and a text each.
    """
    answers = _answers(data)
    _done(_asked(answers))


async def _asked(answers: list[tuple[int, str]]) -> None:
    await _client(answers[:]).probe()
    for call in _CALLS:
        try:
            await call(_client(answers[:]))
        except (RegistryError, SpecError) as error:
            assert len(error.message) < 4_000  # noqa: PT017


class _Reply:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.content = self

    async def read(self) -> bytes:
        return self.body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self.body[: len(self.body) // 2]
        yield self.body[len(self.body) // 2 :]


class _KubeClient(KubeClient):
    def __init__(self, bodies: list[bytes]) -> None:
        super().__init__()
        self._bodies = bodies
        self._calls = 0

    @asynccontextmanager
    async def _request(self, method: str, path: str, **options: Any) -> AsyncIterator[Any]:
        self._calls += 1
        assert self._calls < 500, "it asks without end"
        yield _Reply(self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0])


_RESOURCE = Resource.from_body(
    TOPIC, {"metadata": {"namespace": "shop", "name": "orders", "uid": "1", "finalizers": ["kafkade.io/finalizer"]}}
)


async def _watched(client: KubeClient) -> None:
    async for _ in client.watch("secrets", "shop", None):
        pass


def kube(data: bytes) -> None:
    """Replies of 200 on the way from an API server, cut off or somebody else's: each call returns or raises a KubernetesError.

    Objects are the API server's own, and trusted to have what every object has.
    """
    _done(_called(data.split(PART)))


async def _called(bodies: list[bytes]) -> None:
    calls: tuple[Callable[[KubeClient], Awaitable[Any]], ...] = (
        lambda client: client.list_resources(TOPIC, None, None),
        lambda client: client.patch_status(_RESOURCE, {}),
        lambda client: client.add_finalizer(_RESOURCE),
        lambda client: client.create_resource(_RESOURCE, Key(TOPIC, "shop", "orders"), {}, {}),
        lambda client: client.get_lease(LeaseName("shop", "kafkade")),
        _watched,
    )
    for call in calls:
        with suppress(KubernetesError):
            try:
                await call(_KubeClient(bodies[:]))
            except (AttributeError, LookupError, TypeError, ValueError):
                if not any(_has_object(body) for body in bodies):
                    raise


def _has_object(body: bytes) -> bool:
    for line in (body, *body.split(b"\n")):
        with suppress(ValueError, RecursionError):
            if isinstance(json.loads(line), dict):
                return True
    return False


def _done(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine comes to that waits for nothing."""
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


_META = json.dumps({"metadata": {"namespace": "shop", "name": "orders", "uid": "1", "resourceVersion": "5"}}).encode()

TARGETS = (
    Target(
        "registry",
        registry,
        (
            *(b"\n%%\n", b"200 ", b"404 ", b"409 ", b"422 ", b"500 ", b"{", b"}", b"[", b"]", b'"id": 1', b'"version": 1'),
            *(b'"schema": "\\"string\\""', b'"references": [', b'"name"', b'"subject"', b'"error_code": 40401', b'"message"'),
            *(b'"is_compatible": true', b'"messages"', b'"compatibilityLevel"', b'"mode"', b'"scope"', b'"clusters"', b"null"),
            *(b"1e999", b"NaN", b"-1", b'[":.:"]', b"\\ud800"),
        ),
    ),
    Target(
        "kube",
        kube,
        (
            *(_META, b"\n%%\n", b'{"items": [', b'"metadata": {', b'"continue": "a"', b'"spec": {', b'"status": {', b"}", b"]"),
            *(b'"type": "ADDED"', b'"object": {', b'"type": "ERROR"', b"\n", b"null", b'"ownerReferences": [', b'"generation": 1'),
            *(b'"holderIdentity"', b'"leaseDurationSeconds"', b'"finalizers": [', b'"labels": {', b'"annotations": {'),
        ),
    ),
)  # fmt: skip
