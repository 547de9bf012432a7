"""Share groups of a policy: what is planned, what is done of it, and what is remembered."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.errors import KafkaRequestFailed, NotSupportedByCluster
from kafkade.api.objects import Resource
from kafkade.api.policy import Grant
from kafkade.clients.model import ConfigEntry, ConfigSource
from kafkade.dlq.act import Acted
from kafkade.dlq.plan import Facts, PolicyPlan, plan
from kafkade.dlq.reconcile import letters_of
from kafkade.dlq.share.act import GroupsActed
from kafkade.dlq.share.observe import ShareFacts
from kafkade.dlq.share.plan import GroupEntry, GroupPlan, plan_groups
from kafkade.dlq.share.status import own_settings, settled
from kafkade.dlq.status import report
from unit.dlq.resources import kafka_topic, policy, rule, world

NOW = "2026-01-01T12:00:00Z"
TOPIC_NAME = "errors.deadletterqueue.topic.name"
COPY = "errors.deadletterqueue.copy.record.enable"
LIMIT = "share.delivery.count.limit"
DEFAULTS = {TOPIC_NAME: "", COPY: "false", LIMIT: "5"}
GROUP = {"group": "workers"}
SPEC: dict[str, Any] = {
    "topicName": "dlq.workers",
    "config": {
        "cleanup.policy": "delete",
        "errors.deadletterqueue.group.enable": "true",
        "retention.ms": "1209600000",
    },
    "deletionPolicy": "Retain",
}


def share(prefix: str | None = "dlq.", **own: str) -> ShareFacts:
    """The group ``workers`` with settings of its own; ``_`` for the dots."""
    names = {"topic": TOPIC_NAME, "copy": COPY, "limit": LIMIT}
    found = {k: ConfigEntry(v, ConfigSource.DEFAULT) for k, v in DEFAULTS.items()}
    found |= {names[k]: ConfigEntry(v, ConfigSource.GROUP) for k, v in own.items()}
    return ShareFacts({"workers": found}, prefix)


def mine(*groups: dict[str, Any], set_: dict[str, str] | None = None, seen: bool = True, **fields: Any) -> Resource:
    """A policy; ``set_``: what it has set on ``workers``; ``seen``: whether its generation was reported."""
    status: dict[str, Any] = {"observedGeneration": 1 if seen else 0}
    if set_ is not None:
        status["shareGroups"] = [{"group": "workers", "deadLetterTopic": "dlq.workers", "ready": True, "config": set_}]
    return policy(topics=["orders"], shareGroups=list(groups), status=status, **fields)


def planned(
    resource: Resource,
    share_facts: ShareFacts,
    *,
    here: tuple[Resource, ...] | None = None,
    others: tuple[Resource, ...] = (),
    grant: Grant | None = None,
) -> GroupPlan:
    """The plan; by default the KafkaTopic dlq.workers is there."""
    topics = here if here is not None else (kafka_topic("dlq.workers", owner=resource, **SPEC),)
    made = {str(r.spec["topicName"]): r for r in topics if r.owner is not None and r.owner.uid == resource.uid}
    rules = [p for p in (resource, *others) if p.deleted is None]
    facts = Facts(world(["orders"], list(topics), rules), {}, made)
    return plan_groups(resource, rule(resource, grant), ["orders"], facts, share_facts)


def only(found: GroupPlan) -> GroupEntry:
    (entry,) = found.entries
    return entry


AS_DECLARED = {TOPIC_NAME: "dlq.workers"}


@pytest.mark.parametrize(
    ("group", "before", "own", "changes"),
    [
        pytest.param({}, None, {}, {TOPIC_NAME: "dlq.workers"}, id="new"),
        pytest.param({}, AS_DECLARED, {"topic": "dlq.workers"}, {}, id="nothing to do"),
        pytest.param(
            {"copyRecord": True, "maxAttempts": 3}, None, {}, {**AS_DECLARED, COPY: "true", LIMIT: "3"}, id="all"
        ),
        pytest.param({"maxAttempts": 5}, None, {"topic": "dlq.workers"}, {}, id="the brokers' own value will do"),
        pytest.param({}, AS_DECLARED, {"topic": "x"}, AS_DECLARED, id="changed outside"),
        pytest.param({}, AS_DECLARED, {"topic": "dlq.workers", "copy": "true"}, {COPY: "false"}, id="by hand"),
        pytest.param(
            {}, {**AS_DECLARED, LIMIT: "3"}, {"topic": "dlq.workers", "limit": "3"}, {LIMIT: None}, id="dropped"
        ),
        pytest.param(
            {}, {**AS_DECLARED, LIMIT: "3"}, {"topic": "dlq.workers", "limit": "4"}, {}, id="dropped, not ours any more"
        ),
    ],
)
def test_settings(
    group: dict[str, Any], before: dict[str, str] | None, own: dict[str, str], changes: dict[str, str | None]
) -> None:
    entry = only(planned(mine(GROUP | group, set_=before), share(**own)))
    assert (entry.error, dict(entry.changes)) == (None, changes)
    assert entry.ready is not bool(changes)


def test_a_topic_that_brokers_can_write_to_comes_first() -> None:
    entry = only(planned(mine(GROUP), share(), here=()))
    (child,) = entry.create
    assert (child.key.name, child.spec) == ("dlq.workers", {"clusterRef": {"name": "main"}, **SPEC})
    assert (dict(entry.changes), entry.ready) == ({}, False)
    waits = only(planned(mine(GROUP), share(), here=(kafka_topic("dlq.workers", owner=mine(), ready=False, **SPEC),)))
    assert (waits.reason, dict(waits.changes)) == ("TopicConflict", {})


def test_two_groups_with_one_topic() -> None:
    facts = share()
    both = ShareFacts({**facts.configs, "others": facts.configs["workers"]}, "dlq.")
    resource = mine(GROUP, {"group": "others", "deadLetterTopic": "dlq.workers"})
    first, second = planned(resource, both, here=()).entries
    assert (first.group, len(first.create), second.create) == ("others", 1, ())
    assert second.waits == "topic dlq.workers is being made"
    assert all(e.changes for e in planned(resource, both).entries)
    status = {"deadLetterTopic": "dlq.workers", "ready": True}
    told = [{"group": g, **status, "depth": 3} for g in ("others", "workers")]
    counted = policy(topics=["orders"], shareGroups=resource.spec["shareGroups"], status={"shareGroups": told})
    found = settled(planned(counted, both), GroupsActed(done={"others", "workers"}))
    made = report(counted, PolicyPlan(), Acted(), {}, None, "map", NOW, counted=False, observe_only=False, groups=found)
    assert (made.status or {})["depth"] == 3, "counted once"


def test_its_topic_does_not_leave_the_policy() -> None:
    resource = mine(GROUP)
    topic = kafka_topic("dlq.workers", owner=resource, **SPEC)
    facts = Facts(world(["orders"], [topic], [resource]), {}, {"dlq.workers": topic})
    assert plan(resource, rule(resource), [], facts).leaving == ()
    assert not facts.world.is_source("dlq.workers")


OLDER = policy("older", topics=["x"], shareGroups=[GROUP], created="2025-01-01T00:00:00Z")
MADE_WITH_THREE = kafka_topic("dlq.workers", owner=mine(), **SPEC, partitions=3)
BY_HAND = kafka_topic("dlq.workers", topicName="dlq.workers")
FLAGGED = kafka_topic(
    "mine", topicName="dlq.workers", config={"errors.deadletterqueue.group.enable": True}, partitions=1
)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(planned(mine(GROUP), share(), others=(OLDER,)), "PolicyConflict", id="an older policy"),
        pytest.param(planned(mine(GROUP), share("letters.")), "InvalidConfig", id="the brokers' prefix"),
        pytest.param(planned(mine(GROUP), share(), here=(BY_HAND,)), "InvalidConfig", id="a topic without the flag"),
        pytest.param(planned(mine(GROUP), share(), here=(FLAGGED,)), None, id="a topic with it"),
        pytest.param(planned(mine(GROUP), share(None)), None, id="a prefix that cannot be read"),
        pytest.param(
            planned(mine(GROUP, deadLetterTopics={"partitions": 1}), share(), here=(MADE_WITH_THREE,)),
            "PartitionShrinkRefused",
            id="fewer partitions than before",
        ),
        pytest.param(planned(mine(GROUP), share(), here=(MADE_WITH_THREE,)), None, id="any number of partitions"),
        pytest.param(
            planned(mine(GROUP | {"deadLetterTopic": "orders.dlq"}), share("")), "DeadLetterLoop", id="a source's"
        ),
        pytest.param(planned(mine({"group": "my workers"}), share()), "NamingRefused", id="no name of a topic"),
        pytest.param(planned(mine(GROUP), share(), grant=Grant(("dlq.",))), "NotAllowed", id="not its group"),
        pytest.param(planned(mine(GROUP), share(), grant=Grant(("work",))), "NotAllowed", id="not its topic"),
        pytest.param(planned(mine(GROUP), share(), grant=Grant(("work", "dlq.work"))), None, id="both its own"),
        pytest.param(
            planned(mine(GROUP), ShareFacts(error=NotSupportedByCluster("no"))), "NotSupportedByCluster", id="too old"
        ),
        pytest.param(
            planned(mine(GROUP), ShareFacts({"workers": KafkaRequestFailed("no")})),
            "KafkaRequestFailed",
            id="no answer",
        ),
    ],
)
def test_refused(found: GroupPlan, reason: str | None) -> None:
    error = only(found).error
    assert (None if error is None else error.reason) == reason
    assert error is None or dict(only(found).changes) == {}


@pytest.mark.parametrize(
    ("found", "own"),
    [
        pytest.param(planned(mine(GROUP), share()), {"dlq.workers"}, id="its own"),
        pytest.param(planned(mine(GROUP), share("letters.")), {"dlq.workers"}, id="not ready"),
        pytest.param(planned(mine(GROUP), share(), others=(OLDER,)), set(), id="an older policy's"),
        pytest.param(planned(mine(GROUP), share(), grant=Grant(("work",))), set(), id="not allowed"),
        pytest.param(planned(mine(GROUP | {"deadLetterTopic": "__consumer_offsets"}), share()), set(), id="internal"),
    ],
)
def test_what_a_policy_was_refused_is_not_counted(found: GroupPlan, own: set[str]) -> None:
    assert letters_of(PolicyPlan(), found) == own
    before = mine(GROUP)
    before.status["shareGroups"] = [{"group": "workers", "deadLetterTopic": "dlq.workers", "depth": 7}]  # type: ignore[index]
    made = report(
        before, PolicyPlan(), Acted(), {}, None, "map", NOW, counted=False, observe_only=False, groups=found
    )  # fmt: skip
    assert made.status is not None
    (group,) = made.status["shareGroups"]
    assert group.get("depth") == (7 if own else None), "nor is what an earlier kafkade counted kept"


SET = {**AS_DECLARED, LIMIT: "3"}
STILL = {"topic": "dlq.workers", "limit": "3"}
YOUNGER = policy("younger", topics=["x"], shareGroups=[GROUP], created="2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("found", "changes"),
    [
        pytest.param(planned(mine(set_=SET), share(**STILL)), {TOPIC_NAME: None, LIMIT: None}, id="out of the spec"),
        pytest.param(
            planned(mine(GROUP, set_=SET, deleted=NOW), share(**STILL)), {TOPIC_NAME: None, LIMIT: None}, id="deleted"
        ),
        pytest.param(
            planned(mine(GROUP | {"maxAttempts": 3}, deleted=NOW), share(**STILL)),
            {TOPIC_NAME: None, LIMIT: None},
            id="deleted after a crash before the status",
        ),
        pytest.param(
            planned(mine(GROUP | {"maxAttempts": 3}, set_=AS_DECLARED, deleted=NOW), share(**STILL)),
            {TOPIC_NAME: None},
            id="deleted: what somebody else set stays",
        ),
        pytest.param(
            planned(mine(set_=SET), share(topic="x", limit="3")), {LIMIT: None}, id="one is not ours any more"
        ),
        pytest.param(
            planned(mine(set_=SET), share(**STILL), others=(YOUNGER,)), {LIMIT: None}, id="an heir sets the rest"
        ),
        pytest.param(
            planned(mine(GROUP, set_=SET), share(**STILL), others=(OLDER,)),
            {LIMIT: None},
            id="an older policy has it now",
        ),
        pytest.param(planned(mine(set_=SET, managementPolicy="Observe"), share(**STILL)), {}, id="Observe"),
        pytest.param(planned(mine(set_=SET), ShareFacts(error=NotSupportedByCluster("no"))), {}, id="too old by now"),
    ],
)
def test_what_leaves(found: GroupPlan, changes: dict[str, None]) -> None:
    (gone,) = found.leaving
    assert dict(gone.changes) == changes


def test_what_is_remembered() -> None:
    """What kafkade has set, and nothing that was so by itself or by hand."""

    def kept(resource: Resource, facts: ShareFacts, *done: str, **errors: Any) -> dict[str, Any]:
        found = planned(resource, facts)
        return {g: dict(c) for g, c in own_settings(resource, found, GroupsActed(errors, set(done))).items()}

    more = GROUP | {"maxAttempts": 3}
    assert kept(mine(more), share(), "workers") == {"workers": {**AS_DECLARED, LIMIT: "3"}}
    assert kept(mine(more), share(), workers=KafkaRequestFailed("no")) == {}
    assert kept(mine(more, set_=AS_DECLARED), share(**STILL)) == {"workers": AS_DECLARED}, "somebody's own"
    assert kept(mine(more, seen=False), share(**STILL)) == {"workers": SET}, "a crash before the status"
    assert kept(mine(more), share(**STILL)) == {"workers": SET}, "a crash before a status that says ready"
    assert kept(mine(GROUP, set_=SET), share(**STILL), "workers") == {"workers": AS_DECLARED}, "dropped"
    assert kept(mine(GROUP, set_=SET), share(**STILL), workers=KafkaRequestFailed("no")) == {"workers": SET}
    assert kept(mine(set_=SET), share(**STILL), "workers") == {}, "taken back"
    assert kept(mine(set_=SET), share(**STILL), workers=KafkaRequestFailed("no")) == {"workers": SET}
    assert kept(mine(GROUP, set_=SET), ShareFacts(error=NotSupportedByCluster("no"))) == {"workers": SET}


def test_drift_is_what_kafkade_had_set() -> None:
    entry = only(planned(mine(GROUP, set_=AS_DECLARED), share(topic="x")))
    assert dict(entry.drift) == {TOPIC_NAME: "x"}
    assert not only(planned(mine(GROUP), share(topic="x"))).drift, "what was there before is no drift"
    assert not only(planned(mine(GROUP, set_=AS_DECLARED, seen=False), share(topic="x"))).drift


def told(resource: Resource, facts: ShareFacts, acted: GroupsActed, *, observe: bool = False) -> dict[str, Any]:
    """The status that is reported."""
    found = planned(resource, facts)
    made = report(
        resource, PolicyPlan(), Acted(), {}, None, "map", NOW, counted=False, observe_only=observe,
        groups=settled(found, acted), settings=own_settings(resource, found, acted),
    )  # fmt: skip
    assert made.status is not None
    return dict(made.status)


@pytest.mark.parametrize(
    ("status", "ready", "reason", "says"),
    [
        pytest.param(told(mine(GROUP), share(), GroupsActed(done={"workers"})), "True", "Reconciled",
                     "1 share group with a dead-letter topic", id="set"),
        pytest.param(told(mine(GROUP), share(), GroupsActed({"workers": KafkaRequestFailed("oh")})), "False",
                     "KafkaRequestFailed", "oh", id="refused"),
        pytest.param(told(mine(GROUP), share(), GroupsActed(), observe=True), "False", "Observed",
                     "not as declared: share group workers", id="Observe"),
        pytest.param(told(mine(GROUP), ShareFacts(error=NotSupportedByCluster("old")), GroupsActed()), "False",
                     "NotSupportedByCluster", "old", id="too old"),
        pytest.param(told(mine(set_=SET), share(**STILL), GroupsActed({"workers": KafkaRequestFailed("oh")})), "False",
                     "KafkaRequestFailed", "oh", id="not taken back"),
    ],
)  # fmt: skip
def test_reported(status: dict[str, Any], ready: str, reason: str, says: str) -> None:
    found = status["conditions"][0]
    assert (found["status"], found["reason"]) == (ready, reason)
    assert says in found["message"]
    (group,) = status["shareGroups"]
    assert group["ready"] is (ready == "True")
