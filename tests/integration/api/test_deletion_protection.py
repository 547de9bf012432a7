"""deploy/admission/deletion-protection.yaml on a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.api.examples import MINIMAL
from kafkade.api import ANNOTATION_DELETION_PROTECTION
from kafkade.api.kinds import KINDS
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.kubernetes import ControlPlane
from support.api import Api
from support.places import DEPLOY
from support.waiting import until

POLICY = DEPLOY / "admission" / "deletion-protection.yaml"
PROTECTED = {ANNOTATION_DELETION_PROTECTION: "true"}
KIND_NAMES = sorted(KINDS)


@pytest.fixture(scope="module")
def protected_api(crds_installed: ControlPlane, api: Api) -> Api:
    """With the policy in force: the API server takes a moment to see a new one."""
    crds_installed.kubectl("apply", "--server-side", "-f", POLICY)
    with api.stored("KafkaTopic", MINIMAL["KafkaTopic"], annotations=PROTECTED) as stored:
        name = stored["metadata"]["name"]
        until(lambda: api.delete("KafkaTopic", name, dry_run=True).status == 403, "the policy is in force")
    return api


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_protected_resource_cannot_be_deleted(protected_api: Api, kind: str) -> None:
    with protected_api.stored(kind, MINIMAL[kind], annotations=PROTECTED) as stored:
        name = stored["metadata"]["name"]
        answer = protected_api.delete(kind, name)

        assert answer.status == 403
        assert f"{kind} api-types/{name} is protected" in answer.message
        way_out = (
            f"kubectl annotate -n api-types {KINDS[kind].plural}.kafkade.io {name} {ANNOTATION_DELETION_PROTECTION}-"
        )
        assert way_out in answer.message
        assert (
            protected_api.call("GET", protected_api.path(kind, name)).body["metadata"].get("deletionTimestamp") is None
        )


def test_what_the_message_says_helps(protected_api: Api, crds_installed: ControlPlane) -> None:
    """The command in the message, word by word."""
    assert protected_api.create("KafkaTopic", MINIMAL["KafkaTopic"], "to-go", annotations=PROTECTED).status == 201
    message = protected_api.delete("KafkaTopic", "to-go").message
    command = message[message.index("kubectl ") :].split()

    crds_installed.kubectl(*command[1:])

    assert protected_api.delete("KafkaTopic", "to-go").status == 200
    assert protected_api.call("GET", protected_api.path("KafkaTopic", "to-go")).status == 404


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param(None, id="no annotations"),
        pytest.param({"team": "shop"}, id="other annotations"),
        pytest.param({ANNOTATION_DELETION_PROTECTION: "false"}, id="false"),
        pytest.param({ANNOTATION_DELETION_PROTECTION: ""}, id="empty"),
    ],
)
def test_others_can_be_deleted(protected_api: Api, kind: str, annotations: dict[str, str] | None) -> None:
    assert protected_api.create(kind, MINIMAL[kind], "free", annotations=annotations).status == 201
    answer = protected_api.delete(kind, "free")
    assert answer.status == 200, answer.message
    assert protected_api.call("GET", protected_api.path(kind, "free")).status == 404


def test_a_protected_resource_can_be_changed(protected_api: Api) -> None:
    with protected_api.stored("KafkaTopic", MINIMAL["KafkaTopic"], annotations=PROTECTED) as stored:
        answer = protected_api.replace(stored | {"spec": stored["spec"] | {"partitions": 9}})
        assert answer.status == 200, answer.message


def test_deleting_all_of_a_namespace_passes_over_protected_ones(
    protected_api: Api, crds_installed: ControlPlane
) -> None:
    """DELETE of a collection: its request has no name, yet the message must."""
    crds_installed.kubectl("create", "namespace", "api-collection")
    path = "/apis/kafkade.io/v1alpha1/namespaces/api-collection/kafkatopics"
    body: dict[str, Any] = {"apiVersion": "kafkade.io/v1alpha1", "kind": "KafkaTopic", "spec": MINIMAL["KafkaTopic"]}
    kept = body | {"metadata": {"name": "kept", "annotations": PROTECTED}}
    for each in (kept, body | {"metadata": {"name": "free"}}):
        assert protected_api.call("POST", path, each).status == 201

    answer = protected_api.call("DELETE", path)

    assert answer.status == 403
    assert "KafkaTopic api-collection/kept is protected" in answer.message
    assert protected_api.call("GET", f"{path}/kept").status == 200


def test_a_namespace_stays_until_its_protected_resources_are_let_go(
    protected_api: Api, crds_installed: ControlPlane
) -> None:
    namespace = "api-protected"
    crds_installed.kubectl("create", "namespace", namespace)
    path = f"/apis/kafkade.io/v1alpha1/namespaces/{namespace}/kafkatopics"
    body: dict[str, Any] = {"apiVersion": "kafkade.io/v1alpha1", "kind": "KafkaTopic", "spec": MINIMAL["KafkaTopic"]}
    kept = body | {"metadata": {"name": "kept", "annotations": PROTECTED}}
    assert protected_api.call("POST", path, kept).status == 201

    crds_installed.kubectl("delete", "namespace", namespace, "--wait=false")

    def failure() -> str:
        status = json.loads(crds_installed.kubectl("get", "namespace", namespace, "-o", "json"))["status"]
        found = [c for c in status.get("conditions", ()) if c["type"] == "NamespaceDeletionContentFailure"]
        return found[0]["message"] if found and found[0]["status"] == "True" else ""

    until(failure, "the namespace tells why it stays")
    assert f"KafkaTopic {namespace}/kept is protected" in failure()
    assert protected_api.call("GET", f"{path}/kept").status == 200

    crds_installed.kubectl("annotate", "-n", namespace, "kafkatopics", "kept", f"{ANNOTATION_DELETION_PROTECTION}-")
    crds_installed.kubectl("wait", "--for=delete", f"namespace/{namespace}", "--timeout=90s")
    with pytest.raises(DevStackError, match="NotFound"):
        crds_installed.kubectl("get", "namespace", namespace)
