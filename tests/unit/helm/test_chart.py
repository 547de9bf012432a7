"""What the chart's files promise each other and the rest of the repository, without rendering it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from kafkade import __version__
from kafkade.clients.kube import KubeClient
from kafkade.devstack.generated import stale
from kafkade.engine.engine import Engine, Scope
from kafkade.handlers.metrics import LeaderMetric, registry
from support.chart import objects, script
from support.dashboards import asked
from support.places import CHART, ROOT

RULES = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["rules"]
BOARDS = [json.loads(file.read_text()) for file in sorted((CHART / "files" / "dashboards").glob("*.json"))]
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGE = ROOT / "docs" / "reference" / "metrics.md"

_WORDS = frozenset(
    "absent and by changes cluster cluster_namespace count histogram_quantile ignoring instance job kind le max min_over_time namespace on"
    " or policy rate reason status sum topic vector version".split()
)
"""What is in the expressions beside metrics: functions, operators, labels."""


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_what_is_made_from_elsewhere_is_fresh() -> None:
    generate = script("helm/generate.py")
    assert stale(generate.templates(), generate.found()) == [], "run `make crds`"


def test_what_looks_like_a_template_in_a_manifest_comes_out_as_it_is() -> None:
    made = script("helm/generate.py").template(
        "x.yaml", "kind: X\nmetadata:\n  name: x\nspec: '{{ a }}'\n", ".Values.x", "  y: z\n"
    )
    assert "spec: '{{ \"{{\" }} a }}'" in made
    assert "metadata:\n  name: x\n  y: z\nspec" in made


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("metadata:\n  namespace: a\n  name: x\n", "begin its metadata with its name"),
        ("kind: X\n", "begin its metadata with its name"),
        ("metadata:\n  name: x\n  annotations: {a: b}\n", "does not know how to carry over"),
    ],
)
def test_a_manifest_that_it_cannot_carry_over_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        script("helm/generate.py").template("x.yaml", text, ".Values.x", "  y: z\n")


def test_the_default_values_are_valid() -> None:
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(VALUES)] == []


_SUFFIX = {"counter": "_total", "info": "_info"}
_HISTOGRAM = ("_bucket", "_sum", "_count")


def _objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            yield from _objects(value, f"{path}/{key}")


def test_nothing_misspelt_passes() -> None:
    """Every object that has named properties takes no others."""
    found = dict(_objects(SCHEMA))
    assert len(found) > 20
    assert [path for path, schema in found.items() if schema.get("additionalProperties") is not False] == []


def test_the_plain_manifest_has_these_definitions_and_rights() -> None:
    """All else in it is compared with what helm renders, in tests/integration/helm."""
    found = objects((ROOT / "deploy" / "operator.yaml").read_text())
    by_kind = {(item["kind"], item["metadata"]["name"]): item for item in found}
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        made = by_kind["CustomResourceDefinition", crd["metadata"]["name"]]
        assert made["spec"] == crd["spec"], "run `make manifests`"
    wide = list(yaml.safe_load_all((ROOT / "deploy" / "rbac" / "cluster-wide.yaml").read_text()))
    assert by_kind["ClusterRole", "kafkade"]["rules"] == wide[2]["rules"]
    assert by_kind["ClusterRoleBinding", "kafkade"]["subjects"] == wide[3]["subjects"]
    assert by_kind["Role", "kafkade-lease"]["rules"] == wide[4]["rules"]
    assert by_kind["RoleBinding", "kafkade-lease"]["subjects"] == wide[5]["subjects"]


def test_each_alert_has_a_page_and_may_be_changed() -> None:
    names = [rule["alert"] for rule in RULES]
    assert sorted(names) == sorted(page.stem for page in RUNBOOKS.glob("*.md"))
    assert names == list(
        SCHEMA["properties"]["operator"]["properties"]["metrics"]["properties"]["prometheusRule"]["properties"][
            "alerts"
        ]["properties"]
    )
    for name in names:
        text = (RUNBOOKS / f"{name}.md").read_text()
        assert text.startswith(f"# {name}\n")
        assert "## Look at" in text
        assert "## What helps" in text


def test_the_alerts_are_those_of_the_reference() -> None:
    block = re.search(r"```yaml\n(groups:.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    shown = {r["alert"]: (r["expr"], r.get("for")) for r in yaml.safe_load(block[1])["groups"][0]["rules"]}
    plain = [(r, r["expr"].replace("$threshold", str(r.get("threshold"))).replace("{$operator}", "")) for r in RULES]
    ours = {rule["alert"]: (expression, rule.get("for")) for rule, expression in plain}
    assert {name: ours.get(name) for name in shown} == shown
    assert {name for name in ours if name not in shown} == {"KafkadeDown", "KafkadeRestarts"}


def _expressions() -> list[str]:
    return [rule["expr"] for rule in RULES] + [found.expr for found in asked()]


def test_the_sum_of_all_others_is_not_the_one_that_is_most_behind() -> None:
    (most,) = [text for text in _expressions() if text.startswith("max(kafkade_consumer_lag_records")]
    assert 'group!="*"' in most


def test_alerts_and_dashboards_ask_for_metrics_that_there_are() -> None:
    """Their labels too, and by Prometheus' own parser: tests/integration/operator/test_dashboards.py."""
    families = registry((*Engine(KubeClient(), Scope(frozenset(), None)).collectors, LeaderMetric())).collect()
    served = {
        f"{family.name}{suffix}"
        for family in families
        for suffix in (_HISTOGRAM if family.type == "histogram" else (_SUFFIX.get(family.type, ""),))
    }
    names = {
        name
        for expression in _expressions()
        for name in re.findall(r"[a-z_]+", re.sub(r"\{[^}]*\}|\[[^]]*\]|\$\w+", "", expression))
        if name not in _WORDS
    }
    assert names >= {"kafkade_dlq_records", "process_cpu_seconds_total", "kafkade_build_info"}
    assert names - served == set()


def test_the_dashboards_are_fresh() -> None:
    dashboards = script("helm/dashboards.py")
    assert stale(dashboards.files(), dashboards.FOLDER.glob("*")) == [], "run `make crds`"


def test_a_row_that_does_not_fill_the_width_is_refused() -> None:
    panels = script("helm/panels.py")
    row = (panels.lines("A", ("up", "")), panels.number("B", "up"))
    with pytest.raises(ValueError, match="the row of 'A' is 18 columns wide, not 24"):
        panels.Dashboard("x", "X", (), (row,)).to_json()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["uid"]))
def test_a_dashboard_is_laid_out_without_overlaps(board: dict[str, Any]) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        its = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in its) < 24
        assert not cells & its, panel["title"]
        cells |= its
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_dashboards_are_told_apart() -> None:
    assert len(BOARDS) == 3
    assert len({board["uid"] for board in BOARDS}) == len({board["title"] for board in BOARDS}) == len(BOARDS)
