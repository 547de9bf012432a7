"""Setup 1, Infrastructure Configuration: the document's values, by the chart, on real brokers."""

from __future__ import annotations

from integration.document.conftest import Platform
from kafkade.devstack import loopback
from support.document_brokers import holds_what_is_promised
from support.helm import Object, of_kind, one, render
from support.places import DOCUMENT


def container(objects: list[Object], name: str) -> Object:
    """The container of a StatefulSet."""
    (found,) = one(objects, "StatefulSet", name)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_the_chart_renders_what_the_values_say() -> None:
    objects = render({}, files=[DOCUMENT])
    brokers = one(objects, "StatefulSet", "kafka")["spec"]
    assert brokers["replicas"] == 3
    kafka = container(objects, "kafka")
    assert kafka["image"].rpartition(":")[2].startswith("3.5")
    assert kafka["resources"] == {
        "requests": {"memory": "4Gi", "cpu": "2"},
        "limits": {"memory": "8Gi", "cpu": "4"},
    }
    (claim,) = brokers["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "100Gi"
    assert claim["spec"]["storageClassName"] == "standard"
    assert "kafka" in " ".join(of_kind(objects, "ServiceMonitor"))
    assert one(objects, "StatefulSet", "kafka-schema-registry")["spec"]["replicas"] == 2


def test_brokers_are_as_the_values_say(platform: Platform) -> None:
    """Three brokers of 3.5: three partitions, three replicas, 1 MB, no topics by themselves."""
    assert platform.brokers.version.startswith("3.5")
    holds_what_is_promised(platform.brokers, {0, 1, 2})
    assert all(len(replicas) == 3 for replicas in platform.view.replicas("user-events"))
    assert b"user-events-value" in loopback.get(f"{platform.registry.url}/subjects")
