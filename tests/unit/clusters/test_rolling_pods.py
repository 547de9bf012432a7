"""StatefulSets and pods as the API server shows them: what kafkade makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.clusters.rolling.pods import Pod, pod_names, stateful_set

from .rolling_objects import NOW, pod_object, set_object


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        pytest.param({"replicas": 3}, {"kafka-0": 0, "kafka-1": 1, "kafka-2": 2}, id="three"),
        pytest.param({}, {"kafka-0": 0}, id="the default is one"),
        pytest.param({"replicas": 0}, {}, id="none"),
        pytest.param({"replicas": 2, "ordinals": {"start": 5}}, {"kafka-5": 5, "kafka-6": 6}, id="not from 0 on"),
    ],
)
def test_names(spec: dict[str, Any], names: dict[str, int]) -> None:
    body = set_object()
    body["spec"] = {**spec, "updateStrategy": {"type": "OnDelete"}}
    assert pod_names(body) == names


def test_a_whole_set() -> None:
    objects = {
        "kafka-0": pod_object("kafka-0", "new"),
        "kafka-1": pod_object("kafka-1", "old", deletionTimestamp=NOW),
        "kafka-2": None,
    }
    found = stateful_set(set_object(), objects, 100, NOW)
    assert found.pods == (
        Pod("kafka-0", 100, "uid-kafka-0-new", "new", ready=True),
        Pod("kafka-1", 101, "uid-kafka-1-old", "old", ready=True, terminating=True),
        Pod("kafka-2", 102),
    )
    assert (found.revision, found.known, found.on_delete, found.updated) == ("new", True, True, 1)
    assert found.outdated == (), "what shuts down already is not deleted again"


def test_outdated() -> None:
    objects = {name: pod_object(name, "old" if name == "kafka-1" else "new") for name in pod_names(set_object())}
    assert [pod.name for pod in stateful_set(set_object(), objects, 0, NOW).outdated] == ["kafka-1"]


@pytest.mark.parametrize(
    ("status", "known"),
    [
        pytest.param({"updateRevision": "new", "observedGeneration": 2}, True, id="looked at"),
        pytest.param({"updateRevision": "new", "observedGeneration": 1}, False, id="changed since"),
        pytest.param({}, False, id="just made"),
    ],
)
def test_whether_the_revision_is_the_newest(status: dict[str, Any], known: bool) -> None:
    assert stateful_set(set_object() | {"status": status}, {}, 0, NOW).known is known


@pytest.mark.parametrize("strategy", [None, {}, {"type": "RollingUpdate"}])
def test_the_default_strategy_is_not_on_delete(strategy: dict[str, Any] | None) -> None:
    body = set_object()
    body["spec"]["updateStrategy"] = strategy
    assert not stateful_set(body, {}, 0, NOW).on_delete


def test_a_pod_of_somebody_else_is_never_taken_for_one_of_ours() -> None:
    foreign = pod_object("kafka-0", "old")
    foreign["metadata"]["ownerReferences"] = [{"uid": "another"}]
    found = stateful_set(set_object(), {"kafka-0": foreign}, 0, NOW)
    assert (found.pods[0].uid, found.outdated) == (None, ())
    assert found.pods[0].trouble == "there is a pod of this name that the StatefulSet has not made"


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A container that is not ready."""
    return {"containerStatuses": [{"name": "kafka", "ready": False, "restartCount": 0, "state": state, **more}]}


ENDED = {"lastState": {"terminated": {"exitCode": 1}}}
TROUBLE: list[tuple[str, dict[str, Any], str | None]] = [
    ("starts", container({"waiting": {"reason": "ContainerCreating"}}), None),
    ("runs, not ready yet", container({"running": {}}), None),
    ("ended once", container({"running": {}}, restartCount=1, **ENDED), None),
    (
        "crash loop, waiting",
        container({"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=4, **ENDED),
        "container kafka ends again and again, with exit code 1",
    ),
    (
        "crash loop, up for a moment",
        container({"running": {}}, restartCount=5, **ENDED),
        "container kafka ends again and again, with exit code 1",
    ),
    (
        "crash loop, just ended",
        container({"terminated": {"exitCode": 1}}, restartCount=5),
        "container kafka ends again and again, with exit code 1",
    ),
    ("image", container({"waiting": {"reason": "ErrImagePull"}}), "the image of container kafka cannot be had"),
    ("image, later", container({"waiting": {"reason": "ImagePullBackOff"}}), "the image of container kafka cannot be had"),
    (
        "a Secret is missing",
        container({"waiting": {"reason": "CreateContainerConfigError"}}),
        "container kafka cannot be started: CreateContainerConfigError",
    ),
    (
        "an init container",
        {"initContainerStatuses": container({"waiting": {"reason": "ErrImagePull"}})["containerStatuses"]},
        "the image of container kafka cannot be had",
    ),
    (
        "no node",
        {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
        "no node can take it",
    ),
    ("failed", {"phase": "Failed", "reason": "Evicted"}, "it has failed: Evicted"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "trouble"), [t[1:] for t in TROUBLE], ids=[t[0] for t in TROUBLE])
def test_trouble(status: dict[str, Any], trouble: str | None) -> None:
    body = pod_object("kafka-0", "new")
    body["status"] = status
    found = stateful_set(set_object(), {"kafka-0": body}, 0, NOW).pods[0]
    assert (found.ready, found.trouble) == (False, trouble)


def test_not_ready_for_long() -> None:
    body = pod_object("kafka-0", "new", creationTimestamp="2025-12-31T23:54:59Z")
    body["status"] = {}
    assert stateful_set(set_object(), {"kafka-0": body}, 0, NOW).pods[0].trouble == "it is not Ready after 5 minutes"


def test_a_pod_that_is_ready_has_no_trouble() -> None:
    body = pod_object("kafka-0", "new")
    body["status"] |= container({"running": {}}, restartCount=9)
    assert stateful_set(set_object(), {"kafka-0": body}, 0, NOW).pods[0].trouble is None
