"""Bad resources: each gets its exact reason and a message to act on, and Kafka and the registry stay as they were."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from integration.operator.bad_resources import (
    GROWN_BY_HAND,
    GUEST,
    HOME,
    NEIGHBOURS,
    STRANGER,
    TOPICS_BY_HAND,
    Bad,
    filled,
)
from integration.operator.bad_resources_clusters import CLUSTERS, SECRETS
from integration.operator.bad_resources_schemas import SCHEMAS
from integration.operator.bad_resources_topics import TOPICS
from integration.operator.conftest import Base
from kafkade.api import errors
from kafkade.devstack.certificates import CertificateAuthority
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.registry import Registry
from support import snapshot
from support.audit import moment, writes
from support.http import served
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, current, manifest, ready
from support.waiting import until

CASES = (*TOPICS, *SCHEMAS, *CLUSTERS)
REFUSED = [case for case in CASES if case.reason is None]
STALLED = [case for case in CASES if case.reason is not None]

ALONE = "test=alone"
"""Label of the bad resources that have nothing good behind them."""

SETTLED = 30.0
"""Seconds that a resource gets to be told what is wrong with it."""

Object = dict[str, Any]


@dataclass(slots=True)
class Pit:
    """What the bad resources are thrown into, and what it held before."""

    base: Base
    kubectl: Kubectl
    view: KafkaView
    registry: Registry
    addresses: Mapping[str, str]
    before: snapshot.Snapshot = field(default_factory=dict)
    _seen: dict[tuple[str, str, str], Object] = field(default_factory=dict)

    def snapshot(self) -> snapshot.Snapshot:
        """All of Kafka and all of the registry."""
        return {**snapshot.of_kafka(self.view), **snapshot.of_registry(self.registry.url)}

    def assert_untouched(self) -> None:
        """Nothing differs from before."""
        assert snapshot.differences(self.before, self.snapshot()) == []

    def object(self, case: Bad) -> Object | None:
        """The resource as of the last list."""
        return self._seen.get((case.kind, case.namespace, case.resource))

    def look(self) -> int:
        """List everything, since one list serves all cases; how many resources of kafkade there are in these namespaces."""
        self._seen = {
            (item["kind"], namespace, item["metadata"]["name"]): item
            for namespace in (HOME, GUEST, STRANGER)
            for kind in ("KafkaCluster", "KafkaTopic", "KafkaSchema", "Event")
            for item in self.kubectl.list(kind, namespace)
        }
        return sum(kind != "Event" for kind, _, _ in self._seen)

    def events(self, case: Bad) -> list[Object]:
        """Events of the resource, as of the last list."""
        about = (case.kind, case.namespace, case.resource)
        found = [o for (kind, _, _), o in self._seen.items() if kind == "Event"]
        return [e for e in found if _about(e) == about]

    def apply(self, case: Bad, spec: Object) -> Object:
        """The manifest of a case with addresses filled in; labelled unless it was good before."""
        labels = {} if case.good is not None else {"labels": dict([ALONE.split("=")])}
        return manifest(case.kind, case.resource, filled(spec, self.addresses), case.namespace, **labels)


def _about(event: Object) -> tuple[str, str, str]:
    target = event["involvedObject"]
    return target["kind"], target["namespace"], target["name"]


class _NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<html>no schemas here</html>"
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def web_server() -> Iterator[str]:
    """A web server that is no schema registry."""
    with served(_NotFound) as url:
        yield url


@pytest.fixture(scope="module")
def pit(base: Base, web_server: str) -> Iterator[Pit]:
    """A Kafka and a registry with good neighbours in them; then all bad resources at once."""
    with Kafka(security=True) as kafka, Registry() as registry:
        addresses = {
            "PLAINTEXT": kafka.bootstrap,
            "SSL": kafka.ssl_bootstrap,
            "MTLS": kafka.mtls_bootstrap,
            "SASL_PLAINTEXT": kafka.sasl_plaintext_bootstrap,
            "REGISTRY": registry.url,
            "NOT_A_REGISTRY": web_server,
            **_credentials(kafka),
        }
        kubectl = base.kubectl.at(HOME)
        pit = Pit(base, kubectl, KafkaView(kafka.bootstrap), registry, addresses)
        _prepare(pit)
        pit.before = pit.snapshot()
        kubectl.apply(*(pit.apply(case, case.spec) for case in STALLED))
        yield pit
        for namespace in (HOME, GUEST, STRANGER):
            kubectl.clear(namespace)
        until(lambda: pit.look() == 0, "nothing is stuck", timeout=60)
        kubectl.run("delete", "namespace", GUEST, STRANGER, HOME, "--wait=false")


def _credentials(kafka: Kafka) -> dict[str, str]:
    other = CertificateAuthority("somebody else")
    stranger = other.client("stranger")
    return {
        "CA": kafka.ca_pem,
        "CLIENT_CERT": kafka.client_cert_pem,
        "CLIENT_KEY": kafka.client_key_pem,
        "OTHER_CA": other.pem,
        "OTHER_CERT": stranger.certificate,
        "OTHER_KEY": stranger.key,
        "WRONG_PASSWORD": "not-the-password",
    }


def _prepare(pit: Pit) -> None:
    """Neighbours and the good specs of what is changed later, all Ready; topics made by hand."""
    for namespace in (HOME, GUEST, STRANGER):
        pit.kubectl.run("create", "namespace", namespace)
    core = {"apiVersion": "v1", "metadata": {"namespace": HOME}}
    pit.kubectl.apply(
        {
            **core,
            "kind": "ConfigMap",
            "metadata": {"namespace": HOME, "name": "texts"},
            "data": {"order.avsc": '"string"', "broken.avsc": "{"},
        },
        *(
            {
                **core,
                "kind": "Secret",
                "metadata": {"namespace": HOME, "name": name},
                "stringData": filled(data, pit.addresses),
            }
            for name, data in SECRETS.items()
        ),
    )
    for name in TOPICS_BY_HAND:
        pit.view.create(name, partitions=2, retention_ms="9000")
    good = [case for case in CASES if case.good is not None]
    pit.kubectl.apply(
        *(manifest(kind, name, filled(spec, pit.addresses), namespace) for kind, namespace, name, spec in NEIGHBOURS),
        *(pit.apply(case, case.good) for case in good if case.good is not None),
    )
    for kind, namespace, name, _ in NEIGHBOURS:
        pit.kubectl.wait_ready(kind, name, namespace)
    for case in good:
        pit.kubectl.wait_ready(case.kind, case.resource, case.namespace)
    pit.view.add_partitions(GROWN_BY_HAND, 4)
    until(lambda: pit.view.partitions(GROWN_BY_HAND) == 4, "the topic has grown")


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 45
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_the_api_server_refuses(pit: Pit, case: Bad) -> None:
    said = pit.kubectl.apply_refused(pit.apply(case, case.spec))
    for fragment in case.says:
        assert fragment in said


@pytest.mark.parametrize("case", STALLED, ids=lambda case: case.id)
def test_the_operator_says_what_is_wrong(pit: Pit, case: Bad) -> None:
    found = _settled(pit, case)
    told = condition(found)
    assert (told["status"], told["reason"]) == ("False", case.reason), told["message"]
    for fragment in case.says:
        assert fragment in told["message"]
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"], "also a failure is observed"
    waits = _retryable(told["reason"])
    assert condition(found, "Reconciling")["status"] == str(waits)
    assert condition(found, "Stalled")["status"] == str(not waits)
    warnings = [e for e in pit.events(case) if e["type"] == "Warning" and e["reason"] == case.reason]
    assert (warnings == []) is case.silent, "one Event, unless it is the ordinary way of things"


def _settled(pit: Pit, case: Bad) -> Object:
    """The resource once it says what is expected, or what it says after the time for it."""
    deadline = time.monotonic() + SETTLED
    while True:
        found = pit.object(case)
        told = case.silent or any(e["reason"] == case.reason for e in pit.events(case))
        if told and found is not None and current(found) and condition(found)["reason"] == case.reason:
            return found
        if time.monotonic() > deadline:
            assert found is not None, "it was never made"
            return found
        time.sleep(0.2)
        pit.look()


def _retryable(reason: str) -> bool:
    """Whether time can heal it, as the error tree has it."""
    kinds: list[type[errors.KafkadeError]] = [errors.KafkadeError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    (known,) = {kind.retryable for kind in kinds if kind.reason == reason and "reason" in vars(kind)}
    return known


def test_bad_resources_touch_nothing(pit: Pit) -> None:
    """All of them are there, and the operator has said what is wrong with each."""
    for case in STALLED:
        assert condition(_settled(pit, case))["reason"] == case.reason
    pit.assert_untouched()


def test_neighbours_of_bad_resources_stay_ready(pit: Pit) -> None:
    for kind, namespace, name, _ in NEIGHBOURS:
        found = pit.kubectl.get(kind, name, namespace)
        assert found is not None
        assert ready(found) == "True", condition(found)["message"]


def test_bad_resources_are_told_once(pit: Pit) -> None:
    """Retries and resyncs go on, and write nothing: no status that changes with every try, no second Event."""
    time.sleep(3)
    since = moment()
    time.sleep(6)
    assert _writes(pit, since) == []
    pit.assert_untouched()


def _writes(pit: Pit, since: str) -> list[str]:
    return [
        f"{e.time} {e.verb} {e.resource}/{e.subresource} {e.namespace}/{e.name}"
        for e in writes(pit.base.control_plane, since=since)
        if e.namespace in (HOME, GUEST, STRANGER)
    ]


def test_deleting_bad_resources_deletes_nothing_else(pit: Pit) -> None:
    """Also where deletionPolicy says Delete and the name is that of somebody else's topic or subject."""
    gone = [case for case in STALLED if case.good is None]
    for namespace in (HOME, GUEST, STRANGER):
        pit.kubectl.clear(namespace, selector=ALONE)
    until(lambda: _left(pit, gone) == [], "all are gone", timeout=60)
    pit.assert_untouched()


def _left(pit: Pit, cases: list[Bad]) -> list[str]:
    pit.look()
    return [case.id for case in cases if pit.object(case) is not None]
