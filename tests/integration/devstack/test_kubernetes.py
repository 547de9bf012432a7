"""The control plane as it is started for the tests of everything else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from kafkade.devstack import ControlPlane, DevStackError, cache, kubernetes
from support.waiting import until

NAMESPACE = "devstack"


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    control_plane.kubectl("create", "namespace", NAMESPACE)
    return control_plane


def test_it_says_its_version(cluster: ControlPlane) -> None:
    version = json.loads(cluster.kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"] == version["clientVersion"]["gitVersion"] == "v1.35.4"


def test_kubectl_leaves_nothing_at_home(cluster: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # without it kubectl itself would be looked for, and built, in the new home
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.root().parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECACHEDIR", raising=False)
    cluster.kubectl("get", "namespaces")
    assert not list(tmp_path.iterdir())
    assert (cluster.kubeconfig.parent / "cache").is_dir(), "what it found out about the API is kept beside its cluster"


def test_writes_are_counted(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "configmap", "counted", "-n", NAMESPACE)
    cluster.kubectl("label", "configmap", "counted", "a=b", "-n", NAMESPACE)
    cluster.kubectl("delete", "configmap", "counted", "-n", NAMESPACE)

    def writes() -> Counter[tuple[str, str, int]]:
        return Counter(
            (event.user, event.verb, event.code)
            for event in cluster.audit_events()
            if event.is_write and event.name == "counted" and event.resource == "configmaps"
        )

    until(lambda: writes().total() >= 3, "the log has the last of them, which it gets after its answer")
    assert writes() == {
        ("admin", "create", 201): 1,
        ("admin", "patch", 200): 1,
        ("admin", "delete", 200): 1,
    }


def _definition(folder: Path, plural: str, singular: str) -> Path:
    schema = {"openAPIV3Schema": {"type": "object"}}
    kind = plural.capitalize()
    spec = {
        "group": "devstack.example",
        "scope": "Namespaced",
        "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    metadata = {"name": f"{plural}.devstack.example"}
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata}
    path = folder / f"{plural}.json"
    path.write_text(json.dumps({**body, "spec": spec}))
    return path


def test_definitions_are_served_or_it_says_so(
    cluster: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.serve(_definition(tmp_path, "things", "thing"))
    assert cluster.kubectl("get", "things", "-n", NAMESPACE, "-o", "name") == ""
    monkeypatch.setattr(kubernetes, "_SERVE_TIMEOUT", 1)
    taken = _definition(tmp_path, "others", "thing")  # a name that is taken keeps a definition from being served
    with pytest.raises(DevStackError, match=f"The definitions in {taken} were not served after 1 s"):
        cluster.serve(taken)
    cluster.kubectl("delete", "-f", tmp_path)


def test_a_service_account_has_the_rights_that_rbac_gives_it(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "serviceaccount", "reader", "-n", NAMESPACE)
    cluster.kubectl("create", "role", "reader", "--verb=list", "--resource=secrets", "-n", NAMESPACE)
    cluster.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={NAMESPACE}:reader", "-n", NAMESPACE
    )
    kubeconfig = cluster.kubeconfig_for_service_account(NAMESPACE, "reader")
    as_reader = f"--kubeconfig={kubeconfig}"
    assert f"system:serviceaccount:{NAMESPACE}:reader" in cluster.kubectl(as_reader, "auth", "whoami")

    def may() -> bool:
        try:
            cluster.kubectl(as_reader, "get", "secrets")
        except DevStackError:
            return False
        return True

    until(may, "the authorizer knows of the Role")
    with pytest.raises(DevStackError, match="Forbidden"):
        cluster.kubectl(as_reader, "get", "configmaps")


def test_what_is_owned_goes_with_its_owner(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "configmap", "owner", "-n", NAMESPACE)
    uid = cluster.kubectl("get", "configmap", "owner", "-n", NAMESPACE, "-o", "jsonpath={.metadata.uid}")
    owned = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "owned",
            "namespace": NAMESPACE,
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}],
        },
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(owned))
    cluster.kubectl("delete", "configmap", "owner", "-n", NAMESPACE)
    cluster.kubectl("wait", "--for=delete", "secret/owned", "-n", NAMESPACE, "--timeout=60s")


def test_an_outage_and_the_end() -> None:
    with ControlPlane() as own:
        own.kubectl("create", "namespace", "kept")
        folder, url = own.kubeconfig.parent, own.url
        # a controller manager that is still starting ends when no API server answers it
        until(
            lambda: "default" in own.kubectl("get", "serviceaccounts", "-n", "kept", "-o", "name"),
            "the controllers are at work",
        )

        own.stop_api_server()
        assert set(own.pids()) == {"etcd", "kube-controller-manager"}
        with pytest.raises(DevStackError, match="refused"):
            own.kubectl("get", "namespaces")

        own.start_api_server()
        assert own.url == url
        own.kubectl("get", "namespace", "kept")

        pids = own.pids()
        assert set(pids) == {"etcd", "kube-apiserver", "kube-controller-manager"}
        with pytest.raises(DevStackError, match="no audit log"):
            own.audit_events()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert not folder.exists()
