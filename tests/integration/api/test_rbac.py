"""deploy/rbac/ on a real API server: what the operator's ServiceAccount may do, all of it and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from integration.api.examples import MINIMAL
from kafkade.api import API_VERSION, FINALIZER
from kafkade.api.kinds import KINDS
from kafkade.api.lease import LEASE_API
from kafkade.devstack.kubernetes import ControlPlane
from support.api import Api
from support.places import DEPLOY
from support.waiting import until

RBAC = DEPLOY / "rbac"
READ = ("get", "list", "watch")
CORE = {"configmaps": "ConfigMap"}
"""Kinds whose names are not the plural with a capital."""
MERGE = "application/merge-patch+json"

Right = tuple[str, str, str]

MAKES: set[Right] = {
    ("kafkade.io", "kafkatopics", "create"),
    ("kafkade.io", "kafkatopics", "delete"),
    ("", "configmaps", "create"),
    ("", "configmaps", "patch"),
    ("", "configmaps", "delete"),
    ("kafkade.io", "kafkadlqredrives", "delete"),
}
"""For what a KafkaDLQPolicy keeps, and for redrives whose ttlSecondsAfterFinished has passed."""

NAMESPACED: set[Right] = {
    *(("kafkade.io", kind.plural, verb) for kind in KINDS.values() for verb in (*READ, "patch")),
    *(("kafkade.io", f"{kind.plural}/status", "patch") for kind in KINDS.values()),
    *(("", resource, verb) for resource in ("secrets", "configmaps") for verb in READ),
    ("", "events", "create"),
    *MAKES,
}
LEASE: set[Right] = {("coordination.k8s.io", "leases", verb) for verb in ("create", "get", "update")}
"""In the operator's own namespace only; all but create for the one of its name."""
CLUSTER_WIDE = NAMESPACED | {("", "namespaces", "get")}


@dataclass(frozen=True, slots=True)
class Installed:
    """The rights as installed; the operator calls in a namespace that it watches and in one that it does not."""

    mode: str
    operator: Api
    elsewhere: Api
    home: Api
    """In the operator's own namespace."""
    control_plane: ControlPlane


def _manifests(mode: str, home: str) -> str:
    """The committed files with the ServiceAccount in ``home``, so that this test meets no other installation."""
    files = ["cluster-wide.yaml"] if mode == "cluster-wide" else ["service-account.yaml"]
    found = [item for file in files for item in yaml.safe_load_all((RBAC / file).read_text())]
    for item in found:
        if item["kind"].startswith("ClusterRole"):
            item["metadata"]["name"] = home
        if item["kind"] == "ClusterRoleBinding":
            item["roleRef"]["name"] = home
    return yaml.safe_dump_all(found).replace("kafkade-system", home)


@pytest.fixture(scope="module", params=["cluster-wide", "namespaced"])
def installed(crds_installed: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Installed]:
    """One of the two ways to install."""
    mode = request.param
    home, watched, other = (f"rbac-{mode}{suffix}" for suffix in ("", "-watched", "-other"))
    for namespace in (watched, other):
        crds_installed.kubectl("create", "namespace", namespace)
    crds_installed.kubectl("apply", "--server-side", "-f", "-", stdin=_manifests(mode, home))
    crds_installed.kubectl("create", "serviceaccount", "nobody", "-n", home)
    if mode == "namespaced":
        roles = (RBAC / "namespaced.yaml").read_text().replace("kafkade-system", home)
        crds_installed.kubectl("apply", "--server-side", "-n", watched, "-f", "-", stdin=roles)
    config = crds_installed.kubeconfig_for_service_account(home, "kafkade")
    apis = [Api(config, namespace) for namespace in (watched, other, home)]
    until(lambda: ("", "events", "create") in rights(apis[0], watched), "its rights are in force")
    until(lambda: rights(apis[2], home) >= LEASE, "and those on the Lease")
    yield Installed(mode, *apis, crds_installed)
    for api in apis:
        api.close()


def test_bindings_add_secrets_in_their_namespace_and_nothing_else(installed: Installed) -> None:
    """deploy/rbac/bindings.yaml."""
    home, namespace = f"rbac-{installed.mode}", installed.operator.namespace
    before = [rights(api, api.namespace) for api in (installed.operator, installed.elsewhere)]
    role = (RBAC / "bindings.yaml").read_text().replace("kafkade-system", home)

    def changed() -> bool:
        return rights(installed.operator, namespace) != before[0]

    installed.control_plane.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=role)
    try:
        until(changed, "the authorizer knows of the Role")
        after = [rights(api, api.namespace) for api in (installed.operator, installed.elsewhere)]
    finally:
        installed.control_plane.kubectl("delete", "-n", namespace, "-f", "-", stdin=role)
    until(lambda: not changed(), "and that it is gone")
    assert after[0] - before[0] == {("", "secrets", verb) for verb in ("create", "patch")}
    assert after[1] == before[1]


def rights(api: Api, namespace: str) -> set[Right]:
    """All that the caller may do with resources in a namespace, as the API server itself lists it."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    status: dict[str, Any] = {}

    def whole() -> bool:
        status.update(api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body).body["status"])
        return not status["incomplete"]

    until(whole, "the authorizer knows of roles and of their bindings, which come by watches of their own")
    return {
        (group, resource, verb)
        for rule in status["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_it_has_exactly_these_rights(installed: Installed) -> None:
    """Over those that every ServiceAccount has."""
    home = f"rbac-{installed.mode}"
    config = installed.control_plane.kubeconfig_for_service_account(home, "nobody")
    with closing(Api(config, home)) as nobody:
        base = rights(nobody, home)
    here, there = (rights(api, api.namespace) - base for api in (installed.operator, installed.elsewhere))

    assert here == (CLUSTER_WIDE if installed.mode == "cluster-wide" else NAMESPACED)
    assert there == (CLUSTER_WIDE if installed.mode == "cluster-wide" else set())
    assert rights(installed.home, home) - base == LEASE | there


def _call(api: Api, verb: str, resource: str, name: str | None, namespace: str) -> int:
    """A real request of that verb on that resource; its status."""
    plural, _, sub = resource.partition("/")
    ours = plural in {kind.plural for kind in KINDS.values()}
    root = f"/apis/{API_VERSION}" if ours else "/api/v1"
    scope = "" if plural in ("namespaces", "nodes") else f"/namespaces/{namespace}"
    path = f"{root}{scope}/{plural}" + (f"/{name}" if name else "") + (f"/{sub}" if sub else "")
    kind = next(
        (k.kind for k in KINDS.values() if k.plural == plural), CORE.get(plural, plural.removesuffix("s").capitalize())
    )
    body = {
        "apiVersion": API_VERSION if ours else "v1",
        "kind": kind,
        "metadata": {"name": name or "new", "namespace": namespace},
    }
    match verb:
        case "get" | "list":
            return api.patient("GET", path).status
        case "create":
            extra: dict[str, Any] = {"spec": MINIMAL[kind]} if ours else {}
            if plural == "events":
                extra = {"involvedObject": {"namespace": namespace, "kind": "KafkaTopic", "name": "a"}}
            return api.call("POST", path, body | extra, dryRun="All").status
        case "update":
            return api.call("PUT", path, body, dryRun="All").status
        case "patch":
            return api.call("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE, dryRun="All").status
        case "delete":
            return api.call("DELETE", path, dryRun="All").status
    raise AssertionError(verb)


OBJECTS = tuple(kind.plural for kind in KINDS.values())
ALLOWED = [
    *(
        (verb, plural, name)
        for plural in OBJECTS
        for verb, name in (("get", "mine"), ("list", None), ("patch", "mine"))
    ),
    *(("patch", f"{plural}/status", "mine") for plural in OBJECTS),
    *((verb, plural, name) for plural in ("secrets", "configmaps") for verb, name in (("get", "mine"), ("list", None))),
    ("create", "events", None),
    ("create", "kafkatopics", None),
    ("delete", "kafkatopics", "mine"),
    ("delete", "kafkadlqredrives", "mine"),
    ("create", "configmaps", None),
    ("patch", "configmaps", "mine"),
    ("delete", "configmaps", "mine"),
]
DENIED = [
    *(
        (verb, plural, name)
        for plural in OBJECTS
        for verb, name in (("create", None), ("update", "mine"), ("delete", "mine"))
        if ("kafkade.io", plural, verb) not in MAKES
    ),
    *((verb, f"{plural}/status", "mine") for plural in OBJECTS for verb in ("get", "update")),
    *(
        (verb, plural, name)
        for plural in ("secrets", "configmaps")
        for verb, name in (("create", None), ("update", "mine"), ("patch", "mine"), ("delete", "mine"))
        if ("", plural, verb) not in MAKES
    ),
    ("get", "events", "mine"),
    ("patch", "events", "mine"),
    ("list", "namespaces", None),
    ("list", "pods", None),
    ("create", "pods", None),
    ("list", "serviceaccounts", None),
    ("list", "nodes", None),
    ("patch", "namespaces", "default"),
    ("delete", "namespaces", "default"),
]


@pytest.fixture(scope="module")
def objects(installed: Installed) -> Installed:
    """With something called ``mine`` to work on, in both namespaces."""
    for api in (installed.operator, installed.elsewhere):
        metadata = {"name": "mine", "namespace": api.namespace}
        found = [
            *({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": MINIMAL[kind]} for kind in KINDS),
            *({"apiVersion": "v1", "kind": kind, "metadata": metadata} for kind in ("Secret", "ConfigMap")),
        ]
        installed.control_plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(found))
    return installed


@pytest.mark.parametrize(("verb", "resource", "name"), ALLOWED)
def test_what_it_may_do(objects: Installed, verb: str, resource: str, name: str | None) -> None:
    watched, other = objects.operator, objects.elsewhere
    assert _call(watched, verb, resource, name, watched.namespace) in (200, 201)
    expected = (200, 201) if objects.mode == "cluster-wide" else (403,)
    assert _call(other, verb, resource, name, other.namespace) in expected


@pytest.mark.parametrize(("verb", "resource", "name"), DENIED)
def test_what_it_may_not_do(objects: Installed, verb: str, resource: str, name: str | None) -> None:
    assert _call(objects.operator, verb, resource, name, objects.operator.namespace) == 403


def test_namespaces_are_read_cluster_wide_only(objects: Installed) -> None:
    expected = 200 if objects.mode == "cluster-wide" else 403
    assert _call(objects.operator, "get", "namespaces", objects.operator.namespace, "") == expected


def test_its_lease_and_no_other(installed: Installed) -> None:
    api, watched = installed.home, installed.operator

    def path(name: str = "") -> str:
        return f"/apis/{LEASE_API}/namespaces/{api.namespace}/leases{name}"

    def body(name: str) -> dict[str, Any]:
        return {"apiVersion": LEASE_API, "kind": "Lease", "metadata": {"name": name, "namespace": api.namespace}}

    assert api.call("POST", path(), body("kafkade")).status == 201
    made = api.call("GET", path("/kafkade"))
    assert made.status == 200
    assert api.call("PUT", path("/kafkade"), made.body).status == 200
    for verb, name in (("DELETE", "/kafkade"), ("GET", ""), ("GET", "/another"), ("PUT", "/another")):
        assert api.call(verb, path(name), body("another") if verb == "PUT" else None).status == 403, (verb, name)
    elsewhere = path("/kafkade").replace(api.namespace, watched.namespace)
    assert watched.call("GET", elsewhere).status == 403


def test_its_finalizer_comes_and_goes(objects: Installed) -> None:
    """The one thing outside status that it patches."""
    api = objects.operator
    path = api.path("KafkaTopic", "mine")
    after = api.call("PATCH", path, {"metadata": {"finalizers": [FINALIZER]}}, MERGE)
    assert after.body["metadata"]["finalizers"] == [FINALIZER]
    after = api.call("PATCH", path, {"metadata": {"finalizers": []}}, MERGE)
    assert "finalizers" not in after.body["metadata"]


def test_a_secret_can_be_followed_by_name(objects: Installed) -> None:
    """The operator's own list and watch: one Secret by field selector. The watch ends after a second."""
    api = objects.operator
    path = f"/api/v1/namespaces/{api.namespace}/secrets"
    one = {"fieldSelector": "metadata.name=mine"}
    listed = api.call("GET", path, **one)
    assert [item["metadata"]["name"] for item in listed.body["items"]] == ["mine"]
    watched = api.call("GET", path, **one, watch="true", timeoutSeconds="1")
    assert (watched.body["type"], watched.body["object"]["metadata"]["name"]) == ("ADDED", "mine")


def test_both_ways_to_install_name_one_service_account_and_one_lease() -> None:
    wide = list(yaml.safe_load_all((RBAC / "cluster-wide.yaml").read_text()))
    alone = list(yaml.safe_load_all((RBAC / "service-account.yaml").read_text()))
    assert wide[:2] + wide[4:] == alone
    single = list(yaml.safe_load_all((RBAC / "namespaced.yaml").read_text()))
    assert single[0]["rules"] == wide[2]["rules"][:-1]
    assert single[1]["subjects"] == wide[3]["subjects"]


ROLLING = [
    ("get", "statefulsets", "kafka", True),
    ("get", "pods", "kafka-2", True),
    ("delete", "pods", "kafka-0", True),
    ("get", "statefulsets", "other", False),
    ("list", "statefulsets", None, False),
    ("patch", "statefulsets", "kafka", False),
    ("delete", "statefulsets", "kafka", False),
    ("get", "pods", "kafka-3", False),
    ("delete", "pods", "other-0", False),
    ("list", "pods", None, False),
    ("patch", "pods", "kafka-0", False),
    ("create", "pods", None, False),
]


@pytest.fixture(scope="module")
def with_rolling(installed: Installed) -> Installed:
    """With the example Role for rolling brokers in the watched namespace."""
    role = (RBAC / "rolling.yaml").read_text().replace("kafkade-system", f"rbac-{installed.mode}")
    watched = installed.operator.namespace
    installed.control_plane.kubectl("apply", "--server-side", "-n", watched, "-f", "-", stdin=role)
    path = f"/apis/apps/v1/namespaces/{watched}/statefulsets/kafka"
    until(lambda: installed.operator.call("GET", path).status == 404, "the authorizer knows of the rights")
    return installed


@pytest.mark.parametrize(("verb", "resource", "name", "allowed"), ROLLING)
def test_what_rolling_brokers_adds(
    with_rolling: Installed, verb: str, resource: str, name: str | None, allowed: bool
) -> None:
    """Where it is allowed there is no such object (404), or no such pod to make; where it is not, that is not even said."""
    api = with_rolling.operator
    root = "/apis/apps/v1" if resource == "statefulsets" else "/api/v1"
    for namespace, here in ((api.namespace, allowed), (with_rolling.elsewhere.namespace, False)):
        path = f"{root}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")
        method, body = {"create": ("POST", {}), "delete": ("DELETE", None)}.get(verb, ("GET", None))
        if verb == "patch":
            method, body = "PATCH", {"metadata": {"labels": {"a": "b"}}}
        answer = api.call(method, path, body, MERGE if verb == "patch" else "application/json", dryRun="All")
        assert answer.status == (404 if here else 403), answer.message
