"""What users ask for, one scenario a path of the operator: what there is before, and the change that is then crashed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from integration.crashes.world import Object, World, resource
from kafkade.api import ADMISSION_FINALIZER
from kafkade.devstack.kafka_config import ADMIN
from support.letters import letter, write
from support.stack import secret
from support.waiting import until

LETTERS = 20
"""Dead letters that a redrive puts back."""


@dataclass(frozen=True, slots=True)
class Apply:
    """A user applies this."""

    what: Object


@dataclass(frozen=True, slots=True)
class Delete:
    """A user deletes this."""

    kind: str
    name: str


Change = Apply | Delete
Changes = Callable[[World, str], Sequence[Change]]


def nothing(_: World, __: str) -> Sequence[Change]:
    return ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """All by namespace. ``before`` is applied first and brought about; then ``by_hand`` is done past the operator.

    ``change``: what the operator is crashed in the middle of. ``meanwhile``: what the user changes before the next one starts.
    ``own_cluster``: it has a KafkaCluster of its own.
    """

    name: str
    change: Changes
    before: Changes = nothing
    by_hand: Callable[[World, str], object] = nothing
    meanwhile: Changes = nothing
    own_cluster: bool = False


# --- topics ------------------------------------------------------------------------------------


def _topic(**spec: Any) -> Changes:
    """A KafkaTopic ``orders``."""
    return lambda _, place: [Apply(resource("KafkaTopic", "orders", place, {"topicName": f"{place}.orders", **spec}))]


def _made(partitions: int = 1, **config: str) -> Callable[[World, str], object]:
    """The topic exists already, made by somebody else."""
    return lambda world, place: world.view.create(f"{place}.orders", partitions, **config)


def _made_anew(world: World, place: str) -> None:
    """Somebody deleted the topic and made another one of its name."""
    world.view.delete(f"{place}.orders")
    until(lambda: f"{place}.orders" not in world.view.topics(), "the deleted topic is gone")
    world.view.create(f"{place}.orders", 1, retention_ms="5000")


def _delete(kind: str, name: str) -> Changes:
    return lambda _, __: [Delete(kind, name)]


_SHORT, _LONG = {"retention.ms": 60_000}, {"retention.ms": 120_000, "segment.ms": 600_000}

TOPICS = (
    Scenario("topic: create", _topic(partitions=2, config=_SHORT)),
    Scenario("topic: create, Retain", _topic(partitions=2, config=_SHORT, deletionPolicy="Retain")),
    Scenario(
        "topic: create, Retain, changed while down",
        _topic(partitions=2, config=_SHORT, deletionPolicy="Retain"),
        meanwhile=_topic(partitions=3, config=_LONG, deletionPolicy="Retain"),
    ),
    Scenario(
        "topic: create, Retain, settings dropped while down",
        _topic(partitions=2, config=_LONG, deletionPolicy="Retain"),
        meanwhile=_topic(partitions=2, deletionPolicy="Retain"),
    ),
    Scenario("topic: create, deleted while down", _topic(config=_SHORT), meanwhile=_delete("KafkaTopic", "orders")),
    Scenario(
        "topic: settings and partitions",
        _topic(partitions=3, config=_LONG),
        before=_topic(partitions=2, config={**_SHORT, "cleanup.policy": "compact"}),
    ),
    Scenario(
        "topic: settings, taken back while down",
        _topic(config=_LONG),
        before=_topic(config=_SHORT),
        meanwhile=_topic(config={}),
    ),
    Scenario(
        "topic: more replicas",
        _topic(partitions=2, replicationFactor=2),
        before=_topic(partitions=2, replicationFactor=1),
    ),
    Scenario("topic: delete", _delete("KafkaTopic", "orders"), before=_topic(config=_SHORT)),
    Scenario(
        "topic: delete, Retain", _delete("KafkaTopic", "orders"), before=_topic(config=_SHORT, deletionPolicy="Retain")
    ),
    Scenario(
        "topic: from Delete to Retain", _topic(config=_SHORT, deletionPolicy="Retain"), before=_topic(config=_SHORT)
    ),
    Scenario(
        "topic: adopt",
        _topic(partitions=2, config=_LONG, adoptionPolicy="Always"),
        by_hand=_made(1, retention_ms="5000", cleanup_policy="compact"),
    ),
    Scenario(
        "topic: adopt what is the same, changed while down",
        _topic(partitions=1, config={"retention.ms": 5000}, adoptionPolicy="IfIdentical"),
        by_hand=_made(1, retention_ms="5000"),
        meanwhile=_topic(partitions=2, config=_LONG, adoptionPolicy="IfIdentical"),
    ),
    Scenario(
        "topic: deleted by hand",
        _topic(partitions=2, config=_SHORT, replicationFactor=1),
        before=_topic(partitions=2, config=_SHORT),
        by_hand=lambda world, place: world.view.delete(f"{place}.orders"),
    ),
    Scenario(
        "topic: deleted by hand, Retain",
        _topic(partitions=2, config=_SHORT, replicationFactor=1, deletionPolicy="Retain"),
        before=_topic(partitions=2, config=_SHORT, deletionPolicy="Retain"),
        by_hand=lambda world, place: world.view.delete(f"{place}.orders"),
    ),
    Scenario(
        "topic: made anew by hand",
        _topic(partitions=2, config=_LONG, adoptionPolicy="Always"),
        before=_topic(partitions=2, config=_SHORT, adoptionPolicy="Always"),
        by_hand=_made_anew,
    ),
)

_HELD = ("bills", "orders", "users")
"""As many as one mark at the KafkaCluster is written for (``topics.reconcile.TOGETHER``)."""


def _held(**spec: Any) -> Changes:
    """KafkaTopics with the finalizer that the API server puts on where it has the chart's policy, of a cluster of their own."""

    def made(_: World, place: str) -> Sequence[Change]:
        topics = [
            resource("KafkaTopic", name, place, {"clusterRef": {"name": "own"}, "topicName": f"{place}.{name}", **spec})
            for name in _HELD
        ]
        return [Apply({**t, "metadata": {**t["metadata"], "finalizers": [ADMISSION_FINALIZER]}}) for t in topics]

    return made


def _own_cluster(world: World, place: str) -> Sequence[Change]:
    return [Apply(resource("KafkaCluster", "own", place, world.cluster_spec()))]


def _all_made(world: World, place: str) -> None:
    for name in _HELD:
        world.view.create(f"{place}.{name}", 1, retention_ms="5000", cleanup_policy="compact")


HELD_TOPICS = (
    Scenario("topics held: create", _held(config=_SHORT), before=_own_cluster, own_cluster=True),
    Scenario(
        "topics held: create, changed while down",
        _held(config=_SHORT),
        before=_own_cluster,
        meanwhile=_held(partitions=2, config=_LONG),
        own_cluster=True,
    ),
    Scenario(
        "topics held: create, deleted while down",
        _held(config=_SHORT),
        before=_own_cluster,
        meanwhile=lambda _, __: [Delete("KafkaTopic", name) for name in _HELD],
        own_cluster=True,
    ),
    Scenario(
        "topics held: adopt",
        _held(partitions=2, config=_LONG, adoptionPolicy="Always"),
        before=_own_cluster,
        by_hand=_all_made,
        own_cluster=True,
    ),
)

# --- schemas -----------------------------------------------------------------------------------


def _record(place: str, name: str, *fields: tuple[str, Any]) -> str:
    made = [{"name": n, "type": t, **({"default": None} if isinstance(t, list) else {})} for n, t in fields]
    return json.dumps({"type": "record", "name": name, "namespace": place, "fields": made})


def _user(place: str, *more: tuple[str, Any], **spec: Any) -> Apply:
    text = _record(place, "User", ("id", "string"), *more)
    return Apply(resource("KafkaSchema", "user", place, {"subject": f"{place}-user", "schema": text, **spec}))


def _order(place: str, **spec: Any) -> Apply:
    """It uses the user."""
    body = {
        "subject": f"{place}-order",
        "schema": _record(place, "Order", ("id", "string"), ("user", f"{place}.User")),
        "references": [{"name": f"{place}.User", "schemaRef": {"name": "user"}}],
        **spec,
    }
    return Apply(resource("KafkaSchema", "order", place, body))


def _from_config_map(_: World, place: str) -> Sequence[Change]:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "texts", "namespace": place},
        "data": {"event": _record(place, "Event", ("id", "string"))},
    }
    source = {"configMapKeyRef": {"name": "texts", "key": "event"}}
    spec = {"subject": f"{place}-event", "schemaFrom": source, "compatibility": "FULL", "deletionPolicy": "HardDelete"}
    return [Apply(config_map), Apply(resource("KafkaSchema", "event", place, spec))]


_EMAIL = ("email", ["null", "string"])


def _pair(policy: str) -> Changes:
    return lambda _, place: [_user(place, deletionPolicy=policy), _order(place, deletionPolicy=policy)]


_PAIR_GOES: Changes = lambda _, __: [Delete("KafkaSchema", "order"), Delete("KafkaSchema", "user")]  # noqa: E731

SCHEMAS = (
    Scenario(
        "schema: create with a reference",
        lambda _, place: [_order(place, compatibility="BACKWARD"), _user(place, compatibility="BACKWARD")],
    ),
    Scenario("schema: create from a ConfigMap", _from_config_map),
    Scenario("schema: create, deleted while down", _pair("HardDelete"), meanwhile=_PAIR_GOES),
    Scenario(
        "schema: a new version and level",
        lambda _, place: [_user(place, _EMAIL, compatibility="FULL")],
        before=lambda _, place: [_user(place, compatibility="BACKWARD"), _order(place)],
    ),
    Scenario(
        "schema: a level, taken back while down",
        lambda _, place: [_user(place, _EMAIL, compatibility="FULL")],
        before=lambda _, place: [_user(place)],
        meanwhile=lambda _, place: [_user(place, _EMAIL)],
    ),
    Scenario(
        "schema: delete, soft",
        _delete("KafkaSchema", "user"),
        before=lambda _, place: [_user(place, deletionPolicy="SoftDelete")],
    ),
    Scenario("schema: delete, hard", _PAIR_GOES, before=_pair("HardDelete")),
    Scenario("schema: delete, Retain", _PAIR_GOES, before=_pair("Retain")),
)

# --- dead letters ------------------------------------------------------------------------------


def _policy(*, groups: bool = False, **spec: Any) -> Changes:
    share = {"shareGroups": [{"group": "{0}.workers", "maxAttempts": 4}]} if groups else {}

    def made(_: World, place: str) -> Sequence[Change]:
        text = json.dumps({"topics": [f"{place}.orders"], **share, **spec}).replace("{0}", place)
        return [Apply(resource("KafkaDLQPolicy", "letters", place, json.loads(text)))]

    return made


def _both(*all_changes: Changes) -> Changes:
    return lambda world, place: [change for changes in all_changes for change in changes(world, place)]


_SOURCE = _topic(partitions=2)
_RETRY = {"strategy": "RetryTopics", "maxAttempts": 3}

POLICIES = (
    Scenario("policy: create", _policy(retry=_RETRY), before=_SOURCE),
    Scenario("policy: create with its topic", _both(_SOURCE, _policy())),
    Scenario("policy: create with share groups", _policy(groups=True), before=_SOURCE),
    Scenario(
        "policy: change",
        _policy(retry={**_RETRY, "maxAttempts": 2}, deadLetterTopics={"retention": "48h"}),
        before=_both(_SOURCE, _policy(retry=_RETRY)),
    ),
    Scenario("policy: a share group leaves", _policy(), before=_both(_SOURCE, _policy(groups=True))),
    Scenario("policy: delete", _delete("KafkaDLQPolicy", "letters"), before=_both(_SOURCE, _policy())),
    Scenario(
        "policy: delete with topics and share groups",
        _delete("KafkaDLQPolicy", "letters"),
        before=_both(_SOURCE, _policy(groups=True, deadLetterTopics={"deletionPolicy": "Delete"})),
    ),
)


def _dead_letters(world: World, place: str) -> None:
    """As many in each of two partitions."""
    for number in range(2):
        letters = [letter(n, f"{place}.orders") for n in range(number, LETTERS, 2)]
        write(world.kafka.bootstrap, f"{place}.orders.dlq", letters, partition=number)


def _redrive(**spec: Any) -> Changes:
    return lambda _, place: [
        Apply(resource("KafkaDLQRedrive", "again", place, {"source": {"topic": f"{place}.orders.dlq"}, **spec}))
    ]


_WITH_LETTERS = _both(_SOURCE, _policy())

REDRIVES = (
    Scenario("redrive", _redrive(), before=_WITH_LETTERS, by_hand=_dead_letters),
    Scenario(
        "redrive: some of them, and gone after that",
        _redrive(maxRecords=5, filter={"partitions": [0]}, ttlSecondsAfterFinished=0),
        before=_WITH_LETTERS,
        by_hand=_dead_letters,
    ),
    Scenario(
        "redrive: only counted",
        lambda _, place: [
            Apply(
                resource(
                    "KafkaDLQRedrive", "again", place, {"source": {"policyRef": {"name": "letters"}}, "dryRun": True}
                )
            )
        ],
        before=_WITH_LETTERS,
        by_hand=_dead_letters,
    ),
)

# --- clusters ----------------------------------------------------------------------------------


def setting_of(place: str) -> str:
    """A dynamic setting of all brokers that is one namespace's alone: of a listener that no broker has."""
    return f"listener.name.{place}.max.connections"


def _cluster(value: str | None) -> Changes:
    def made(world: World, place: str) -> Sequence[Change]:
        config = {} if value is None else {"brokerConfig": {setting_of(place): value}}
        return [Apply(resource("KafkaCluster", "own", place, world.cluster_spec(**config)))]

    return made


CLUSTERS = (
    Scenario("cluster: create", _cluster("100"), own_cluster=True),
    Scenario(
        "cluster: create, setting taken back while down", _cluster("100"), meanwhile=_cluster(None), own_cluster=True
    ),
    Scenario(
        "cluster: a setting that was there, taken back while down",
        _cluster("100"),
        by_hand=lambda world, place: world.default_settings(**{setting_of(place): "100"}),
        meanwhile=_cluster(None),
        own_cluster=True,
    ),
    Scenario("cluster: change a setting", _cluster("200"), before=_cluster("100"), own_cluster=True),
    Scenario("cluster: take a setting back", _cluster(None), before=_cluster("100"), own_cluster=True),
    Scenario("cluster: delete", _delete("KafkaCluster", "own"), before=_cluster("100"), own_cluster=True),
)

# --- service bindings --------------------------------------------------------------------------


def _secured(world: World, place: str) -> Sequence[Change]:
    """A KafkaCluster that gives services users of their own."""
    spec = world.cluster_spec(
        bootstrapServers=world.kafka.sasl_plaintext_bootstrap,
        sasl={"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "admin"}},
        serviceBindings={"credentials": "Managed"},
    )
    login = secret("admin", place, username=ADMIN[0], password=ADMIN[1])
    return [Apply(login), Apply(resource("KafkaCluster", "own", place, spec))]


def _binding(generation: int = 1, **spec: Any) -> Changes:
    """A service that writes to one topic, and what else it does; its former user goes at once."""

    def made(_: World, place: str) -> Sequence[Change]:
        body = {
            "clusterRef": {"name": "own"},
            "produces": [{"topic": f"{place}.orders"}],
            "credentials": {"generation": generation, "overlap": "0s"},
            **json.loads(json.dumps(spec).replace("{0}", place)),
        }
        return [Apply(resource("KafkaServiceBinding", "shop", place, body))]

    return made


_READS = {"consumes": [{"prefix": "{0}.users"}], "groups": ["{0}.shop"], "transactionalIdPrefix": "{0}.shop"}
_FIRST = _both(_secured, _binding())

BINDINGS = (
    Scenario("binding: create", _binding(**_READS), before=_secured, own_cluster=True),
    Scenario(
        "binding: create, deleted while down",
        _binding(),
        before=_secured,
        meanwhile=_delete("KafkaServiceBinding", "shop"),
        own_cluster=True,
    ),
    Scenario("binding: more rights", _binding(**_READS), before=_FIRST, own_cluster=True),
    Scenario("binding: fewer rights", _binding(), before=_both(_secured, _binding(**_READS)), own_cluster=True),
    Scenario("binding: another user", _binding(2), before=_FIRST, own_cluster=True),
    Scenario("binding: delete", _delete("KafkaServiceBinding", "shop"), before=_FIRST, own_cluster=True),
)

SCENARIOS = (*TOPICS, *HELD_TOPICS, *SCHEMAS, *POLICIES, *REDRIVES, *CLUSTERS, *BINDINGS)
