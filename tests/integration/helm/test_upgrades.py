"""What an upgrade must find as an older chart left it: names, above all those that volumes hang on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kafkade.devstack.errors import DevStackError
from support.helm import Object, of_kind, older_chart, refused, render

EVERYTHING: dict[str, Any] = {
    "operator": {"metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}},
    "kafka": {"enabled": True, "controllers": {"enabled": True}, "replicas": 4},
    "schemaRegistry": {"enabled": True},
    "crds": {"create": False},
}


def names(objects: list[Object], *kinds: str) -> set[str]:
    """Names of the objects of these kinds."""
    return {name for kind in kinds for name in of_kind(objects, kind)}


@pytest.mark.parametrize("length", [10, 35, 36, 37, 40, 41, 45, 48, 53])
def test_names_stay_what_they_were_wherever_they_were_valid(length: int) -> None:
    """By the first chart all were cut at 40, which is too long for pods of some sets, so these never ran; the operator's at 63."""
    release = ("orders" * 9)[:length]
    objects = render(EVERYTHING, release=release)
    cut = release[:40]
    first_sets = {f"{cut}-kafka", f"{cut}-kafka-controller", f"{cut}-schema-registry"}
    first_services = {
        f"{cut}-kafka",
        f"{cut}-kafka-headless",
        f"{cut}-kafka-controller-headless",
        f"{cut}-schema-registry",
        f"{release}-kafkade-metrics",
    }
    sets, services = names(objects, "StatefulSet"), names(objects, "Service")
    assert (len(sets), len(services)) == (3, 5)
    # pods are labelled with the name of their set and a hash of ten figures, which gives a label's 63
    assert max(map(len, sets)) <= 52
    assert max(map(len, services)) <= 63
    # that of a set's pods goes with the set
    kept = {name for name in first_services if name.removesuffix("-headless") not in first_sets - sets}
    assert sets >= {name for name in first_sets if len(name) <= 52}
    assert services >= {name for name in kept if len(name) <= 63}
    assert names(objects, "KafkaCluster") == {f"{cut}-kafka"}
    assert names(objects, "Deployment", "ServiceAccount", "ClusterRole") == {f"{release}-kafkade"}


def test_alerts_ask_for_the_operator_by_the_name_of_its_service() -> None:
    release = ("orders" * 9)[:53]
    objects = render(EVERYTHING, release=release)
    (service,) = (name for name in names(objects, "Service") if name.endswith("-metrics"))
    (rule,) = of_kind(objects, "PrometheusRule").values()
    expressions = [alert["expr"] for alert in rule["spec"]["groups"][0]["rules"] if "job" in alert["expr"]]
    assert expressions
    assert all(f'job=~"(.*/)?({release}-kafkade|{service})"' in expression for expression in expressions)


AS_GUIDED: dict[str, Any] = {"enabled": True, "tokenSecret": {"name": "pages"}}
OPERATOR_ALONE: dict[str, Any] = {"crds": {"create": False}}
WITH_PAGES: dict[str, Any] = {"operator": {"ui": AS_GUIDED}}


@pytest.mark.parametrize(
    "values",
    [{"kafka": {"enabled": True}}, {"schemaRegistry": {"enabled": True, "bootstrapServers": "k:9092"}}, WITH_PAGES],
)
def test_a_release_with_a_dot_gets_no_service_that_kubernetes_would_refuse(values: dict[str, Any]) -> None:
    with pytest.raises(
        DevStackError, match=r"my\.shop-[a-z-]+ cannot be the name of a Service.*install by another one"
    ):
        render(values, release="my.shop")


def test_where_no_service_is_made_any_name_of_a_release_will_do() -> None:
    objects = render(OPERATOR_ALONE, release="7.shop")
    assert names(objects, "Deployment") == {"7.shop-kafkade"}
    named = {"operator": {**WITH_PAGES["operator"], "fullnameOverride": "kafkade"}}
    assert names(render(named, release="7.shop"), "Service") == {"kafkade-ui"}


def test_a_release_that_begins_with_a_digit_needs_a_kubernetes_that_takes_it() -> None:
    values = {"kafka": {"enabled": True}}
    with pytest.raises(DevStackError, match=r"7shop-kafka cannot be .*begins with a letter in Kubernetes v1\.35\.4"):
        render(values, release="7shop", kubernetes="1.35.4")
    assert "7shop-kafka" in names(render(values, release="7shop", kubernetes="1.36.0"), "Service")


@pytest.mark.parametrize(
    "values",
    [
        {},
        EVERYTHING,
        {
            "operator": {
                "ui": AS_GUIDED,
                "networkPolicy": {"enabled": True},
                "metrics": {"dashboards": {"enabled": True}},
            }
        },
    ],
    ids=["nothing", "everything", "what is new"],
)
def test_values_of_the_first_chart_render_to_the_same(values: dict[str, Any], tmp_path: Path) -> None:
    """With ``--reuse-values`` its defaults take the place of this chart's."""
    reused = render(values, chart=older_chart(tmp_path))
    now = render(values)
    for deployment in of_kind(now, "Deployment").values():
        # text is what the operator writes unless it is told
        deployment["spec"]["template"]["spec"]["containers"][0]["args"].remove("--log-format=text")
    assert reused == now


@pytest.mark.parametrize(
    "given", [None, {}, {"enabled": False}, {"enabled": False, "labels": {"grafana_dashboard": "1"}}]
)
def test_the_one_dashboard_that_is_off_as_it_was_by_default_is_no_matter(given: dict[str, Any] | None) -> None:
    assert render({"operator": {"metrics": {"dashboard": given}}}) == render({})


@pytest.mark.parametrize("given", [{"enabled": True}, {"labels": {"team": "a"}}, {"annotations": {"a": "b"}}])
def test_the_one_dashboard_that_was_asked_for_has_another_name_now(given: dict[str, Any]) -> None:
    values = {"operator": {"metrics": {"dashboard": given}}}
    assert "it is operator.metrics.dashboards; move what you set there" in refused(values)
    assert render({"operator": {"enabled": False, **values["operator"]}}) == render({"operator": {"enabled": False}})


@pytest.mark.parametrize("path", ["ui", "logFormat", "metrics.dashboards", "networkPolicy.uiFrom", "ui.tokenSecret"])
def test_a_value_that_is_set_to_null_breaks_nothing(path: str) -> None:
    values: Any = None
    for key in reversed(path.split(".")):
        values = {key: values}
    assert of_kind(render({"operator": values}), "Deployment")
