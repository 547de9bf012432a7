"""What a binding's spec comes to, by the resources that it names and what its namespace may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kafkade.api.binding import KafkaServiceBindingSpec
from kafkade.api.common import parse
from kafkade.api.context import Context, Work
from kafkade.api.errors import (
    BindingConflict,
    InvalidSpec,
    KafkadeError,
    NamingRefused,
    PolicyNotReady,
    ReferenceNotReady,
    TopicNotFound,
)
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.bindings.access import acls_of
from kafkade.bindings.wanted import Names, Wanted, references_of, wanted

CLUSTER = Key("KafkaCluster", "shop", "main")
REF = {"clusterRef": {"name": "main", "namespace": "shop"}}


def resource(kind: str, name: str, spec: dict[str, Any], namespace: str = "shop", **fields: Any) -> Resource:
    status, created = fields.pop("status", {}), fields.pop("created", "2026-01-02T00:00:00Z")
    key = Key(kind, namespace, name)
    return Resource(key, f"uid-{namespace}-{name}", 1, "1", created, None, (), {}, {}, {**REF, **spec}, status)


def binding(
    name: str = "users", namespace: str = "shop", created: str = "2026-01-02T00:00:00Z", **spec: Any
) -> Resource:
    return resource("KafkaServiceBinding", name, spec, namespace, created=created)


@dataclass
class World:
    """As much of a Context as is asked."""

    resources: list[Resource] = field(default_factory=list)

    def get(self, key: Key) -> Resource | None:
        return next((r for r in self.resources if r.key == key), None)

    def members(self, cluster: Key, kind: str) -> list[Resource]:
        return [r for r in self.resources if r.key.kind == kind]

    def grant(self, _: Resource) -> Grant | None:
        return Grant()


def found(asked: Resource, *others: Resource, grant: Grant | None = None, lenient: bool = False) -> Wanted:
    work = Work(asked, parse(KafkaServiceBindingSpec, asked.spec), grant or Grant())
    return wanted(work, CLUSTER, cast(Context, World([asked, *others])), lenient=lenient)


TOPIC = resource("KafkaTopic", "events", {"topicName": "user-events"})
POLICY = resource(
    "KafkaDLQPolicy",
    "letters",
    {"topics": ["user-*"]},
    status={
        "matched": 3,
        "topics": [
            {"topic": "user-events", "deadLetterTopic": "forged"},
            {"topic": "user-others", "deadLetterTopic": "user-others.dlq"},
            {"topic": "user-conflicts", "deadLetterTopic": "user-conflicts.dlq", "reason": "PolicyConflict"},
        ],
    },
)


def test_names_come_from_the_resources() -> None:
    asked = binding(
        consumes=[{"topicRef": {"name": "events"}}, {"prefix": "raw-"}, {"topic": "a"}, {"topic": "a"}],
        schemas=[{"schemaRef": {"name": "event"}}, {"subject": "a-value"}],
    )
    schema = resource("KafkaSchema", "event", {"schemaType": "JSON"}, status={"subject": "user-events-value"})
    came = found(asked, TOPIC, schema)
    assert came.consumes == (Names("a"), Names("raw-", prefixed=True), Names("user-events"))
    assert [(s.subject, s.schema_type) for s in came.schemas] == [("a-value", None), ("user-events-value", "JSON")]
    assert (came.service, came.secret, came.groups) == ("users", "users-binding", ("users-group",))
    assert set(references_of(asked)) == {TOPIC.key, schema.key}


def test_a_policy_gives_the_names_of_its_spec_for_topics_that_are_consumed() -> None:
    """Neither what a status calls a dead-letter topic, nor a topic that another policy holds."""
    consumes = [{"topic": "user-events"}, {"topic": "user-conflicts"}]
    came = found(binding(consumes=consumes, dlqPolicyRef={"name": "letters"}), POLICY)
    assert came.policy is not None
    assert [t.dead_letter_topic for t in came.policy.topics] == ["user-events.dlq"]


REFUSED: list[tuple[str, Resource, list[Resource], type[KafkadeError], str]] = [
    ("no topic", binding(consumes=[{"topicRef": {"name": "events"}}]), [], TopicNotFound, "KafkaTopic shop/events"),
    (
        "another cluster's topic",
        binding(consumes=[{"topicRef": {"name": "events"}}]),
        [resource("KafkaTopic", "events", {"clusterRef": {"name": "other"}})],
        InvalidSpec,
        "belongs to KafkaCluster shop/other",
    ),
    ("no policy", binding(consumes=[{"topic": "a"}], dlqPolicyRef={"name": "x"}), [], PolicyNotReady, "does not exist"),
    (
        "a policy that nobody looked at",
        binding(consumes=[{"topic": "a"}], dlqPolicyRef={"name": "x"}),
        [resource("KafkaDLQPolicy", "x", {"topics": ["a"]})],
        PolicyNotReady,
        "not looked at yet",
    ),
    (
        "a schema that is not registered",
        binding(consumes=[{"topic": "a"}], schemas=[{"schemaRef": {"name": "x"}}]),
        [resource("KafkaSchema", "x", {})],
        ReferenceNotReady,
        "not registered yet",
    ),
    ("an internal topic", binding(consumes=[{"topic": "__consumer_offsets"}]), [], NamingRefused, "internal"),
    ("a prefix of them", binding(produces=[{"prefix": "_"}]), [], NamingRefused, "internal"),
    ("a prefix of later ones", binding(produces=[{"prefix": "__x"}]), [], NamingRefused, "internal"),
    ("a ledger", binding(consumes=[{"topic": "a"}], groups=["kafkade-dlq.a.dlq"]), [], NamingRefused, "kafkade's own"),
    (
        "a redrive's transactions",
        binding(produces=[{"topic": "a"}], transactionalIdPrefix="kafka"),
        [],
        NamingRefused,
        "kafkade's own",
    ),
    (
        "a group of an older binding elsewhere",
        binding(consumes=[{"topic": "a"}], groups=["g"]),
        [binding(namespace="team", created="2026-01-01T00:00:00Z", consumes=[{"topic": "b"}], groups=["g"])],
        BindingConflict,
        "KafkaServiceBinding team/users",
    ),
    (
        "transactional ids in common",
        binding(produces=[{"topic": "a"}], transactionalIdPrefix="users-"),
        [
            binding(
                namespace="team",
                created="2026-01-01T00:00:00Z",
                produces=[{"topic": "b"}],
                transactionalIdPrefix="users-reports-",
            )
        ],
        BindingConflict,
        "have some in common",
    ),
]


@pytest.mark.parametrize(("asked", "others", "error", "text"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_is_refused(asked: Resource, others: list[Resource], error: type[KafkadeError], text: str) -> None:
    with pytest.raises(error, match=text):
        found(asked, *others)


def test_the_older_binding_keeps_its_group_and_neighbours_share() -> None:
    older = binding(created="2026-01-01T00:00:00Z", consumes=[{"topic": "a"}], groups=["g"])
    found(older, binding(namespace="team", consumes=[{"topic": "b"}], groups=["g"]))
    found(older, binding("second", created="2025-01-01T00:00:00Z", consumes=[{"topic": "b"}], groups=["g"]))


def test_what_the_namespace_may_not_use_is_left_out_and_told() -> None:
    asked = binding(
        consumes=[{"topic": "user-events"}, {"topic": "others"}],
        produces=[{"prefix": "user-"}, {"prefix": "us"}],
        transactionalIdPrefix="users-",
        dlqPolicyRef={"name": "letters"},
    )
    came = found(asked, POLICY, grant=Grant(("user-",), None, ("team-",)))
    assert (came.produces, came.consumes) == ((Names("user-", prefixed=True),), (Names("user-events"),))
    assert (came.allowed_groups, came.transactional_id_prefix) == ((), None)
    assert came.denied is not None
    kinds = {acl.kind for acl in acls_of(came, "shop.users.1")}
    assert kinds == {"topic"}, "no group and no transactional id"


def test_who_may_use_nothing_has_no_acl() -> None:
    came = found(binding(consumes=[{"topic": "a"}], produces=[{"prefix": "b"}]), grant=Grant((), (), ()))
    assert acls_of(came, "shop.users.1") == frozenset()


def test_a_plan_of_all_at_once_leaves_out_what_nobody_looked_at() -> None:
    asked = binding(consumes=[{"topic": "a"}], schemas=[{"schemaRef": {"name": "x"}}], dlqPolicyRef={"name": "x"})
    others = [resource("KafkaSchema", "x", {}), resource("KafkaDLQPolicy", "x", {"topics": ["a"]})]
    came = found(asked, *others, lenient=True)
    assert came.schemas == ()
    assert came.policy is not None
    assert came.policy.topics == ()
