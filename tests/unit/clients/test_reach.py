"""Where the operator connects to on a KafkaCluster's word, and what of an answer it repeats."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from aiohttp import web

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.errors import KafkadeError, NotAllowed, RegistryUnreachable
from kafkade.api.objects import Key
from kafkade.clients import reach
from kafkade.clients.reach import REACH, Reach
from kafkade.clients.registry import RegistryAuth, RegistryClient
from kafkade.clusters.connect import access_of
from support.http import serving

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fe80::1%eth0",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2852039166",
    "0xa9fea9fe",
    "169.254.43518",
    "224.0.0.1",
]


@pytest.mark.parametrize("host", METADATA)
def test_metadata_addresses_in_any_form_are_refused(host: str) -> None:
    assert Reach().why_not(host) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.7", "192.0.2.1", "2001:db8::1", "kafka.kafka.svc", ""])
def test_others_are_let_be(host: str) -> None:
    assert Reach().why_not(host) is None


def test_networks_that_are_allowed_are_the_only_ones() -> None:
    only = Reach()
    only.allow_only(["10.0.0.0/8", " fd00::/8", "169.254.7.7"])
    for host, fine in {
        "10.1.2.3": True,
        "fd00::7": True,
        "169.254.7.7": True,
        "127.0.0.1": False,
        "11.0.0.1": False,
    }.items():
        assert (only.why_not(host) is None) is fine, host
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8 has host bits set"):
        only.allow_only(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"bootstrapServers": "kafka:9092,169.254.169.254:80"}, "spec.bootstrapServers"),
        ({"bootstrapServers": "2852039166:80"}, "spec.bootstrapServers"),
        ({"schemaRegistry": {"urls": ["http://[fd00:ec2::254]/latest"]}}, "spec.schemaRegistry.urls"),
        (
            {
                "sasl": {
                    "mechanism": "OAUTHBEARER",
                    "oauthBearer": {"tokenEndpointUrl": "http://169.254.169.254/t", "clientSecretRef": {"name": "s"}},
                }
            },
            "spec.sasl.oauthBearer.tokenEndpointUrl",
        ),
    ],
)
def test_a_cluster_that_names_one_is_refused(fields: dict[str, Any], field: str) -> None:
    spec = KafkaClusterSpec.model_validate({"bootstrapServers": "kafka:9092", **fields})
    secrets = {"s": {"username": b"u", "password": b"p"}}
    with pytest.raises(NotAllowed, match=field):
        access_of(spec, secrets, Key("KafkaCluster", "shop", "main"))


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names that the DNS gives these addresses."""
    names: dict[str, str] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return real(names.get(host, host), port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


@pytest.mark.parametrize("url", ["http://registry.example:80", "http://169.254.169.254"])
async def test_a_name_is_judged_by_the_address_that_is_connected_to(resolving: dict[str, str], url: str) -> None:
    """A name may mean one address when it is looked at and another one when it is used."""
    resolving["registry.example"] = "169.254.169.254"
    client = RegistryClient([url], auth=RegistryAuth.basic("alice", "S3cret-pass"), timeout=2)
    try:
        with pytest.raises(RegistryUnreachable, match="is an address that no Kafka and no registry has"):
            await client.subjects()
    finally:
        await client.close()


async def test_only_allowed_networks_are_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response([])

    async with serving(handle) as base:
        client = RegistryClient([base], timeout=2)
        try:
            monkeypatch.setattr(REACH, "_allowed", (reach.ip_network("10.0.0.0/8"),))
            with pytest.raises(RegistryUnreachable, match="in none of the networks"):
                await client.subjects()
            assert asked == []
            monkeypatch.setattr(REACH, "_allowed", None)
            assert await client.subjects() == ()
        finally:
            await client.close()


@pytest.mark.parametrize(
    "scheme", ["file:///etc/passwd", "ftp://h/x", "gopher://h:70/_", "HTTP+unix://h", "http://u:p@h/"]
)
def test_no_other_scheme_and_no_credentials(scheme: str) -> None:
    with pytest.raises(ValueError, match="urls"):
        KafkaClusterSpec.model_validate({"bootstrapServers": "k:1", "schemaRegistry": {"urls": [scheme]}})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_take_no_credentials_anywhere(status: int) -> None:
    seen = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.json_response([])

    async with serving(elsewhere) as other:

        async def redirecting(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{other}/subjects"})

        async with serving(redirecting) as base:
            client = RegistryClient([base], auth=RegistryAuth.bearer("S3cret-token"), timeout=2)
            try:
                with pytest.raises(KafkadeError, match=f"HTTP {status}"):
                    await client.subjects()
            finally:
                await client.close()
    assert seen == []


TREASURE = "AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize("status", [200, 400, 404, 409, 422, 500])
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"AccessKeyId": TREASURE}),
        json.dumps([TREASURE]),
        json.dumps({"message": TREASURE}),
        json.dumps({"detail": TREASURE, "error_code": "none"}),
        f"<html>{TREASURE}</html>",
        TREASURE,
        json.dumps(TREASURE),
    ],
)
async def test_what_is_no_registrys_answer_is_not_repeated(status: int, body: str) -> None:
    """A status is read by those who may not reach that server."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    async with serving(handle) as base:
        client = RegistryClient([base], timeout=2)
        said = []
        try:
            said.append((await client.probe()).message or "")
            for ask in (client.subjects, lambda: client.versions("s"), lambda: client.subject_config("s")):
                try:
                    await ask()
                except KafkadeError as error:
                    said.append(error.message)
        finally:
            await client.close()
    assert TREASURE not in "\n".join(said)
    assert said


async def test_what_a_registry_says_is_repeated() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"error_code": 42201, "message": "no field id"}, status=422)

    async with serving(handle) as base:
        client = RegistryClient([base], timeout=2)
        try:
            with pytest.raises(KafkadeError, match="no field id"):
                await client.subjects()
        finally:
            await client.close()
