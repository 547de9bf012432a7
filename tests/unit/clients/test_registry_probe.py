"""Which registry answers: known by what only it says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from kafkade.api.errors import RegistryAuthenticationFailed, RegistryError, RegistryUnreachable
from kafkade.clients.registry import RegistryClient
from support.http import serving

CONFLUENT = {
    "/v1/metadata/id": {"id": "", "scope": {"path": [], "clusters": {"kafka-cluster": "x"}}},
    "/contexts": ["."],
}
APICURIO_INFO = {"name": "Apicurio Registry (SQL)", "description": "", "version": "3.3.3", "builtOn": ""}
KARAPACE = {
    "/_health": {"karapace_version": "6.2.0", "status": {}, "healthy": True},
    "/schemas/types": ["JSON", "AVRO"],
}

# what each path answers (others: 404), the URL's path, flavour, reachable, words in the message
PROBES = [
    pytest.param(CONFLUENT, "", "Confluent", True, None, id="Confluent (ServerMetadataResource.java)"),
    pytest.param(CONFLUENT, "/registry", "Confluent", True, None, id="Confluent below a path"),
    pytest.param(
        {"/apis/registry/v3/system/info": APICURIO_INFO}, "/apis/ccompat/v7", "Apicurio", True, None, id="Apicurio 3"
    ),
    pytest.param(
        {"/apis/registry/v2/system/info": APICURIO_INFO}, "/apis/ccompat/v6", "Apicurio", True, None, id="Apicurio 2"
    ),
    pytest.param({"/contexts": [":.:"]}, "", "Apicurio", True, None, id="Apicurio behind a proxy (recorded on 3.3.3)"),
    pytest.param(KARAPACE, "", "Karapace", True, None, id="Karapace (api/routers/health.py)"),
    pytest.param(
        {"/schemas/types": ["AVRO"]}, "", "Unknown", True, "of a kind that kafkade does not know", id="another"
    ),
    pytest.param({}, "", "Unknown", False, "HTTP 404: is the URL", id="no registry at all"),
    pytest.param(
        {"/v1/metadata/id": {"id": "x"}}, "", "Unknown", False, "404", id="half of Confluent's answer is none"
    ),
    pytest.param({"*": 401}, "", "Unknown", False, "HTTP 401: check its credentials", id="wrong credentials"),
    pytest.param({"*": 500}, "", "Unknown", False, "HTTP 500", id="unwell"),
]


@contextlib.asynccontextmanager
async def registry(answers: dict[str, Any], path: str) -> AsyncIterator[RegistryClient]:
    async def handle(request: web.Request) -> web.Response:
        below = (
            request.path.removeprefix(path) if path and not request.path.startswith("/apis/registry") else request.path
        )
        answer = answers.get(below, answers.get("*", 404))
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.json_response(answer)

    async with serving(handle) as url:
        client = RegistryClient([f"{url}{path}"], timeout=2)
        try:
            yield client
        finally:
            await client.close()


@pytest.mark.parametrize(("answers", "path", "flavour", "reachable", "told"), PROBES)
async def test_probe(answers: dict[str, Any], path: str, flavour: str, reachable: bool, told: str | None) -> None:
    async with registry(answers, path) as client:
        found = await client.probe()
    assert (found.flavour, found.reachable) == (flavour, reachable)
    assert told in found.message if told and found.message else found.message is told


async def test_apicurio_is_asked_for_nothing_that_it_does_not_have() -> None:
    """3.3.3 leaves some requests for unknown paths without any answer; each would cost a whole time limit."""
    asked: list[str] = []

    class Answers(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            asked.append(path)
            return super().get(path, default)

    async with registry(Answers({"/contexts": [":.:"]}), "/apis/ccompat/v7") as client:
        assert await client.flavour() == "Apicurio"
    assert {path for path in asked if path != "*"} == {"/contexts"}


async def test_nothing_listens() -> None:
    async with registry({}, "") as client:
        pass
    found = await client.probe()
    assert (found.flavour, found.reachable) == ("Unknown", False)
    assert "does not answer" in (found.message or "")
    with pytest.raises(RegistryUnreachable):
        await client.flavour()
    await client.close()


async def test_flavour_is_asked_once() -> None:
    answers = dict(CONFLUENT)
    async with registry(answers, "") as client:
        assert await client.flavour() == "Confluent"
        answers.clear()
        assert await client.flavour() == "Confluent"


FLAVOUR_ERRORS = [
    pytest.param({"*": 401}, RegistryAuthenticationFailed, id="wrong credentials"),
    pytest.param({"*": 500}, RegistryUnreachable, id="unwell"),
    pytest.param({}, RegistryError, id="no registry"),
]


@pytest.mark.parametrize(("answers", "error"), FLAVOUR_ERRORS)
async def test_flavour_raises_what_other_calls_raise(answers: dict[str, Any], error: type[Exception]) -> None:
    async with registry(answers, "") as client:
        with pytest.raises(error):
            await client.flavour()
