"""The chart's brokers, registry and resources: what values render to is taken by a real API server, and mistakes are refused."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.helm.hooks import kinds_are_served, waiting_chart
from integration.helm.judge import Judge, pods
from kafkade.devstack import registry
from kafkade.devstack.helm import Helm
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.local.checks.run import Sources, check
from support.helm import Object, of_kind, one, refused, render
from support.kubernetes import Kubectl
from support.places import CHART, DOCUMENT, ROOT

GUIDE = ROOT / "docs" / "guides" / "brokers.md"
ALONE = {"operator": {"enabled": False}, "crds": {"create": False}}
"""Without what other tests look at."""

LONG = "orders-" * 7 + "2027"
"""53 characters, the most that Helm takes for a release."""

ON = {"kafka": {"enabled": True}}
TLS = {"tls": {"secretName": "kafka-tls"}}
SCRAM = {"enabled": True, "usersSecret": "kafka-admin"}

VALUE_SETS: dict[str, Mapping[str, Any]] = {
    "document": {},
    "every-version-3.9": {"kafka": {"version": "3.9"}},
    "4.1.1": {"kafka": {"version": "4.1.1"}},
    "controllers-apart": {"kafka": {"controllers": {"enabled": True}, "replicas": 5}},
    "one-broker": {"kafka": {"replicas": 1, "replicationFactor": 1, "controllers": {"replicas": 1}}},
    "rolling-update": {"kafka": {"rolling": "RollingUpdate"}},
    "tls": {"kafka": {**TLS, "listeners": {"tls": {"enabled": True}}}},
    "tls-everywhere": {
        "kafka": {
            "tls": {"secretName": "kafka-tls", "internal": True},
            "listeners": {"plain": {"enabled": False}, "tls": {"enabled": True}, "scram": SCRAM},
        }
    },
    "scram-without-tls": {"kafka": {"listeners": {"plain": {"enabled": False}, "scram": SCRAM}}},
    "scram-apart": {"kafka": {**TLS, "controllers": {"enabled": True}, "listeners": {"scram": SCRAM}}},
    "metrics-by-agent": {
        "kafka": {
            "monitoring": {"jmxExporter": {"image": {"repository": "agents/jmx", "tag": "1.5.0"}, "jar": "/jmx.jar"}}
        }
    },
    "metrics-of-own-image": {
        "kafka": {"image": {"repository": "shop/kafka"}, "monitoring": {"jmxExporter": {"jar": "/opt/jmx.jar"}}}
    },
    "places": {
        "kafka": {
            "spread": {"zones": "DoNotSchedule"},
            "rack": {"podLabel": ""},
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "kafka", "operator": "Exists", "effect": "NoSchedule"}],
            "priorityClassName": "",
            "podAnnotations": {"certificate": "2"},
            "networkPolicy": {"clients": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}]},
        },
        "schemaRegistry": {"networkPolicy": {"clients": [{"podSelector": {}}]}},
    },
    "registry-of-other-brokers": {
        "kafka": {"enabled": False},
        "schemaRegistry": {"bootstrapServers": "kafka.example:9092"},
    },
    "bare": {
        "kafka": {
            "networkPolicy": {"enabled": False},
            "podDisruptionBudget": {"enabled": False},
            "cluster": {"create": False},
        },
        "schemaRegistry": {"enabled": False},
    },
    "resources": {
        "kafka": {"cluster": {"spec": {"allowedNamespaces": {"from": "All"}}}},
        "topics": {"user-events": {"partitions": 6, "config": {"retention.ms": 604800000}}},
        "schemas": {"user-event": {"topicRef": {"name": "user-events"}, "schemaType": "AVRO", "schema": '"string"'}},
        "dlqPolicies": {"events": {"topicSelector": {"matchLabels": {"dead-letters": "kept"}}}},
    },
}
"""Laid over the document's values."""


@pytest.mark.parametrize("name", VALUE_SETS)
def test_value_sets_are_taken_by_a_real_api_server(name: str, judge: Judge, tmp_path: Path) -> None:
    objects = render({**VALUE_SETS[name], **ALONE}, namespace=judge.namespace, files=[DOCUMENT])
    judge.check(objects)
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump_all(objects))
    assert check(Sources((str(tmp_path),), judge.namespace)).problems == (), "nor does kafkade validate find anything"
    for pod in pods(objects):
        assert pod["spec"]["enableServiceLinks"] is False
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_release_of_brokers_alone_has_nothing_of_the_whole_cluster() -> None:
    """What there can be only one of is another release's, which may well be there, and Helm would refuse to share it."""
    objects = render(ALONE, files=[DOCUMENT])
    assert {o["metadata"].get("namespace") for o in objects} == {"kafka"}


@pytest.mark.parametrize("release", [LONG, f"kafkade-{LONG}"[:53]])
def test_the_longest_name_of_a_release_gives_valid_names(release: str, judge: Judge) -> None:
    metrics = {part: {"enabled": True} for part in ("serviceMonitor", "prometheusRule", "dashboards")}
    values = {
        "operator": {"metrics": metrics},
        "kafka": {"controllers": {"enabled": True}, **VALUE_SETS["metrics-by-agent"]["kafka"]},
        "crds": {"create": False},
    }
    objects = render(values, release=release, namespace=judge.namespace, files=[DOCUMENT])
    judge.check(objects)
    sets = of_kind(objects, "StatefulSet")
    assert len(sets) == 3
    # pods are labelled with the name of their set and a hash of ten figures (controller-revision-hash)
    assert max(len(f"{name}-{'1' * 10}") for name in sets) <= 63


def test_the_documents_settings_are_the_values() -> None:
    """The settings that the platform's document has, and nothing else; and what they become."""
    settings = yaml.safe_load(DOCUMENT.read_text())
    assert settings == {
        "kafka": {
            "enabled": True,
            "version": "3.5",
            "replicas": 3,
            "partitions": 3,
            "replicationFactor": 3,
            "resources": {"requests": {"memory": "4Gi", "cpu": "2"}, "limits": {"memory": "8Gi", "cpu": "4"}},
            "storage": {"size": "100Gi", "class": "standard"},
            "config": {"autoCreateTopics": False, "deleteTopicEnable": True, "messageMaxBytes": 1048576},
            "monitoring": {"enabled": True, "serviceMonitor": {"enabled": True}},
        },
        "schemaRegistry": {"enabled": True, "replicaCount": 2},
    }
    objects = render({}, files=[DOCUMENT])
    brokers = one(objects, "StatefulSet", "kafka")
    assert brokers["spec"]["replicas"] == 3
    assert brokers["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert brokers["spec"]["podManagementPolicy"] == "Parallel"
    (claim,) = brokers["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "standard"
    assert claim["spec"]["resources"] == {"requests": {"storage": "100Gi"}}
    (container,) = brokers["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == settings["kafka"]["resources"]
    assert one(objects, "Service", "kafka-headless")["spec"]["publishNotReadyAddresses"] is True
    assert one(objects, "PodDisruptionBudget", "kafka")["spec"]["maxUnavailable"] == 1
    registries = one(objects, "StatefulSet", "kafka-schema-registry")["spec"]
    assert registries["replicas"] == 2
    (container,) = registries["template"]["spec"]["containers"]
    assert container["image"] == f"apicurio/apicurio-registry:{registry.VERSION}"
    cluster = one(objects, "KafkaCluster", "kafka")
    assert cluster["spec"]["bootstrapServers"] == "kafka.kafka.svc:9092"
    assert cluster["spec"]["schemaRegistry"]["urls"] == ["http://kafka-schema-registry.kafka.svc:8080/apis/ccompat/v7"]
    assert cluster["spec"]["metrics"] == {}
    assert "metrics" not in one(render({"kafka": {"enabled": True}}), "KafkaCluster", "kafka")["spec"]


@pytest.mark.parametrize(
    ("version", "image"),
    [
        ("3.5", "kafkade/kafka:3.5.2"),
        ("3.9.1", "apache/kafka:3.9.1"),
        ("4.1", "apache/kafka:4.1.2"),
        ("4.9", "apache/kafka:4.9.0"),
    ],
)
def test_images(version: str, image: str) -> None:
    objects = render({"kafka": {"enabled": True, "version": version}})
    (container,) = one(objects, "StatefulSet", "kafka")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image


def test_the_operator_may_roll_these_pods_and_no_others() -> None:
    objects = render({"kafka": {"enabled": True, "replicas": 4, "controllers": {"enabled": True}}})
    sets = one(objects, "KafkaCluster", "kafka")["spec"]["rolling"]["statefulSets"]
    assert sets == [{"name": "kafka", "firstNodeId": 0}, {"name": "kafka-controller", "firstNodeId": 1000}]
    seen, deleted = one(objects, "Role", "kafka-rolling")["rules"]
    assert (seen["resourceNames"], seen["verbs"]) == (["kafka", "kafka-controller"], ["get"])
    brokers, controllers = [f"kafka-{n}" for n in range(4)], [f"kafka-controller-{n}" for n in range(3)]
    assert (deleted["resourceNames"], deleted["verbs"]) == (brokers + controllers, ["get", "delete"])
    (subject,) = one(objects, "RoleBinding", "kafka-rolling")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "kafka-kafkade", "namespace": "kafka"}
    elsewhere = {"name": "kafkade", "namespace": "kafkade-system"}
    objects = render({**ALONE, "kafka": {"enabled": True, "rollingServiceAccount": elsewhere}})
    assert one(objects, "RoleBinding", "kafka-rolling")["subjects"] == [{"kind": "ServiceAccount", **elsewhere}]
    objects = render({"kafka": {"enabled": True, "rolling": "RollingUpdate"}})
    assert "rolling" not in one(objects, "KafkaCluster", "kafka")["spec"]
    assert "kafka-rolling" not in of_kind(objects, "Role")
    assert one(objects, "StatefulSet", "kafka")["spec"]["updateStrategy"] == {"type": "RollingUpdate"}


def test_what_is_scraped(judge: Judge) -> None:
    """The operator's numbers of this cluster, unless brokers have the agent or the operator is scraped anyway."""
    watched = render({"crds": {"create": False}}, namespace=judge.namespace, files=[DOCUMENT])
    judge.check(o for o in watched if o["kind"] in {"Service", "ServiceMonitor"})
    monitor = one(watched, "ServiceMonitor", "kafka")["spec"]
    service = one(watched, "Service", "kafka-metrics")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    pod = one(watched, "Deployment", "kafka-kafkade")["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (keep,) = monitor["endpoints"][0]["metricRelabelings"]
    assert re.fullmatch(keep["regex"], f"kafkade_cluster_brokers;{judge.namespace};kafka")
    assert not re.fullmatch(keep["regex"], f"kafkade_cluster_brokers;{judge.namespace};other")
    agent = render(VALUE_SETS["metrics-of-own-image"], files=[DOCUMENT])
    assert list(of_kind(agent, "ServiceMonitor")) == ["kafka"]
    assert "kafka-metrics" not in of_kind(agent, "Service")
    anyway = render({"operator": {"metrics": {"podMonitor": {"enabled": True}}}}, files=[DOCUMENT])
    assert not of_kind(anyway, "ServiceMonitor")


def environment(objects: list[Object], name: str = "kafka") -> dict[str, str]:
    """The plain variables of a StatefulSet's container."""
    (container,) = one(objects, "StatefulSet", name)["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_a_cluster_id_is_the_same_each_time_and_another_one_elsewhere() -> None:
    ids = [
        environment(render(ON, release=release, namespace=namespace), name)["CLUSTER_ID"]
        for release, namespace, name in (
            ("kafka", "kafka", "kafka"),
            ("kafka", "kafka", "kafka"),
            ("kafka", "shop", "kafka"),
            ("orders", "kafka", "orders-kafka"),
        )
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(len(urlsafe_b64decode(found + "==")) == 16 for found in ids)
    given = "5L6g3nShT-eMCtK--X86sw"
    assert environment(render({"kafka": {"enabled": True, "clusterId": given}}))["CLUSTER_ID"] == given


def test_further_properties() -> None:
    extra = {"log.retention.ms": 604800000, "log.cleaner.enable": True, "compression.type": "zstd", "a_b-c.d": "1"}
    found = environment(render({"kafka": {"enabled": True, "config": {"extra": extra}}}))
    assert found["KAFKA_LOG_RETENTION_MS"] == "604800000"
    assert found["KAFKA_LOG_CLEANER_ENABLE"] == "true"
    assert found["KAFKA_COMPRESSION_TYPE"] == "zstd"
    assert found["KAFKA_A__B___C_D"] == "1"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "replica"),
        ({"version": 4.1}, "version"),
        ({"version": "3.4"}, "version"),
        ({"replicas": 0}, "replicas"),
        ({"config": {"autoCreateTopic": True}}, "autoCreateTopic"),
        ({"config": {"messageMaxBytes": "1MB"}}, "messageMaxBytes"),
        ({"config": {"extra": {"retention": None}}}, "extra"),
        ({"clusterId": "mine"}, "clusterId"),
        ({"storage": {"size": "100GB"}}, "size"),
        ({"resources": {"request": {}}}, "request"),
        ({"networkPolicy": {"clients": [{"ipBlock": {"cdir": "10.0.0.0/8"}}]}}, "cidr"),
        ({"replicas": 5}, "kafka.controllers.replicas"),
        ({"replicationFactor": 4}, "kafka.replicationFactor is 4, but there are 3 brokers"),
        ({"config": {"minInsyncReplicas": 4}}, "kafka.config.minInsyncReplicas is 4"),
        ({"config": {"extra": {"num.partitions": 5}}}, "num.partitions follows from kafka.partitions"),
        ({"config": {"extra": {"zookeeper.connect": "z:2181"}}}, "zookeeper.connect is for ZooKeeper"),
        ({"version": "4.1", "config": {"extra": {"log.message.format.version": "2.8"}}}, "it was removed in 4.0"),
        ({"listeners": {"plain": {"enabled": False}}}, "nobody could connect"),
        ({"listeners": {"tls": {"enabled": True}}}, "kafka.tls.secretName"),
        ({"listeners": {"scram": {"enabled": True}}}, "kafka.listeners.scram.usersSecret"),
        (
            {"monitoring": {"enabled": True, "jmxExporter": {"image": {"repository": "agents/jmx"}}}},
            "kafka.monitoring.jmxExporter.jar: say where in the image agents/jmx",
        ),
        (
            {"monitoring": {"enabled": True, "jmxExporter": {"jar": "/opt/jmx.jar"}}},
            "/opt/jmx.jar is not in the image of Kafka that the chart takes by itself",
        ),
    ],
)
def test_mistakes_are_refused(values: dict[str, Any], said: str) -> None:
    assert said in refused({"kafka": {"enabled": True, **values}})


def test_the_values_that_the_guide_shows(judge: Judge) -> None:
    shown = re.findall(r"^```yaml\n# [a-z]+-values\.yaml\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(shown) == 2
    for text in shown:
        judge.check(render({**yaml.safe_load(text), **ALONE}, namespace=judge.namespace))


def test_a_registry_without_brokers_is_refused() -> None:
    assert "schemaRegistry.bootstrapServers" in refused({"schemaRegistry": {"enabled": True}})
    assert "replicas" in refused({"schemaRegistry": {"replicas": 2}})


def test_what_a_running_cluster_would_not_survive_is_refused(crds_installed: ControlPlane, tmp_path: Path) -> None:
    """By an upgrade that looks at the StatefulSets of the release before."""
    kubectl = Kubectl(crds_installed.kubeconfig, "guarded")
    kubectl.run("create", "namespace", "guarded")
    helm = Helm(tmp_path, crds_installed.kubeconfig)

    def upgrade(**kafka: Any) -> str:
        values = {**ALONE, "kafka": {"enabled": True, "controllers": {"enabled": True}, **kafka}}
        words = ("upgrade", "--install", "kafka", CHART, "-n", "guarded", "--wait=hookOnly", "-f", "-")
        return helm.try_run(*words, stdin=yaml.safe_dump(values)).stderr

    assert "Error" not in upgrade(replicas=4)
    assert "Error" not in upgrade(replicas=5)
    assert "5 brokers run, these values make it 4" in upgrade(replicas=4)
    assert "Error" not in upgrade(replicas=4, scaleDownFrom=5)
    quorum = upgrade(replicas=4, controllers={"enabled": True, "replicas": 5})
    assert "Static voters cannot be changed" in quorum
    assert "Static voters cannot be changed" in upgrade(replicas=3, controllers={"enabled": False}, scaleDownFrom=4)
    assert "brokers would not start" in upgrade(replicas=4, clusterId="5L6g3nShT-eMCtK--X86sw")
    assert "docs/guides/brokers.md" in upgrade(replicas=4, storage={"size": "200Gi"})
    assert kubectl.get("statefulset", "kafka")["spec"]["replicas"] == 4  # type: ignore[index]
    # the guide's way to larger volumes. The API server keeps 1024Gi as 1Ti, and that is no change
    kubectl.run("delete", "statefulset", "kafka", "-n", "guarded", "--cascade=orphan")
    assert "Error" not in upgrade(replicas=4, storage={"size": "1024Gi"})
    assert claimed(kubectl) == "1Ti"
    assert "Error" not in upgrade(replicas=4, storage={"size": "1024Gi"})
    assert "were asked for with 1024Gi, these values make it 2Ti" in upgrade(replicas=4, storage={"size": "2Ti"})
    # of a release that has not noted it, the API server is the judge
    kubectl.run("annotate", "statefulset", "kafka", "-n", "guarded", "kafkade.io/storage-size-")
    assert "updates to statefulset spec" in upgrade(replicas=4, storage={"size": "2Ti"})
    assert claimed(kubectl) == "1Ti"
    assert "Error" not in upgrade(replicas=4, storage={"size": "1024Gi"})
    # the KafkaCluster was installed as well, and stays
    helm.run("uninstall", "kafka", "-n", "guarded")
    assert kubectl.get("KafkaCluster", "kafka") is not None
    kubectl.run("delete", "namespace", "guarded", "--wait=false")


def claimed(kubectl: Kubectl) -> str:
    """The size that the brokers' volumes are asked for with, as the API server keeps it."""
    found = kubectl.get("statefulset", "kafka")
    assert found is not None
    return str(found["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])


def test_an_empty_cluster_takes_the_documents_values(tmp_path: Path) -> None:
    """At once, with definitions and resources; later upgrades change brokers, and take no resource away."""
    chart = waiting_chart(tmp_path)
    with ControlPlane() as empty, ThreadPoolExecutor() as beside:
        helm = Helm(tmp_path, empty.kubeconfig)
        kubectl = Kubectl(empty.kubeconfig, "kafka")
        values = ("-n", "kafka", "-f", DOCUMENT)
        here = ("kafka", CHART, *values)

        # the chart's hook would make the KafkaCluster before the API server tells of its kind
        hook = beside.submit(kinds_are_served, kubectl, "kafka")
        helm.run("install", "kafka", chart, *values, "--create-namespace", "--timeout", "2m")
        hook.result()
        assert image(kubectl) == "kafkade/kafka:3.5.2"
        assert kubectl.get("KafkaCluster", "kafka") is not None

        helm.run("upgrade", *here, "--set", "topics.user-events.partitions=6")
        cluster, topic = kubectl.get("KafkaCluster", "kafka"), kubectl.get("KafkaTopic", "user-events")
        assert cluster is not None
        assert topic is not None
        assert topic["spec"] == {"clusterRef": {"name": "kafka"}, "partitions": 6}

        helm.run("upgrade", *here, "--set", "kafka.version=3.9.1")
        assert image(kubectl) == "apache/kafka:3.9.1"
        assert kubectl.get("KafkaTopic", "user-events") == topic
        helm.run("rollback", "kafka", "-n", "kafka")
        assert image(kubectl) == "kafkade/kafka:3.5.2"
        helm.run("uninstall", "kafka", "-n", "kafka")
        assert kubectl.get("statefulset", "kafka") is None
        assert kubectl.get("KafkaCluster", "kafka")["metadata"]["uid"] == cluster["metadata"]["uid"]  # type: ignore[index]
        # what was left is taken up again
        helm.run("install", *here)
        assert kubectl.get("KafkaCluster", "kafka")["metadata"]["uid"] == cluster["metadata"]["uid"]  # type: ignore[index]


def image(kubectl: Kubectl) -> str:
    """Of the brokers."""
    found = kubectl.get("statefulset", "kafka")
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])
