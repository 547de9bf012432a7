"""A look ahead where a cluster cannot be used: what waits, what is let go, and what would go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kafkade.api import FINALIZER
from kafkade.api.conditions import Outcome, next_status
from kafkade.api.errors import InvalidSpec, SecretNotFound
from kafkade.api.objects import Key, Owner, Resource
from kafkade.api.plan import Plan
from kafkade.local.kube import LocalKube, Memory
from kafkade.local.preview import Foreseen, Preview
from kafkade.local.snapshot import body_of

NOW = "2026-01-01T00:00:00Z"
MAIN = Key("KafkaCluster", "shop", "main")
POLICY = Key("KafkaDLQPolicy", "shop", "letters")
TOPIC = Key("KafkaTopic", "shop", "orders")
CHILD = Key("KafkaTopic", "shop", "orders.dlq")
AWAY = SecretNotFound("no Secret")


def resource(key: Key, spec: Mapping[str, Any], deleted: str | None = None, **more: Any) -> Resource:
    """One that belongs to the cluster and has kafkade's finalizer."""
    fields: dict[str, Any] = {"labels": {}, "annotations": {}, "status": {}, **more}
    full = spec if key == MAIN else {"clusterRef": {"name": "main"}, **spec}
    return Resource(key, f"uid-{key.name}", 1, "1", NOW, deleted, (FINALIZER,), spec=full, **fields)


def cluster(**spec: Any) -> Resource:
    """One whose Secret nobody has."""
    sasl = {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "kafka-user"}}
    return resource(MAIN, {"bootstrapServers": "127.0.0.1:1", "sasl": sasl, **spec})


def status(outcome: Outcome) -> dict[str, Any]:
    return next_status({}, 1, outcome, NOW)


async def foreseen(*resources: Resource) -> tuple[dict[Key, Foreseen], LocalKube]:
    kube = LocalKube(Memory({r.key: body_of(r) for r in resources}), lambda: NOW)
    return {f.resource.key: f for f in await Preview(kube).run(kube.resources())}, kube


@pytest.mark.parametrize(
    ("of_cluster", "of_policy", "goes"),
    [
        pytest.param({}, {}, False, id="waits for the cluster"),
        pytest.param({"finalizerReleaseAfter": "0s"}, {}, True, id="is let go without it"),
        pytest.param({"finalizerReleaseAfter": "0s"}, {"paused": True}, False, id="is paused"),
    ],
)
async def test_what_a_policy_made_goes_only_with_the_policy(
    of_cluster: dict[str, Any], of_policy: dict[str, Any], goes: bool
) -> None:
    policy = resource(POLICY, {"topics": ["orders"], **of_policy}, deleted=NOW)
    child = resource(CHILD, {}, owner=Owner(policy.key, policy.uid))
    found, kube = await foreseen(cluster(**of_cluster), policy, child)
    assert found[POLICY].goes is goes
    assert [event.reason for event in found[POLICY].plan.events] == (["ClusterGone"] if goes else [])
    left = {r.key: r for r in kube.resources()}
    assert (POLICY in left, left[CHILD].deleted is None) == (not goes, not goes)
    assert (found[CHILD].resource.deleted is not None) is goes


@pytest.mark.parametrize(
    ("deleted", "before"),
    [
        pytest.param(None, {}, id="never looked at"),
        pytest.param(None, status(Outcome.done("as declared")), id="was as declared"),
        pytest.param(None, status(Outcome.failed(AWAY)), id="was told of it"),
        pytest.param(NOW, {}, id="in deletion"),
        pytest.param(NOW, status(Outcome.failed(AWAY)), id="in deletion, and was told of it"),
    ],
)
async def test_what_cannot_be_looked_at_waits_whatever_was_known_of_it(
    deleted: str | None, before: Mapping[str, Any]
) -> None:
    """It was taken for as declared where its status says nothing of an outage, which is the KafkaCluster's to tell."""
    found, _ = await foreseen(cluster(), resource(TOPIC, {}, deleted, status=before))
    assert found[TOPIC].reason == "SecretNotFound"
    assert found[TOPIC].message is not None
    assert found[TOPIC].message.startswith("KafkaCluster shop/main: ")
    assert not found[TOPIC].goes


def test_what_is_refused_does_not_go() -> None:
    error = InvalidSpec("no")
    gone = resource(POLICY, {}, deleted=NOW)
    assert Foreseen(gone, Plan()).goes
    assert not Foreseen(gone, Plan(error=error), error.reason, error.message, error).goes
    assert not Foreseen(resource(POLICY, {}), Plan()).goes
