"""What Kopf is told, where its defaults would end the operator or leave it blind."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from typing import cast

import kopf
import pytest
from aiohttp import web
from kopf._cogs.clients import auth, fetching
from kopf._cogs.structs import credentials

from kafkade.handlers.liveness import DEAD_WATCH, INACTIVITY
from kafkade.handlers.operator import Forever, Options, configure
from support.http import serving


def settings() -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    configure(made, Options())
    return made


def test_no_refusal_ends_a_watch_and_no_pause_is_long() -> None:
    pauses = cast(Iterable[float], settings().networking.error_backoffs)
    for _ in range(2):  # each request begins anew
        assert [*itertools.islice(pauses, 3)] == [0.5, 1.0, 2.0]
        assert max(itertools.islice(pauses, 1000)) <= 5.0


def test_a_half_open_connection_is_given_up_before_its_watch_is_taken_for_dead() -> None:
    networking = settings().networking
    assert networking.connect_timeout is not None
    assert networking.request_timeout is not None
    assert networking.connect_timeout + networking.request_timeout + INACTIVITY < DEAD_WATCH / 2


async def test_kopf_takes_endless_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server that refuses a list more often than Kopf's own pauses are many, and then answers."""
    monkeypatch.setattr(Forever, "__iter__", lambda _: itertools.repeat(0.0))
    asked = 0

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.json_response({"items": []}) if asked > 30 else web.Response(status=503)

    async with serving(handle) as url:
        vault = credentials.Vault({credentials.VaultKey("test"): kopf.ConnectionInfo(server=url)})
        token = auth.vault_var.set(vault)
        try:
            resource = kopf.Resource("kafkade.io", "v1alpha1", "kafkatopics", namespaced=True)
            pages = [
                page
                async for page in fetching.fetch_objs(
                    settings=settings(), resource=resource, namespace=None, logger=logging.getLogger("test")
                )
            ]
        finally:
            auth.vault_var.reset(token)
            await vault.close()
    assert asked == 31
    assert len(pages) == 1
