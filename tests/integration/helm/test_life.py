"""A release from its installation to its end on an API server of its own: what changes, what stays, who owns the CRDs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.helm.hooks import kinds, kinds_are_served, served, waiting_chart
from kafkade.devstack import golang
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.helm import Helm
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.ports import HOST, free_port
from support.helm import older_chart
from support.kubernetes import Kubectl, manifest
from support.metrics import leads
from support.operator import OperatorProcess
from support.places import CHART, ROOT
from support.waiting import until

RELEASE, NAMESPACE = "kafkade", "kafkade-system"
TOPIC = {"clusterRef": {"name": "main"}, "partitions": 3}


class Cluster:
    """An API server, and helm and kubectl as its administrator."""

    def __init__(self, control_plane: ControlPlane, home: Path, module: golang.GoModule = golang.HELM) -> None:
        self.control_plane = control_plane
        self.helm = Helm(home, control_plane.kubeconfig, module)
        self.kubectl = Kubectl(control_plane.kubeconfig)

    def install(self, *words: str | Path, release: str = RELEASE, chart: Path = CHART) -> str:
        """``helm install``; what it printed."""
        return self.helm.run("install", release, chart, "-n", NAMESPACE, "--create-namespace", *words)

    def upgrade(self, *words: str, chart: Path = CHART) -> str:
        """``helm upgrade``; what it printed."""
        return self.helm.run("upgrade", RELEASE, chart, "-n", NAMESPACE, *words)

    def deployment(self) -> dict[str, Any] | None:
        """The operator's."""
        return self.kubectl.get("deployment", RELEASE, NAMESPACE)

    def arguments(self) -> list[str]:
        """What the operator is started with."""
        found = self.deployment()
        assert found is not None
        return list(found["spec"]["template"]["spec"]["containers"][0]["args"])

    def takes(self, obj: dict[str, Any]) -> bool:
        """Whether the API server knows all fields of an object: those of a definition that has changed a moment later."""
        words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
        return self.kubectl.run(*words, stdin=yaml.safe_dump(obj), check=False).returncode == 0

    def crds(self) -> dict[str, dict[str, Any]]:
        """Those of kafkade by their names."""
        listed = json.loads(self.kubectl.run("get", "crds", "-o", "json").stdout)["items"]
        return {item["metadata"]["name"]: item for item in listed if item["spec"]["group"] == "kafkade.io"}


@pytest.fixture(scope="module")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Its own, since releases are installed into it that bring CRDs."""
    with ControlPlane() as control_plane:
        yield Cluster(control_plane, tmp_path_factory.mktemp("helm"))


@pytest.fixture
def cluster(api_server: Cluster) -> Iterator[Cluster]:
    """Without releases. CRDs of earlier tests are the release's, as a user finds them after ``helm uninstall``.

    They are never deleted: soon after it was made, the API server may take minutes to be rid of a definition ("could not
    list instances: storage is (re)initializing").
    """
    if crds := api_server.crds():
        api_server.kubectl.run("label", "crd", *crds, "app.kubernetes.io/managed-by=Helm", "--overwrite")
        owner = (f"meta.helm.sh/release-name={RELEASE}", f"meta.helm.sh/release-namespace={NAMESPACE}")
        api_server.kubectl.run("annotate", "crd", *crds, *owner, "--overwrite")
    yield api_server
    for release in json.loads(api_server.helm.run("list", "-A", "-o", "json")):
        api_server.helm.run("uninstall", release["name"], "-n", release["namespace"])


@pytest.fixture
def applied(cluster: Cluster) -> dict[str, str]:
    """CRDs that kubectl applied and no release owns; their uids."""
    cluster.kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    crds = cluster.crds()
    cluster.kubectl.run("label", "crd", *crds, "app.kubernetes.io/managed-by-")
    cluster.kubectl.run("annotate", "crd", *crds, "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-")
    return {name: crd["metadata"]["uid"] for name, crd in crds.items()}


def older(folder: Path) -> Path:
    """The chart as it could have been a version ago: topics without partitions, and the values of then."""
    chart = older_chart(folder)
    spec = yaml.safe_load((ROOT / "crds" / "kafkatopics.yaml").read_text())["spec"]
    topic = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del topic["properties"]["partitions"]
    # the rules that speak of the field go with it
    topic["x-kubernetes-validations"] = [r for r in topic["x-kubernetes-validations"] if "partitions" not in r["rule"]]
    file = chart / "templates" / "crds" / "kafkatopics.yaml"
    head = file.read_text().partition("\nspec:\n")[0]
    file.write_text(f"{head}\n{yaml.safe_dump({'spec': spec}, width=1000)}{{{{- end }}}}\n")
    return chart


def has_partitions(crd: dict[str, Any]) -> bool:
    """Whether a KafkaTopic can say its partitions."""
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return "partitions" in schema["properties"]["spec"]["properties"]


def test_install_upgrade_roll_back_uninstall(cluster: Cluster, tmp_path: Path) -> None:
    said = cluster.install(chart=older(tmp_path))
    assert f"kubectl -n {NAMESPACE} rollout status deployment/{RELEASE}" in said
    assert "--all-namespaces" in cluster.arguments()
    assert not has_partitions(cluster.crds()["kafkatopics.kafkade.io"])

    # a newer version brings its definitions with it
    cluster.upgrade("--reuse-values", "--set", "operator.logLevel=DEBUG")
    assert "--log-level=DEBUG" in cluster.arguments()
    assert has_partitions(cluster.crds()["kafkatopics.kafkade.io"])
    cluster.kubectl.run("wait", "--for=condition=Established", "crd/kafkatopics.kafkade.io", "--timeout=30s")
    cluster.kubectl.run("create", "namespace", "shop")
    until(lambda: cluster.takes(manifest("KafkaTopic", "orders", TOPIC)), "what is served is the new definition")
    cluster.kubectl.apply(manifest("KafkaTopic", "orders", TOPIC))

    cluster.upgrade("--set", "operator.logLevel=WARNING")
    cluster.helm.run("rollback", RELEASE, "2", "-n", NAMESPACE)
    assert "--log-level=DEBUG" in cluster.arguments()

    before = cluster.kubectl.get("KafkaTopic", "orders")
    said = cluster.helm.run("uninstall", RELEASE, "-n", NAMESPACE)
    assert "kafkatopics.kafkade.io" in said, "it says what it kept"
    assert cluster.deployment() is None
    for kind in ("serviceaccount", "clusterrole", "clusterrolebinding", "validatingadmissionpolicy"):
        listed = cluster.kubectl.run("get", kind, "-A", "-l", "app.kubernetes.io/part-of=kafkade", "-o", "name").stdout
        assert listed == "", f"{kind} is left"
    assert len(cluster.crds()) == 6
    assert cluster.kubectl.get("KafkaTopic", "orders") == before, "what was declared stays declared"

    # and comes back to the same
    cluster.install()
    assert cluster.kubectl.get("KafkaTopic", "orders") == before


DECLARED = ("--set", "kafka.enabled=true", "--set", "topics.orders.partitions=3")


def declared(cluster: Cluster) -> tuple[dict[str, Any], dict[str, Any]]:
    """The KafkaCluster and the KafkaTopic of DECLARED."""
    kafka = cluster.kubectl.get("KafkaCluster", f"{RELEASE}-kafka", NAMESPACE)
    topic = cluster.kubectl.get("KafkaTopic", "orders", NAMESPACE)
    assert kafka is not None
    assert topic is not None
    assert topic["spec"]["clusterRef"] == {"name": f"{RELEASE}-kafka"}
    return kafka, topic


def test_what_values_declare_comes_with_its_kinds(tmp_path: Path) -> None:
    """By a hook, since Helm takes no resource of a kind that is not served when it begins; then they are the release's."""
    chart = waiting_chart(tmp_path)
    with ControlPlane() as control_plane, ThreadPoolExecutor() as beside:
        cluster = Cluster(control_plane, tmp_path)
        pods = beside.submit(kinds_are_served, cluster.kubectl, NAMESPACE)
        said = cluster.install(*DECLARED, "--timeout", "2m", chart=chart)
        pods.result()
        assert "NOT YET MADE" not in said
        kafka, topic = declared(cluster)

        cluster.upgrade("--reuse-values", "--set", "topics.orders.partitions=6")
        changed = declared(cluster)
        assert [found["metadata"]["uid"] for found in changed] == [found["metadata"]["uid"] for found in (kafka, topic)]
        assert (changed[0]["spec"], changed[1]["spec"]["partitions"]) == (kafka["spec"], 6)
        assert "kind: KafkaTopic\n" in cluster.helm.run("get", "manifest", RELEASE, "-n", NAMESPACE)
        cluster.helm.run("rollback", RELEASE, "2", "-n", NAMESPACE)
        assert declared(cluster)[1]["metadata"]["uid"] == topic["metadata"]["uid"]

        # what is declared is never deleted behind somebody's back
        left = declared(cluster)
        cluster.helm.run("uninstall", RELEASE, "-n", NAMESPACE)
        assert declared(cluster) == left


def test_kinds_that_are_not_served_in_time_are_used_by_the_next_upgrade(tmp_path: Path) -> None:
    """As the guide to brokers has it."""
    with ControlPlane() as control_plane:
        cluster = Cluster(control_plane, tmp_path)
        crd = yaml.safe_load((ROOT / "crds" / "kafkaclusters.yaml").read_text())
        # a name that is taken keeps a definition from being served
        names = {"kind": "Other", "listKind": "OtherList", "plural": "others", "singular": "kafkacluster"}
        other = {**crd, "metadata": {"name": "others.kafkade.io"}, "spec": {**crd["spec"], "names": names}}
        cluster.kubectl.run("create", "-f", "-", stdin=json.dumps(other))
        # not by kubectl wait, which fails over a definition that is so new that it has no conditions at all
        until(lambda: "others.kafkade.io" in kinds(cluster.kubectl), "the other kind is served")
        with pytest.raises(DevStackError, match='no matches for kind "KafkaCluster"'):
            cluster.install(*DECLARED)
        free = '{"spec":{"names":{"singular":"other"}}}'
        cluster.kubectl.run("patch", "crd", "others.kafkade.io", "--type=merge", "-p", free)
        cluster.kubectl.run("wait", "--for=condition=Established", "crd/kafkaclusters.kafkade.io", "--timeout=30s")
        until(lambda: "kafkaclusters.kafkade.io" in kinds(cluster.kubectl), "the kind is served")
        cluster.upgrade(*DECLARED)
        assert declared(cluster)[1]["spec"]["partitions"] == 3


def test_helm_3_makes_what_values_declare_at_the_second_time(tmp_path: Path) -> None:
    with ControlPlane() as control_plane:
        cluster = Cluster(control_plane, tmp_path, golang.HELM_3)
        assert "NOT YET MADE" in cluster.install(*DECLARED)
        until(lambda: served(cluster.kubectl), "the kinds are served")
        assert cluster.kubectl.get("KafkaTopic", "orders", NAMESPACE) is None
        assert "NOT YET MADE" not in cluster.upgrade("--reset-then-reuse-values")
        assert declared(cluster)[1]["spec"]["partitions"] == 3


def test_definitions_that_somebody_else_applies(cluster: Cluster, applied: dict[str, str]) -> None:
    said = cluster.install("--set", "crds.create=false")
    assert "kubectl apply --server-side -f crds/" in said
    cluster.helm.run("uninstall", RELEASE, "-n", NAMESPACE)
    assert {name: crd["metadata"]["uid"] for name, crd in cluster.crds().items()} == applied


def test_definitions_that_are_there_are_taken_over_only_on_request(cluster: Cluster, applied: dict[str, str]) -> None:
    with pytest.raises(DevStackError, match="cannot be imported into the current release"):
        cluster.install()
    cluster.install("--take-ownership", "--force-conflicts")
    after = cluster.crds()
    assert {name: crd["metadata"]["uid"] for name, crd in after.items()} == applied
    for crd in after.values():
        assert crd["metadata"]["annotations"]["meta.helm.sh/release-name"] == RELEASE
    cluster.upgrade("--set", "operator.logLevel=DEBUG")


def test_definitions_are_kept_when_the_chart_shall_not_bring_them_any_more(cluster: Cluster) -> None:
    cluster.install()
    before = {name: crd["metadata"]["uid"] for name, crd in cluster.crds().items()}
    cluster.upgrade("--set", "crds.create=false")
    assert {name: crd["metadata"]["uid"] for name, crd in cluster.crds().items()} == before
    cluster.upgrade("--set", "crds.create=true")
    assert {name: crd["metadata"]["uid"] for name, crd in cluster.crds().items()} == before


def test_helm_3_installs_upgrades_and_uninstalls(cluster: Cluster, tmp_path: Path) -> None:
    third = Cluster(cluster.control_plane, tmp_path, golang.HELM_3)
    third.install(chart=older(tmp_path))
    third.upgrade("--set", "operator.logLevel=DEBUG")
    assert "--log-level=DEBUG" in third.arguments()
    assert has_partitions(third.crds()["kafkatopics.kafkade.io"])
    # from 3 to 4 with the same release
    cluster.upgrade("--set", "operator.logLevel=WARNING")
    assert "--log-level=WARNING" in cluster.arguments()
    third.helm.run("uninstall", RELEASE, "-n", NAMESPACE)
    assert third.deployment() is None
    assert len(third.crds()) == 6


def test_a_second_release_leaves_what_is_once_per_cluster_to_the_first(cluster: Cluster) -> None:
    cluster.install()
    alone = ("--set", "crds.create=false", "--set", "operator.admission.deletionProtection=false")
    watch = ("--set", "operator.watch.namespaces={payments}")
    cluster.kubectl.run("create", "namespace", "payments")
    cluster.install(*alone, *watch, release="second")
    assert cluster.kubectl.get("deployment", "second-kafkade", NAMESPACE) is not None
    cluster.helm.run("uninstall", "second", "-n", NAMESPACE)
    assert cluster.deployment() is not None


def test_a_refused_upgrade_changes_nothing(cluster: Cluster) -> None:
    cluster.install()
    before = cluster.arguments()
    with pytest.raises(DevStackError, match="at '/operator': additional properties 'loglevel' not allowed"):
        cluster.upgrade("--set", "operator.loglevel=DEBUG")
    assert cluster.arguments() == before
    assert len(json.loads(cluster.helm.run("history", RELEASE, "-n", NAMESPACE, "-o", "json"))) == 1


ALLOWED = [
    ("kafkade.io", "kafkatopics", "", "watch"),
    ("kafkade.io", "kafkatopics", "", "patch"),
    ("kafkade.io", "kafkatopics", "status", "patch"),
    ("kafkade.io", "kafkadlqredrives", "", "delete"),
    ("", "secrets", "", "get"),
    ("", "configmaps", "", "create"),
    ("", "events", "", "create"),
]
DENIED = [
    ("kafkade.io", "kafkaclusters", "", "create"),
    ("kafkade.io", "kafkaclusters", "", "delete"),
    ("kafkade.io", "kafkaschemas", "", "update"),
    ("kafkade.io", "kafkaschemas", "", "delete"),
    ("", "secrets", "", "create"),
    ("", "secrets", "", "patch"),
    ("", "secrets", "", "delete"),
    ("", "configmaps", "", "update"),
    ("", "pods", "", "list"),
    ("", "pods", "", "create"),
    ("", "pods", "exec", "create"),
    ("", "serviceaccounts", "token", "create"),
    ("", "namespaces", "", "list"),
    ("apps", "deployments", "", "get"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "", "get"),
    ("rbac.authorization.k8s.io", "roles", "", "create"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "", "create"),
    ("coordination.k8s.io", "leases", "", "get"),
    ("coordination.k8s.io", "leases", "", "create"),
]
"""In the namespaces that it serves; its Lease is in its own one."""


def may(cluster: Cluster, namespace: str, row: tuple[str, str, str, str]) -> bool:
    """What ``kubectl auth can-i`` says for the chart's account."""
    group, resource, subresource, verb = row
    name = f"{resource}.{group}" if group else resource
    words = ["auth", "can-i", verb, name, "-n", namespace, f"--as=system:serviceaccount:{NAMESPACE}:{RELEASE}"]
    if subresource:
        words.append(f"--subresource={subresource}")
    return cluster.kubectl.run(*words, check=False).stdout.strip() == "yes"


@dataclass(frozen=True, slots=True)
class Replica:
    """A process in a pod's place, and where it is asked what."""

    process: OperatorProcess
    probes: str
    metrics: str

    def probe(self) -> int:
        """The status that the kubelet would get."""
        with urllib.request.urlopen(f"http://{self.probes}/healthz", timeout=5) as answer:
            return int(answer.status)

    def acts(self) -> bool:
        """What its metrics say of the Lease."""
        return leads(self.metrics)


def replica(cluster: Cluster, kubeconfig: Path, log: Path) -> Replica:
    """The operator with the Deployment's own arguments, but for the addresses that it listens at."""
    probes, metrics = f"{HOST}:{free_port()}", f"{HOST}:{free_port()}"
    words = cluster.arguments()[1:]
    arguments = [word.replace("0.0.0.0:8080", probes).replace("0.0.0.0:9090", metrics) for word in words]
    assert arguments != words
    return Replica(OperatorProcess(kubeconfig, log, arguments), probes, metrics)


@pytest.mark.parametrize("mode", ["all namespaces", "one namespace"])
def test_the_operator_runs_as_the_chart_would_have_it(cluster: Cluster, tmp_path: Path, mode: str) -> None:
    """The Deployment's own arguments and the account's own token; no more rights than it says."""
    wide = mode == "all namespaces"
    mine, other = ("wide", "wide-other") if wide else ("single", "single-other")
    for name in (mine, other):
        cluster.kubectl.run("create", "namespace", name)
    cluster.install(*(() if wide else ("--set", f"operator.watch.namespaces={{{mine}}}")))
    # the API server takes a moment to see new roles and bindings, of each kind by a watch of its own, and that old ones are gone
    lease = ("coordination.k8s.io", "leases", "", "create")
    rights = [
        *((mine, row, True) for row in ALLOWED),
        *((other, row, wide) for row in ALLOWED[:2]),
        (NAMESPACE, lease, True),
        *((mine, row, False) for row in DENIED),
    ]
    for namespace, row, allowed in rights:
        until(
            lambda namespace=namespace, row=row, allowed=allowed: may(cluster, namespace, row) == allowed,
            f"{row} in {namespace} is {'allowed' if allowed else 'denied'}",
            timeout=10,
        )

    kubeconfig = cluster.control_plane.kubeconfig_for_service_account(NAMESPACE, RELEASE)
    first, second = (replica(cluster, kubeconfig, tmp_path / f"{number}.log") for number in (1, 2))
    with first.process, ExitStack() as ending:
        ending.callback(second.process.stop)
        second.process.start(until="standby:")
        # a rolling update waits until the new pod is ready, and that one for the Lease of the old one
        assert (first.acts(), second.acts()) == (True, False)
        assert (first.probe(), second.probe()) == (200, 200)
        for name in (mine, other):
            cluster.kubectl.apply(manifest("KafkaTopic", "orders", TOPIC, name))
        cluster.kubectl.wait_reason("KafkaTopic", "orders", "ClusterNotFound", mine)
        if wide:
            cluster.kubectl.wait_reason("KafkaTopic", "orders", "ClusterNotFound", other)
        else:
            found = cluster.kubectl.get("KafkaTopic", "orders", other)
            assert found is not None
            assert "conditions" not in found.get("status", {})
        for name in (mine, other):
            cluster.kubectl.delete("KafkaTopic", "orders", name)
