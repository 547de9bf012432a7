"""Lists that come in pages, of a real API server."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from integration.api.examples import MINIMAL
from kafkade.api.objects import Resource
from kafkade.clients import kube as kube_module
from kafkade.clients.kube import KubeClient
from support.api import Api

MERGE = "application/merge-patch+json"


@pytest.mark.parametrize("page", [1, 3, 7, 500], ids=["one each", "some left", "just full", "all in one"])
async def test_all_pages_are_listed_and_each_resource_once(
    api: Api, kube: KubeClient, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_module, "_PAGE", page)
    with ExitStack() as stack:
        stored = [stack.enter_context(api.stored("KafkaTopic", MINIMAL["KafkaTopic"])) for _ in range(7)]
        for body in stored[:4]:
            path = api.path("KafkaTopic", body["metadata"]["name"])
            body |= api.call("PATCH", path, {"metadata": {"labels": {"team": "a"}}}, MERGE).body
        listing = await kube.list_resources("KafkaTopic", api.namespace, None)
        found = list(listing.resources)
        assert sorted(found, key=lambda r: r.key) == sorted(
            (Resource.from_body("KafkaTopic", body) for body in stored), key=lambda r: r.key
        )
        assert int(listing.version) >= max(int(r.resource_version) for r in found)
        chosen = await kube.list_resources("KafkaTopic", api.namespace, "team=a")
        assert {r.key.name for r in chosen.resources} == {body["metadata"]["name"] for body in stored[:4]}
