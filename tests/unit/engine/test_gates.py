"""What a resource passes before its kind sees it, and the rule for letting go of what cannot be cleaned up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from kafkade.api import ADMISSION_FINALIZER, FINALIZER
from kafkade.api.conditions import condition
from kafkade.api.context import Work
from kafkade.api.errors import ClusterUnreachable, KafkadeError, TLSFailed
from kafkade.api.objects import Key, Report, Resource
from kafkade.engine.gates import YOUNG, Gates
from kafkade.engine.store import Store

NOW = "2026-01-01T12:00:00Z"


@dataclass
class Line:
    """A stand-in for the connections: an outage, which no real part shows at will for a day."""

    error: KafkadeError | None = None

    async def trouble(self, _: Key) -> KafkadeError | None:
        return self.error

    def seen_deleted(self, _: Key) -> bool:
        return True


@dataclass
class Spaces:
    """A stand-in for namespaces."""

    going: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)

    async def labels(self, _: str) -> Mapping[str, str]:
        return self.marks

    async def terminating(self, _: str) -> bool:
        return self.going


def resource(kind: str, name: str, spec: dict[str, Any], status: dict[str, Any] | None = None, **meta: Any) -> Resource:
    body = {
        "metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "1", "generation": 2, **meta},
        "spec": spec,
        "status": status or {},
    }
    return Resource.from_body(kind, body)


def ready(status: str, since: str = NOW, reason: str = "Reconciled") -> dict[str, Any]:
    entry = {"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": since}
    return {"observedGeneration": 2, "conditions": [entry]}


def gates(cluster: Resource | None, error: KafkadeError | None = None, **spaces: Any) -> Gates:
    store = Store({})
    if cluster is not None:
        store.put(cluster)
    return Gates(store, Line(error), Spaces(**spaces), lambda: NOW, young=YOUNG)  # type: ignore[arg-type]


CLUSTER = resource("KafkaCluster", "main", {"bootstrapServers": "k:9092"})
AWAY = ClusterUnreachable("nobody answers")
SPEC = {"clusterRef": {"name": "main"}}
GONE = {"deletionTimestamp": "2026-01-01T11:00:00Z", "finalizers": [FINALIZER]}


def topic(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **meta: Any) -> Resource:
    return resource("KafkaTopic", "t", spec or SPEC, status, **meta)


async def test_a_good_resource_passes() -> None:
    admitted = await gates(CLUSTER).admit(topic())
    assert isinstance(admitted, Work)


REFUSED = [
    ("paused", CLUSTER, None, topic({**SPEC, "paused": True}), "Paused"),
    ("wrong type", CLUSTER, None, topic({**SPEC, "partitions": "three"}), "InvalidSpec"),
    ("no cluster", None, None, topic(), "ClusterNotFound"),
    ("cluster away", CLUSTER, AWAY, topic(), "ClusterUnreachable"),
    (
        "spec changed while away",
        CLUSTER,
        AWAY,
        topic(status={"observedGeneration": 1, "conditions": []}),
        "ClusterUnreachable",
    ),
]


@pytest.mark.parametrize(("why", "cluster", "error", "item", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
async def test_what_does_not_pass_says_why(
    why: str, cluster: Resource | None, error: KafkadeError | None, item: Resource, reason: str
) -> None:
    report = await gates(cluster, error).admit(item)
    assert isinstance(report, Report), why
    assert report.status is not None
    found = condition(report.status, "Ready")
    assert found is not None
    assert found["reason"] == reason
    assert report.status["observedGeneration"] == item.generation
    assert not report.release


CREATED = [
    ("2026-01-01T12:00:00Z", None, False),
    ("2026-01-01T11:59:59Z", None, False),
    ("2026-01-01T11:59:58Z", None, True),
    ("2026-01-01T12:00:01Z", None, False),
    ("2026-01-01T12:05:00Z", None, True),
    ("2026-01-01T12:00:00Z", ready("False", reason="ClusterNotFound"), True),
]


@pytest.mark.parametrize(("created", "status", "told"), CREATED)
async def test_who_applies_a_cluster_and_its_topic_at_once_is_not_told_that_the_cluster_is_missing(
    created: str, status: dict[str, Any] | None, told: bool
) -> None:
    report = await gates(None).admit(topic(status=status, creationTimestamp=created))
    assert isinstance(report, Report)
    assert (report.status is not None) is told
    assert report.retry == (None if told else YOUNG)
    assert report.events == () or told


async def test_an_outage_is_told_by_the_cluster_alone() -> None:
    assert await gates(CLUSTER, AWAY).admit(topic(status=ready("True"))) is None


async def test_a_resource_in_deletion_without_our_finalizer_is_nobodys_business() -> None:
    assert await gates(CLUSTER).admit(topic(deletionTimestamp=NOW)) is None


def cluster(since: str, **meta: Any) -> Resource:
    spec = {"bootstrapServers": "k:9092", "allowedNamespaces": {"from": "All"}}
    return resource("KafkaCluster", "main", spec, ready("False", since, "ClusterUnreachable"), **meta)


LETTING_GO = [
    ("the cluster's resource is gone", None, {}, True),
    ("the cluster's resource is being deleted too", cluster(NOW, deletionTimestamp=NOW), {}, True),
    (
        "its namespace is being deleted, the cluster is another's",
        cluster(NOW, namespace="infra"),
        {"going": True},
        True,
    ),
    ("the namespace of both is being deleted", cluster(NOW), {"going": True}, False),
    ("away for longer than finalizerReleaseAfter", cluster("2025-12-30T00:00:00Z"), {}, False),
    ("away since a minute", cluster("2026-01-01T11:59:00Z"), {}, False),
]


@pytest.mark.parametrize(("why", "away", "spaces", "released"), LETTING_GO, ids=[c[0] for c in LETTING_GO])
async def test_when_a_deletion_is_let_go(
    why: str, away: Resource | None, spaces: dict[str, Any], released: bool
) -> None:
    ref = {"name": "main", "namespace": away.key.namespace if away else "shop"}
    report = await gates(away, AWAY, **spaces).admit(topic({"clusterRef": ref}, **GONE))
    assert isinstance(report, Report), why
    assert report.release is released
    if released:
        assert [(e.type, e.reason) for e in report.events] == [("Warning", "ClusterGone")], "never silently"
    else:
        assert report.status is not None
        assert isinstance(report.retry, float), "looked at again when the time has come"


async def test_patience_ends_after_the_time_that_the_spec_names() -> None:
    """Counted from the deletion or the outage, whichever is later."""
    long_ago = {"deletionTimestamp": "2025-12-31T11:00:00Z", "finalizers": [FINALIZER]}
    report = await gates(cluster("2025-12-30T00:00:00Z"), AWAY).admit(topic(**long_ago))
    assert isinstance(report, Report)
    assert report.release
    assert "finalizerReleaseAfter" in report.events[0].message


async def test_trouble_of_the_clusters_spec_does_not_stall_its_topics() -> None:
    report = await gates(CLUSTER, TLSFailed("wrong CA")).admit(topic())
    assert isinstance(report, Report)
    assert report.status is not None
    stalled = condition(report.status, "Stalled")
    assert stalled is not None
    assert stalled["status"] == "False"


REDRIVE = {**SPEC, "source": {"topic": "t.dlq"}}


@pytest.mark.parametrize(
    ("status", "taking", "goes"),
    [
        ({}, False, True),
        (ready("False", reason="AdoptionRefused"), False, True),
        ({"topicId": "id-1"}, False, False),
        ({"topicAnnounced": True}, False, False),
        ({}, True, False),
    ],
)
async def test_the_api_servers_finalizer_keeps_nothing_that_nothing_was_done_for(
    status: dict[str, Any], taking: bool, goes: bool
) -> None:
    """Paused, or with its Kafka away for a day: it would have gone at once without that finalizer."""
    gone = {**GONE, "finalizers": [ADMISSION_FINALIZER]}
    tested = gates(CLUSTER, AWAY)
    tested.taking = lambda _: taking
    for spec in ({**SPEC, "paused": True}, SPEC):
        deleted = topic(spec, status, **gone)
        answer = await tested.admit(deleted)
        assert isinstance(answer, Report)
        assert answer.release is goes
        gone["finalizers"] = [ADMISSION_FINALIZER, FINALIZER]
        both = await tested.admit(topic(spec, status, **gone))
        assert isinstance(both, Report)
        assert both.release is False
        gone["finalizers"] = [ADMISSION_FINALIZER]


async def test_a_paused_redrive_passes_since_it_has_something_to_stop() -> None:
    admitted = await gates(CLUSTER).admit(resource("KafkaDLQRedrive", "r", {**REDRIVE, "paused": True}))
    assert isinstance(admitted, Work)


async def test_a_redrive_in_deletion_does_not_wait_for_a_cluster_that_is_away() -> None:
    report = await gates(cluster("2026-01-01T11:59:59Z"), AWAY).admit(resource("KafkaDLQRedrive", "r", REDRIVE, **GONE))
    assert isinstance(report, Report)
    assert report.release
    (event,) = report.events
    assert (event.reason, event.message) == (
        "ClusterGone",
        "KafkaCluster shop/main cannot be reached (ClusterUnreachable): nothing is deleted in Kafka or the registry, the"
        " resource is let go",
    )
