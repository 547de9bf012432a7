"""The committed CRDs on a real API server: no complaints, no defaults but one, and what people see of a resource."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
import yaml

from integration.api.examples import EXAMPLES, MINIMAL
from kafkade.api import API_VERSION
from kafkade.api.common import parse
from kafkade.api.crd import crds
from kafkade.api.kinds import KINDS
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.kubernetes import ControlPlane
from support.api import Api
from support.waiting import until

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KIND_NAMES = sorted(KINDS)

READY = [
    {
        "type": "Ready",
        "status": "False",
        "reason": "ClusterUnreachable",
        "message": "connection refused",
        "observedGeneration": 1,
        "lastTransitionTime": "2030-01-01T00:00:00Z",
    }
]


@pytest.mark.parametrize("plural", sorted(crds()))
def test_the_api_server_has_nothing_to_complain_about(api: Api, plural: str) -> None:
    """As a new CRD (of another group, since this one is there) and as a change of the one that is there."""
    crd = crds()[plural]
    new = deepcopy(crd)
    new["spec"]["group"] = "new.kafkade.io"
    new["metadata"]["name"] = f"{plural}.new.kafkade.io"
    created = api.call("POST", CRDS, new, dryRun="All", fieldValidation="Strict")
    assert (created.status, created.warnings) == (201, ()), created.message

    options = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "test", "force": "true"}
    path = f"{CRDS}/{crd['metadata']['name']}"
    applied = api.call("PATCH", path, crd, "application/apply-patch+yaml", **options)
    assert (applied.status, applied.warnings) == (200, ()), applied.message


@pytest.mark.parametrize("plural", sorted(crds()))
def test_it_is_served_with_a_structural_schema(api: Api, plural: str) -> None:
    """NonStructuralSchema and KubernetesAPIApprovalPolicyConformant would show up here."""
    status = api.call("GET", f"{CRDS}/{plural}.kafkade.io").body["status"]
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_new_resource_says_that_nobody_has_seen_it(api: Api, kind: str) -> None:
    """kstatus takes observedGeneration -1 against generation 1 for "in progress"; without it, for "current"."""
    unseen = {"observedGeneration": -1}
    with api.stored(kind, MINIMAL[kind]) as stored:
        assert stored["status"] == unseen
        assert stored["metadata"]["generation"] == 1
        listed = api.patient("GET", api.path(kind)).body["items"]
        assert [item["status"] for item in listed if item["metadata"]["name"] == stored["metadata"]["name"]] == [unseen]
        path = f"{api.path(kind, stored['metadata']['name'])}/status"
        emptied = [{"op": "add", "path": "/status", "value": {}}]
        assert api.call("PATCH", path, emptied, "application/json-patch+json").body["status"] == unseen


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_spec_and_status_are_written_apart(api: Api, kind: str) -> None:
    with api.stored(kind, MINIMAL[kind]) as stored:
        path = api.path(kind, stored["metadata"]["name"])
        change = {"spec": {"paused": True}, "status": {"observedGeneration": 7, "conditions": READY}}

        after = api.call("PATCH", f"{path}/status", change, "application/merge-patch+json").body
        assert after["status"] == change["status"]
        assert after["spec"] == MINIMAL[kind]
        assert after["metadata"]["generation"] == 1

        change["status"] = {"observedGeneration": 8}
        after = api.call("PATCH", path, change, "application/merge-patch+json").body
        assert after["status"] == {"observedGeneration": 7, "conditions": READY}
        assert after["spec"] == MINIMAL[kind] | {"paused": True}
        assert after["metadata"]["generation"] == 2


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_two_conditions_of_one_type_are_refused(api: Api, kind: str) -> None:
    with api.stored(kind, MINIMAL[kind]) as stored:
        path = f"{api.path(kind, stored['metadata']['name'])}/status"
        change = {"status": {"conditions": READY * 2}}
        answer = api.call("PATCH", path, change, "application/merge-patch+json")
    assert answer.status == 422
    assert "Duplicate value" in answer.message


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_without_a_spec_it_is_refused(api: Api, kind: str) -> None:
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "empty"}}
    answer = api.call("POST", api.path(kind), body, dryRun="All")
    assert answer.status == 422
    assert "spec: Required value" in answer.message


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_misspelt_field_is_refused(api: Api, kind: str) -> None:
    answer = api.create(kind, MINIMAL[kind] | {"pausd": True}, dry_run=True)
    assert answer.status == 400
    assert 'unknown field "spec.pausd"' in answer.message


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"retention.ms": "604800000"}, "a string"),
        ({"retention.ms": 604_800_000}, "an integer"),
        ({"retention.bytes": -1}, "a negative one"),
        ({"message.timestamp.difference.max.ms": 9_223_372_036_854_775_807}, "Kafka's largest"),
        ({"preallocate": True}, "a boolean"),
        ({}, "nothing"),
    ],
)
def test_settings_keep_their_types(api: Api, config: dict[str, Any], reason: str) -> None:
    with api.stored("KafkaTopic", MINIMAL["KafkaTopic"] | {"config": config}) as stored:
        assert stored["spec"]["config"] == config, reason


EMPTIED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a topic's settings": ("KafkaTopic", {"config": {"retention.ms": 1}}, {"config": {}}),
    "a broker's settings": ("KafkaCluster", {"brokerConfig": {"message.max.bytes": 1}}, {"brokerConfig": {}}),
    "the defaults of topics": (
        "KafkaCluster",
        {"topicDefaults": {"config": {"retention.ms": 1}}},
        {"topicDefaults": {"config": {}}},
    ),
}


@pytest.mark.parametrize("case", EMPTIED)
def test_the_last_setting_can_be_given_up_by_server_side_apply(api: Api, case: str) -> None:
    """As Argo CD and Flux do with a chart's ``config: {}``; the API server leaves null where the manager had all keys."""
    kind, before, after = EMPTIED[case]
    with api.stored(kind, MINIMAL[kind]) as stored:
        name = stored["metadata"]["name"]
        for change in (before, after):
            body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": MINIMAL[kind] | change}
            options = {"fieldManager": "gitops", "force": "true", "fieldValidation": "Strict"}
            answer = api.call("PATCH", api.path(kind, name), body, "application/apply-patch+yaml", **options)
            assert answer.status == 200, answer.message
        left = parse(KINDS[kind].spec, answer.body["spec"])
    assert left == parse(KINDS[kind].spec, MINIMAL[kind])


@pytest.mark.parametrize(("kind", "spec"), [(kind, spec) for kind in KINDS for spec in EXAMPLES[kind]])
def test_kubectl_apply_leaves_no_difference(
    crds_installed: ControlPlane, api: Api, kind: str, spec: dict[str, Any]
) -> None:
    """``kubectl diff`` fails when it finds one, as a GitOps tool would see drift."""
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "applied"}, "spec": spec}
    manifest = yaml.safe_dump({**body, "metadata": {"name": "applied", "namespace": api.namespace}})
    crds_installed.kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
    try:
        assert crds_installed.kubectl("diff", "--server-side", "-f", "-", stdin=manifest) == ""
        assert api.call("GET", api.path(kind, "applied")).body["spec"] == spec
    finally:
        crds_installed.kubectl("delete", "-f", "-", stdin=manifest)


COLUMNS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "KafkaCluster": (
        "kcl",
        {
            "topics": 12,
            "partitions": 36,
            "underReplicatedPartitions": 2,
            "offlinePartitions": 1,
            "registry": {"flavour": "Apicurio", "reachable": True},
        },
        {
            "NAME": "seen",
            "BOOTSTRAP": "kafka:9092",
            "TOPICS": "12",
            "PARTITIONS": "36",
            "UNDER-REPLICATED": "2",
            "OFFLINE": "1",
            "REGISTRY": "Apicurio",
        },
    ),
    "KafkaTopic": (
        "ktop",
        {"topicName": "user-events", "partitions": 3, "replicationFactor": 2},
        {"NAME": "seen", "TOPIC": "user-events", "CLUSTER": "main", "PARTITIONS": "3", "REPLICAS": "2"},
    ),
    "KafkaSchema": (
        "ksch",
        {"subject": "a-value", "schemaType": "AVRO", "version": 4, "id": 17, "compatibility": "FULL"},
        {
            "NAME": "seen",
            "SUBJECT": "a-value",
            "TYPE": "AVRO",
            "VERSION": "4",
            "ID": "17",
            "COMPATIBILITY": "FULL",
        },
    ),
    "KafkaDLQPolicy": (
        "kdlq",
        # a time that is to come has no age, which is the same every day
        {
            "matched": 2,
            "depth": 7,
            "oldest": "2130-01-01T00:00:00Z",
            "conditions": [*READY, {**READY[0], "type": "Alert", "reason": "DepthExceeded"}],
        },
        {
            "NAME": "seen",
            "CLUSTER": "main",
            "TOPICS": "2",
            "DEPTH": "7",
            "OLDEST": "<invalid>",
            "ALERT": "DepthExceeded",
        },
    ),
    "KafkaDLQRedrive": (
        "kdlqr",
        {"phase": "Running", "counts": {"moved": 12, "failed": 3}},
        {"NAME": "seen", "PHASE": "Running", "MOVED": "12", "FAILED": "3"},
    ),
    "KafkaServiceBinding": (
        "ksb",
        {
            "service": "users",
            "binding": {"name": "seen-binding"},
            "credentials": {"username": "shop.seen.1", "mechanism": "SCRAM-SHA-512"},
        },
        {"NAME": "seen", "SERVICE": "users", "CLUSTER": "main", "SECRET": "seen-binding", "USER": "shop.seen.1"},
    ),
}
CONDITION = {"READY": "False", "REASON": "ClusterUnreachable", "MESSAGE": "connection refused"}
WIDE = {"BOOTSTRAP", "ID", "MESSAGE"}


def _table(text: str) -> dict[str, str]:
    header, row = (re.split(r"\s{2,}", line.strip()) for line in text.splitlines())
    return dict(zip(header, row, strict=True))


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_kubectl_get_shows_what_people_on_call_want(crds_installed: ControlPlane, api: Api, kind: str) -> None:
    short, status, expected = COLUMNS[kind]
    assert api.create(kind, MINIMAL[kind], "seen").status == 201
    path = api.path(kind, "seen")
    try:
        change = {"status": {"observedGeneration": 1, "conditions": READY, **status}}
        answer = api.call("PATCH", f"{path}/status", change, "application/merge-patch+json")
        assert answer.status == 200, answer.message
        wide = _table(crds_installed.kubectl("get", short, "seen", "-n", api.namespace, "-o", "wide"))
        narrow = _table(crds_installed.kubectl("get", short, "seen", "-n", api.namespace))
        category = crds_installed.kubectl("get", "kafkade", "-n", api.namespace, "-o", "name")
    finally:
        api.delete(kind, "seen")

    assert re.fullmatch(r"\d+s", wide.pop("AGE"))
    assert wide == expected | CONDITION
    assert narrow.keys() == wide.keys() - WIDE | {"AGE"}
    assert f"{KINDS[kind].kind.lower()}.kafkade.io/seen" in category.splitlines()


def test_kubectl_explain_describes_a_field(crds_installed: ControlPlane, api: Api) -> None:
    text = ""

    def described() -> bool:
        nonlocal text
        try:
            text = crds_installed.kubectl("explain", "kafkatopics.spec.partitions")
        except DevStackError:
            return False
        return True

    until(described, "OpenAPI, which is made of a definition after it is served, has the kind")
    assert "can only grow" in text
