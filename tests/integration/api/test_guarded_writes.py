"""Writes of the operator that are for the very object that was read: its namesakes, and what others own, stay as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from integration.api.examples import MINIMAL
from kafkade.api import FINALIZER
from kafkade.api.errors import ApiConflict, ApiInvalid, ApiNotFound
from kafkade.api.objects import Resource
from kafkade.clients.kube import SECRET_TYPE, KubeClient
from support.api import Api

MERGE = "application/merge-patch+json"
DONE = {"observedGeneration": 1, "conditions": []}
ANOTHER = "00000000-0000-0000-0000-000000000000"


def owned(body: dict[str, Any]) -> dict[str, Any]:
    """What the writers of anything but the status own."""
    return {m["manager"]: m["fieldsV1"] for m in body["metadata"]["managedFields"] if m.get("subresource") != "status"}


@pytest.mark.parametrize("kind", sorted(MINIMAL))
async def test_a_status_is_written_and_nothing_else(api: Api, kube: KubeClient, kind: str) -> None:
    """Also not who owns what: a server-side apply would leave on what it owns no more."""
    with api.stored(kind, MINIMAL[kind]) as stored:
        path = api.path(kind, stored["metadata"]["name"])
        marks = {"labels": {"team": "a"}, "annotations": {"of": "others"}}
        before = api.call("PATCH", path, {"metadata": marks, "spec": {"paused": True}}, MERGE).body
        written = await kube.patch_status(Resource.from_body(kind, stored), DONE)
        after = api.call("GET", path).body
        assert written == Resource.from_body(kind, after)
        assert after["status"] == DONE
        assert after["spec"] == before["spec"]
        assert owned(after) == owned(before)
        for meta in (before["metadata"], after["metadata"]):
            del meta["managedFields"], meta["resourceVersion"]
        assert after["metadata"] == before["metadata"]


WRITES: dict[str, tuple[Callable[[KubeClient, Resource], Awaitable[object]], type[Exception]]] = {
    "status": (lambda kube, found: kube.patch_status(found, DONE), ApiNotFound),
    "spec": (lambda kube, found: kube.replace_spec(found, {"clusterRef": {"name": "other"}}), ApiConflict),
    "finalizer on": (lambda kube, found: kube.add_finalizer(found), ApiConflict),
    "finalizer off": (lambda kube, found: kube.remove_finalizer(found), ApiConflict),
    "annotation": (lambda kube, found: kube.annotate(found, "kafkade.io/a", "b"), ApiConflict),
    "deletion": (lambda kube, found: kube.delete_resource(found), ApiConflict),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_namesake_is_left_alone(api: Api, kube: KubeClient, write: str) -> None:
    call, error = WRITES[write]
    with api.stored("KafkaTopic", MINIMAL["KafkaTopic"]) as stored:
        path = api.path("KafkaTopic", stored["metadata"]["name"])
        now = api.call("PATCH", path, {"metadata": {"finalizers": [FINALIZER]}}, MERGE).body
        gone = replace(Resource.from_body("KafkaTopic", now), uid=ANOTHER, resource_version="1")
        with pytest.raises(error):
            await call(kube, gone)
        assert api.call("GET", path).body == now


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_what_others_keep_under_the_name_is_left_alone(api: Api, kube: KubeClient, kind: str) -> None:
    plural = f"{kind.lower()}s"
    path = f"/api/v1/namespaces/{api.namespace}/{plural}"
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "theirs"}, "data": {"a": "Yg=="}}
    if kind == "Secret":
        body["type"] = SECRET_TYPE
    made = api.call("POST", path, body).body
    try:
        write = kube.replace_config_map_data if kind == "ConfigMap" else kube.replace_secret_data
        with pytest.raises(ApiConflict):
            await write(api.namespace, "theirs", ANOTHER, {"a": "c"})
        assert api.call("GET", f"{path}/theirs").body == made
        await write(api.namespace, "theirs", made["metadata"]["uid"], {"a": "c"})
        assert api.call("GET", f"{path}/theirs").body["data"] == {"a": "c" if kind == "ConfigMap" else "Yw=="}
    finally:
        api.call("DELETE", f"{path}/theirs")


async def test_finalizers_that_are_others_by_now_are_kept(api: Api, kube: KubeClient) -> None:
    with api.stored("KafkaTopic", MINIMAL["KafkaTopic"]) as stored:
        path = api.path("KafkaTopic", stored["metadata"]["name"])
        seen = api.call("PATCH", path, {"metadata": {"finalizers": [FINALIZER]}}, MERGE).body
        now = api.call("PATCH", path, {"metadata": {"finalizers": ["example.com/first", FINALIZER]}}, MERGE).body
        with pytest.raises(ApiConflict):
            await kube.remove_finalizer(Resource.from_body("KafkaTopic", seen))
        left = await kube.remove_finalizer(Resource.from_body("KafkaTopic", now))
        assert left is not None
        assert left.finalizers == ("example.com/first",)
        api.call("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)


async def test_what_the_schema_refuses_is_no_conflict(api: Api, kube: KubeClient) -> None:
    with api.stored("KafkaTopic", MINIMAL["KafkaTopic"]) as stored:
        found = Resource.from_body("KafkaTopic", stored)
        with pytest.raises(ApiInvalid, match=r"spec\.partitions"):
            await kube.replace_spec(found, {**MINIMAL["KafkaTopic"], "partitions": 0})
        with pytest.raises(ApiInvalid, match="observedGeneration"):
            await kube.patch_status(found, {"observedGeneration": "one"})
