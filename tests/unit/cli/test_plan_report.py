"""A plan in words: actions, exit codes, who set what, Markdown that cannot be broken out of."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.errors import ClusterUnreachable, PartitionShrinkRefused
from kafkade.api.objects import Event, Key, Resource
from kafkade.api.plan import DriftFound, Plan, Step
from kafkade.bindings.steps import DeleteUser, Grant, KeepSecret, Revoke, SetPassword
from kafkade.cli.plan_report import PlanReport, made_of
from kafkade.cli.plan_text import markdown, summary, text
from kafkade.clients.kafka_access import Acl
from kafkade.clients.model import ConfigSource, NewTopic
from kafkade.clients.registry import SchemaBody
from kafkade.clusters.steps import SetBrokerConfig, UnsetBrokerConfig
from kafkade.dlq.share.steps import SetGroupConfig
from kafkade.local.preview import Foreseen
from kafkade.local.problems import Place
from kafkade.schemas.steps import DeleteSubject, Register, SetCompatibility, UnsetCompatibility
from kafkade.topics.steps import (
    AddPartitions,
    Adopt,
    AlterConfig,
    AnnounceReassignment,
    Create,
    Delete,
    FinishReassignment,
    Reassign,
)

KEY = Key("KafkaTopic", "shop", "orders")
CREATE = Create(NewTopic("orders", 3, 1, {"retention.ms": "1"}))


def resource(key: Key = KEY, **spec: Any) -> Resource:
    return Resource(key, "u", 1, "1", "2026-01-01T00:00:00Z", None, (), {}, {}, spec, {})


def foreseen(*steps: Step, **more: Any) -> Foreseen:
    return Foreseen(resource(config={"retention.ms": 1}), Plan(steps), **more)


def report(*found: Foreseen) -> PlanReport:
    return made_of(found, {KEY: Place("a.yaml", 3, 1)}, ())


def shown(made: PlanReport) -> list[str]:
    return [line.plain for line in text(made)]


REFUSAL = PartitionShrinkRefused("no way back")


@pytest.mark.parametrize(
    ("found", "action", "code"),
    [
        (foreseen(), "none", 0),
        (foreseen(CREATE), "create", 2),
        (foreseen(Adopt("orders", "id")), "adopt", 0),
        (foreseen(Adopt("orders", "id"), AddPartitions("orders", 1, 2)), "change", 2),
        (foreseen(Delete("orders")), "delete", 2),
        (foreseen(CREATE, observed=True), "observed", 0),
        (foreseen(paused=True), "paused", 0),
        (Foreseen(resource(), Plan(error=REFUSAL), REFUSAL.reason, REFUSAL.message, REFUSAL), "refused", 1),
        (Foreseen(resource(), Plan(), "ClusterUnreachable", "away"), "waits", 1),
        (foreseen(Register("orders-value", SchemaBody("{}"), normalize=False)), "create", 2),
        (foreseen(Register("orders-value", SchemaBody("{}"), normalize=False, after=1)), "change", 2),
        (foreseen(DeleteSubject("orders-value", permanent=True)), "delete", 2),
    ],
)
def test_each_plan_has_an_action_and_an_exit_code(found: Foreseen, action: str, code: int) -> None:
    made = report(found)
    assert (made.entries[0].action, made.exit_code) == (action, code)


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        (CREATE, ["partitions: 3", "replicationFactor: 1", "retention.ms: 1"]),
        (
            AlterConfig(
                "orders",
                {"retention.ms": "1", "cleanup.policy": None, "max.message.bytes": "9"},
                {"retention.ms": "2", "cleanup.policy": "compact", "max.message.bytes": "8"},
                {
                    "retention.ms": ConfigSource.DEFAULT,
                    "cleanup.policy": ConfigSource.TOPIC,
                    "max.message.bytes": ConfigSource.DEFAULT_BROKER,
                },
            ),
            [
                "cleanup.policy: compact (set on the topic) -> default",
                "max.message.bytes: 8 (set for all brokers) -> 9 (the KafkaCluster's topicDefaults)",
                "retention.ms: 2 (Kafka's default) -> 1",
            ],
        ),
        (AddPartitions("orders", 1, 2), ["partitions: 1 -> 2"]),
        (AnnounceReassignment("orders", 1, 3), ["replicationFactor: 1 -> 3"]),
        (Delete("orders"), ["delete: topic orders and its records"]),
        (SetBrokerConfig("a", None, "1"), ["brokerConfig a: default -> 1"]),
        (UnsetBrokerConfig("a", "1"), ["brokerConfig a: 1 -> default"]),
        (SetCompatibility("s", "FULL", "NONE"), ["compatibility: FULL -> NONE"]),
        (Register("s", SchemaBody("{}"), normalize=False, after=4), ["version: 4 -> 5 (AVRO)"]),
    ],
)
def test_a_step_is_told_field_by_field(step: Step, lines: list[str]) -> None:
    assert [line.strip() for line in shown(report(foreseen(step)))[1:-2]] == lines


BODY = SchemaBody("{}")
ACL = Acl("User:shop.shop.1", "topic", "orders", False, "Read")
TITLES: list[tuple[Step, str]] = [
    (CREATE, "topic orders"),
    (Adopt("orders", "id"), "topic orders"),
    (AlterConfig("orders", {}), "topic orders"),
    (AddPartitions("orders", 1, 2), "topic orders"),
    (AnnounceReassignment("orders", 1, 3), "topic orders"),
    (Reassign("orders", {}, {}, 3), "topic orders"),
    (FinishReassignment("orders", throttled=True), "topic orders"),
    (Delete("orders"), "topic orders"),
    (Register("s", BODY, normalize=False), "subject s"),
    (SetCompatibility("s", None, "FULL"), "subject s"),
    (UnsetCompatibility("s", "FULL"), "subject s"),
    (DeleteSubject("s", permanent=False), "subject s"),
    (SetBrokerConfig("a", None, "1"), "settings of the brokers"),
    (UnsetBrokerConfig("a", "1"), "settings of the brokers"),
    (SetGroupConfig("workers", {}), "share group workers"),
    (KeepSecret("shop-binding", ("type",), new=True), "Secret shop-binding"),
    (SetPassword("shop.shop.1", "SCRAM-SHA-512", new=True), "user shop.shop.1"),
    (DeleteUser("shop.shop.1", "SCRAM-SHA-512"), "user shop.shop.1"),
    (Grant(ACL), "ACLs of User:shop.shop.1"),
    (Revoke(ACL), "ACLs of User:shop.shop.1"),
]


@pytest.mark.parametrize(("step", "title"), TITLES, ids=[type(step).__name__ for step, _ in TITLES])
def test_a_step_says_what_it_is_about(step: Step, title: str) -> None:
    assert report(foreseen(step)).entries[0].title == title


def test_no_kind_of_step_is_left_out() -> None:
    kinds = {kind.__name__ for kind in Step.__subclasses__() if kind.__module__.startswith("kafkade.")}
    assert kinds == {type(step).__name__ for step, _ in TITLES}


def test_destructive_steps_drift_warnings_and_hints_are_marked() -> None:
    away = ClusterUnreachable("no broker at a:1")
    cluster = resource(Key("KafkaCluster", "shop", "main"))
    made = report(
        foreseen(Delete("orders")),
        Foreseen(cluster, Plan(error=away), away.reason, away.message, away),
        Foreseen(
            resource(Key("KafkaTopic", "shop", "drifted")),
            Plan(
                (AddPartitions("drifted", 1, 2),),
                drift=(DriftFound("partitions", "2", "1"),),
                events=(Event("Warning", "NamingWarning", "an odd name"),),
            ),
        ),
    )
    lines = shown(made)
    assert "- KafkaTopic shop/orders: delete topic orders (destructive)  a.yaml:3:1" in lines
    assert "    drift: partitions is 1, declared 2" in lines
    assert "    warning: an odd name" in lines
    assert any(line.strip().startswith("hint: --bootstrap-server") for line in lines)
    assert lines[-1].endswith("1 would lose records or versions for good.")
    assert made.data()["destructive"] == 1


def test_what_waits_for_a_cluster_is_told_once() -> None:
    waiting = [
        Foreseen(resource(Key("KafkaTopic", "shop", f"t{n}")), Plan(), "ClusterNotFound", "no main") for n in range(3)
    ]
    assert shown(report(*waiting))[0] == "! 3 waiting: ClusterNotFound: no main"
    assert "**3 waiting**: ClusterNotFound: no main" in "\n".join(markdown(report(*waiting)))


def test_nothing_to_do_is_told_where_there_is_a_warning() -> None:
    """Of a topic that stays when its resource goes, for example."""
    kept = Plan(events=(Event("Warning", "TopicKept", "topic orders is kept"),))
    made = report(Foreseen(resource(), kept))
    assert shown(made)[:2] == [
        "! KafkaTopic shop/orders: nothing to do  a.yaml:3:1",
        "    warning: topic orders is kept",
    ]
    assert shown(made)[-1] == "No changes: 1 resource as declared."
    assert "| **nothing to do** | KafkaTopic shop/orders | warning: topic orders is kept |" in "\n".join(markdown(made))


def test_nothing_to_do_is_one_line() -> None:
    assert shown(report(foreseen())) == ["No changes: 1 resource as declared."]
    assert summary(report()) == "No changes: 0 resources as declared."


def test_markdown_takes_no_text_for_markup() -> None:
    key = Key("KafkaTopic", "shop", "orders")
    bad = PartitionShrinkRefused("a | b <script> `c` [d](e)\x1b[31m")
    table = "\n".join(markdown(report(Foreseen(resource(key), Plan(error=bad), bad.reason, bad.message, bad))))
    assert "a \\| b &lt;script&gt; \\`c\\` \\[d\\](e)" in table
    assert "\x1b" not in table
