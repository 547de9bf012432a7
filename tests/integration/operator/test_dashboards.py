"""What dashboards and alerts ask for is there: each metric, with each label, in a scrape of the running operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import pytest
import yaml

from integration.operator.conftest import World
from kafkade.devstack.helm import parse_promql
from support.dashboards import Asked, asked
from support.groups import commit
from support.kubernetes import manifest
from support.letters import letter, write
from support.metrics import scrape
from support.places import CHART
from support.waiting import until

OF_THE_TARGET = frozenset({"job", "instance", "pod"})
"""Labels that Prometheus gives each series of what it scrapes."""


def alerts() -> Iterator[Asked]:
    """The alerts' expressions, as queries."""
    for rule in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["rules"]:
        expr = rule["expr"].replace("$threshold", "1").replace("{$operator}", "")
        yield Asked(f"alert {rule['alert']}", expr, frozenset())


def served(address: str) -> dict[str, frozenset[str]]:
    """The metrics that have a series, each with the labels that its series have."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, labels, _ in scrape(address):
        found[name] |= labels.keys()
    return {name: frozenset(labels) for name, labels in found.items()}


def problems(questions: list[Asked], there: Mapping[str, frozenset[str]]) -> list[str]:
    """Metrics and labels that are asked for in vain."""
    found = []
    for question, selectors in zip(questions, parse_promql([each.expr for each in questions]), strict=True):
        for selector in selectors:
            if selector.metric not in there:
                found.append(f"{question.place}: no series {selector.metric}")
            elif missing := (selector.labels | question.labels) - there[selector.metric] - OF_THE_TARGET:
                found.append(f"{question.place}: {selector.metric} has no label {', '.join(sorted(missing))}")
    return found


@pytest.fixture
def busy(world: World, topic: Callable[..., str]) -> Iterator[World]:
    """A policy with dead letters, some of which are put back: each family has a series then."""
    source = topic(partitions=1)
    world.kubectl.wait_ready("KafkaTopic", source)
    here, cluster = world.kubectl.namespace, {"clusterRef": {"name": "main"}}
    world.kubectl.apply(manifest("KafkaDLQPolicy", "boards", {**cluster, "topics": [source]}, here))
    world.kubectl.wait_ready("KafkaDLQPolicy", "boards")
    write(world.kafka.bootstrap, f"{source}.dlq", (letter(n, source) for n in range(6)))
    spec = {**cluster, "source": {"policyRef": {"name": "boards"}}, "filter": {"errorClass": "Error1"}}
    world.kubectl.apply(manifest("KafkaDLQRedrive", "boards", spec, here))
    world.kubectl.wait_ready("KafkaDLQRedrive", "boards", timeout=60)
    commit(world.kafka.bootstrap, "boards", {(source, 0): 0})
    metrics = {"bootstrapServers": world.kafka.bootstrap, "metrics": {"topics": [source], "interval": "5s"}}
    world.kubectl.apply(manifest("KafkaCluster", "boards", metrics, here))
    yield world
    for kind in ("KafkaDLQRedrive", "KafkaDLQPolicy", "KafkaCluster"):
        world.kubectl.delete(kind, "boards")


def test_each_query_asks_for_what_is_served(busy: World) -> None:
    questions = [*asked(), *alerts()]
    assert len(questions) > 40
    until(lambda: not problems(questions, served(busy.metrics)), "all that is asked for is there", timeout=40)


def test_what_is_asked_for_in_vain_is_found(world: World) -> None:
    """What the test above relies on."""
    there = served(world.metrics)
    questions = [
        Asked("a name", "sum(kafkade_resource)", frozenset()),
        Asked("a matcher", 'kafkade_resources{topic="a"}', frozenset()),
        Asked("a group", "sum by (kind, policy) (kafkade_resources)", frozenset({"kind"})),
        Asked("a legend", "kafkade_leader", frozenset({"pod", "name"})),
        Asked("nothing", "sum by (kind) (kafkade_resources) > 1", frozenset({"kind"})),
    ]
    assert problems(questions, there) == [
        "a name: no series kafkade_resource",
        "a matcher: kafkade_resources has no label topic",
        "a group: kafkade_resources has no label policy",
        "a legend: kafkade_leader has no label name",
    ]
