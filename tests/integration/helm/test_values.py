"""Value sets, rendered: valid for the API server and kubeconform, restricted, and as the values say; mistakes are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.helm.judge import Judge, pods
from integration.helm.value_sets import CONTRADICTIONS, OPERATOR, REFUSED, Values
from kafkade.devstack import golang
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.helm import Helm, parse_promql
from support.chart import objects, script
from support.dashboards import asked
from support.places import CHART, ROOT


def write(folder: Path, values: Values) -> Path:
    """Values as a file for ``helm -f``."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def render(helm: Helm, folder: Path, values: Values, release: str = "kafkade") -> dict[tuple[str, str], dict[str, Any]]:
    """The objects that come of values, by kind and name."""
    text = helm.run("template", release, CHART, "-n", "helm-values", "-f", write(folder, values))
    found = objects(text)
    made = {
        (item["kind"], f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"): item for item in found
    }
    assert len(made) == len(found), "an object is there twice"
    return made


@pytest.mark.parametrize("name", OPERATOR)
def test_values_give_valid_manifests(offline: Helm, judge: Judge, tmp_path: Path, name: str) -> None:
    made = render(offline, tmp_path, OPERATOR[name])
    judge.check(made.values())
    said = offline.run("lint", "--strict", CHART, "-n", "helm-values", "-f", tmp_path / "values.yaml")
    assert "1 chart(s) linted, 0 chart(s) failed" in said


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_with_its_path(offline: Helm, tmp_path: Path, name: str) -> None:
    values, path, reason = REFUSED[name]
    with pytest.raises(DevStackError) as refused:
        render(offline, tmp_path, values)
    assert f"at '{path}'" in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused(offline: Helm, tmp_path: Path, name: str) -> None:
    values, reason = CONTRADICTIONS[name]
    with pytest.raises(DevStackError, match=reason):
        render(offline, tmp_path, values)


def test_helm_3_gives_the_same(offline: Helm, tmp_path: Path) -> None:
    third = Helm(tmp_path, module=golang.HELM_3)
    assert third.run("version", "--short").startswith("v3.")
    for name, values in OPERATOR.items():
        assert render(third, tmp_path, values) == render(offline, tmp_path, values), name
    assert "1 chart(s) linted, 0 chart(s) failed" in third.run("lint", "--strict", CHART)
    values, path, reason = REFUSED["a deep key"]
    with pytest.raises(DevStackError, match=f"at '{path}': {reason}"):
        render(third, tmp_path, values)


def test_the_judge_finds_what_is_wrong(judge: Judge) -> None:
    """What the tests above rely on."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "namespace": "helm-values"}}
    judge.check([account])
    with pytest.raises(AssertionError, match="automount"):
        judge.check([{**account, "automount": False}])
    with pytest.raises(DevStackError, match="automount"):
        judge.conform([{**account, "automount": False}])
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "helm-values"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    (pod,) = pods([deployment])
    answer = judge.dry_run(pod)
    assert answer.status == 403
    assert "violates PodSecurity" in answer.message


def test_the_plain_manifest_is_what_the_chart_gives(judge: Judge) -> None:
    rendered = script("helm/render.py")
    text = rendered.manifest()
    assert rendered.TARGET.read_text() == text, "run `make manifests`"
    found = [item for item in objects(text) if item["metadata"]["name"] != "kafkade-system"]
    # where it is to go is not there: the same in a namespace that is
    for item in found:
        if "namespace" in item["metadata"]:
            item["metadata"]["namespace"] = judge.namespace
    judge.check(found)
    assert "Helm" not in text.replace("helm/", "")


def test_what_is_rendered_follows_the_values(offline: Helm, tmp_path: Path) -> None:
    made = render(offline, tmp_path, OPERATOR["two namespaces"])
    kinds = {kind for kind, _ in made}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    assert {name for kind, name in made if kind == "Role"} >= {
        "helm-values-shop/kafkade",
        "helm-values-payments/kafkade",
    }
    deployment = made["Deployment", "helm-values/kafkade"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"][1:3] == ["--namespace=helm-values-shop", "--namespace=helm-values-payments"]

    made = render(offline, tmp_path, OPERATOR["alerts"])
    rule = made["PrometheusRule", "helm-values/kafkade"]
    alerts = {alert["alert"]: alert for alert in rule["spec"]["groups"][0]["rules"]}
    assert "KafkadeRestarts" not in alerts
    assert alerts["DeadLettersWait"]["expr"] == "kafkade_dlq_records > 5000000"
    assert alerts["DeadLettersWait"]["labels"] == {"severity": "critical", "team": "platform"}
    assert alerts["RedriveFails"]["expr"].endswith("> 0.5")
    assert alerts["KafkadeDown"]["expr"] == (
        'absent(kafkade_build_info{namespace="helm-values",job=~"(.*/)?kafkade(-metrics)?"})'
    )
    for name, alert in alerts.items():
        assert alert["annotations"]["runbook_url"] == f"https://runbooks.example/kafkade/{name}.md"
    assert not any("$threshold" in alert["expr"] or "$operator" in alert["expr"] for alert in alerts.values())

    made = render(offline, tmp_path, OPERATOR["definitions by others"])
    assert not any(kind == "CustomResourceDefinition" for kind, _ in made)
    made = render(offline, tmp_path, OPERATOR["no operator"])
    # nothing else of the whole cluster: the policy, say, is of the release that has the operator
    assert {kind for kind, _ in made} == {"CustomResourceDefinition"}
    made = render(offline, tmp_path, {}, release="shop")
    assert ("Deployment", "helm-values/shop-kafkade") in made


def test_alerts_and_dashboards_are_promql(offline: Helm, tmp_path: Path) -> None:
    """By Prometheus' own parser; Grafana puts text in the place of its variables before it asks."""
    values = {"operator": {"metrics": {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}}}
    made = render(offline, tmp_path, values)
    rules = made["PrometheusRule", "helm-values/kafkade"]["spec"]["groups"][0]["rules"]
    files = made["ConfigMap", "helm-values/kafkade-dashboards"]["data"]
    assert {name: json.loads(text) for name, text in files.items()} == {
        f"kafkade-{board.name}.json": board.to_json() for board in script("helm/dashboards.py").DASHBOARDS
    }
    assert len(rules) >= 15
    parse_promql([*(rule["expr"] for rule in rules), *(found.expr for found in asked())])
    with pytest.raises(DevStackError, match="unclosed left parenthesis"):
        parse_promql(["sum(up"])


def test_the_definitions_are_those_of_the_repository(offline: Helm, tmp_path: Path) -> None:
    made = render(offline, tmp_path, {})
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        found = made["CustomResourceDefinition", f"/{crd['metadata']['name']}"]
        assert found["spec"] == crd["spec"]
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
