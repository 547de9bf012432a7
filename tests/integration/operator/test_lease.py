"""Two operators and one Lease: one acts, the other waits, and whatever becomes of the first one, never both."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from kafkade.api.kinds import KINDS
from kafkade.devstack.audit import AuditEvent
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.ports import HOST, free_port
from kafkade.engine.election import Timing
from support.audit import moment, writes
from support.kafka import KafkaView
from support.kubernetes import Kubectl, manifest
from support.metrics import leads
from support.operator import OperatorProcess
from support.stack import install_crds, install_operator
from support.waiting import until

HOME = "kafkade-system"
NAMES = ("kafkade", "second")
"""ServiceAccounts with the same rights, so that the audit log tells who wrote."""
TIMING = Timing()
TAKEOVER = TIMING.duration + TIMING.retry * (1 + TIMING.jitter) + 15.0
"""Seconds: the Lease, a pause between two looks, and the time that two busy cores take for it."""


@dataclass(slots=True)
class One:
    """One of the two operators."""

    name: str
    process: OperatorProcess
    metrics: str
    probe: str

    @property
    def leads(self) -> bool:
        """What its metric says."""
        return leads(self.metrics)

    @property
    def health(self) -> dict[str, Any]:
        """What its liveness probe says; it raises unless the answer is 200."""
        with urlopen(self.probe, timeout=5) as answer:
            return dict(json.loads(answer.read()))

    @property
    def said(self) -> str:
        """Its log."""
        return self.process.log.read_text(errors="replace")


@dataclass(slots=True)
class Ground:
    """All of it."""

    control_plane: ControlPlane
    kubectl: Kubectl
    kafka: Kafka
    view: KafkaView
    operators: dict[str, One]

    def pair(self) -> tuple[One, One]:
        """Who leads and who waits; what does not run is started."""
        running = [one for one in self.operators.values() if one.process.running]
        for one in self.operators.values():
            if one not in running:
                one.process.start(until="standby: Lease" if running else "started:")
                running.append(one)
        first, second = self.operators.values()
        until(lambda: first.leads != second.leads, "one of the two leads", TAKEOVER)
        return (first, second) if first.leads else (second, first)

    def writes(self, name: str, since: str = "") -> list[AuditEvent]:
        """What one of them wrote to the API server, the Lease included."""
        user = f"system:serviceaccount:{HOME}:{name}"
        return writes(self.control_plane, user, since=since)

    def holder(self) -> str:
        """Who holds the Lease, as it says."""
        return str(self._lease()["holderIdentity"])

    def renewed(self) -> datetime:
        """When the Lease was renewed last, by the holder's clock, which is that of the tests: right before it asked for it."""
        return datetime.fromisoformat(self._lease()["renewTime"])

    def _lease(self) -> dict[str, Any]:
        found = self.kubectl.get("lease", "kafkade", HOME)
        assert found is not None
        return dict(found["spec"])

    def may(self, name: str, verb: str, what: str, subresource: str = "") -> bool:
        """Whether the API server lets one of the operators do this."""
        words = ["auth", "can-i", verb, what, f"--as=system:serviceaccount:{HOME}:{name}"]
        words += [f"--subresource={subresource}"] if subresource else []
        return self.kubectl.run(*words, check=False).stdout.strip() == "yes"

    def topic(self, name: str, **spec: Any) -> None:
        """Apply a KafkaTopic."""
        self.kubectl.apply(manifest("KafkaTopic", name, {"clusterRef": {"name": "main"}, **spec}))

    def orders(self, retention: int) -> None:
        """The topic ``orders``, Ready with this setting."""
        self.topic("orders", config={"retention.ms": retention})
        self.kubectl.wait_ready("KafkaTopic", "orders")

    def reasons(self, name: str) -> list[str]:
        """Of the Events about it."""
        return [event["reason"] for event in self.kubectl.events(name)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """An API server that may be stopped, a Kafka, and two operators that are not started yet."""
    with ExitStack() as stack:
        control_plane = stack.enter_context(ControlPlane(audit=True))
        kafka = stack.enter_context(Kafka())
        install_crds(control_plane)
        kubectl, _ = install_operator(control_plane)
        kubectl.run("create", "namespace", "shop")
        kubectl.run("-n", HOME, "create", "serviceaccount", "second")
        kubectl.run(
            "create", "clusterrolebinding", "second", "--clusterrole=kafkade", f"--serviceaccount={HOME}:second"
        )
        kubectl.run(
            "-n", HOME, "create", "rolebinding", "second", "--role=kafkade-lease", f"--serviceaccount={HOME}:second"
        )
        operators = {}
        for name in NAMES:
            metrics, probe = f"{HOST}:{free_port()}", f"http://{HOST}:{free_port()}/healthz"
            log = tmp_path_factory.mktemp(name) / "operator.log"
            args = ("--all-namespaces", "--lease", f"{HOME}/kafkade", "--metrics", metrics, "--liveness", probe)
            kubeconfig = control_plane.kubeconfig_for_service_account(HOME, name)
            process = OperatorProcess(kubeconfig, log, args)
            stack.callback(process.stop)
            operators[name] = One(name, process, metrics, probe)
        cluster = {
            "bootstrapServers": kafka.bootstrap,
            "topicDefaults": {"partitions": 1, "replicationFactor": 1},
            "resyncInterval": "1s",
        }
        kubectl.apply(manifest("KafkaCluster", "main", cluster))
        yield Ground(control_plane, kubectl, kafka, KafkaView(kafka.bootstrap), operators)


def test_one_acts_and_the_other_waits(ground: Ground) -> None:
    first = next(iter(ground.operators.values()))
    first.process.start()
    plurals = {kind.plural for kind in KINDS.values()}

    def asked() -> bool:
        watches = first.health["watches"]
        return watches.keys() == plurals and max(watches.values()) < 10

    until(asked, "each of its watches has asked the API server")
    leader, standby = ground.pair()
    ground.orders(60000)
    assert "started:" in leader.said
    assert "started:" not in standby.said

    def written() -> set[str]:
        return {event.resource for event in ground.writes(leader.name)}

    until(lambda: "kafkatopics" in written(), "that write is in the audit log, which has it after its effect")
    assert written() == {"leases", "kafkaclusters", "kafkatopics"}
    assert ground.writes(standby.name) == [], "nothing at all, not even the Lease"
    assert ground.holder() in leader.said
    assert standby.health == {"alive": True, "leads": False, "watches": {}}
    assert leader.health["alive"]
    assert leader.health["watches"].keys() == plurals


@contextmanager
def may_not_patch_topics(ground: Ground, name: str) -> Iterator[None]:
    """One of the two has no right to patch KafkaTopics, finalizers among it; their status it may still write."""
    role = json.loads(ground.kubectl.run("get", "clusterrole", "kafkade", "-o", "json").stdout)
    rules = role["rules"]
    rules[0]["resources"].remove("kafkatopics")
    rules.append({"apiGroups": ["kafkade.io"], "resources": ["kafkatopics"], "verbs": ["get", "list", "watch"]})
    less = {"apiVersion": role["apiVersion"], "kind": role["kind"], "metadata": {"name": "less"}, "rules": rules}
    ground.kubectl.apply(less)
    bind(ground, name, "less")
    try:
        # the authorizer hears of a binding a moment after it is there: until then the operator could end the deletion
        until(lambda: not ground.may(name, "patch", "kafkatopics"), "the old rights are gone")
        until(lambda: ground.may(name, "patch", "kafkatopics", "status"), "the new ones are in force")
        yield
    finally:
        bind(ground, name, "kafkade")
        until(lambda: ground.may(name, "patch", "kafkatopics"), "the old rights are back")


def bind(ground: Ground, name: str, role: str) -> None:
    """Give one of the two this ClusterRole in place of the one that it has."""
    ground.kubectl.run("delete", "clusterrolebinding", name)
    ground.kubectl.run("create", "clusterrolebinding", name, f"--clusterrole={role}", f"--serviceaccount={HOME}:{name}")


def test_killed_in_the_middle_of_a_deletion(ground: Ground) -> None:
    """Between the deletion in Kafka and its last word about it; what somebody made there meanwhile is not deleted."""
    leader, standby = ground.pair()
    ground.topic("doomed")
    ground.kubectl.wait_ready("KafkaTopic", "doomed")
    with may_not_patch_topics(ground, leader.name):
        ground.kubectl.delete("KafkaTopic", "doomed", wait=False)
        until(lambda: not ground.view.exists("doomed"), "deleted in Kafka")
        leader.process.kill()
        renewed = ground.renewed()
        identity = ground.view.create("doomed", 2)
        assert ground.kubectl.get("KafkaTopic", "doomed") is not None, "the resource waits for whoever goes on"
        until(lambda: standby.leads, "the other one takes over", TAKEOVER)
        waited = datetime.now(UTC) - renewed
        assert waited > timedelta(seconds=TIMING.deadline), "not before the first one would have given up"
        until(lambda: ground.kubectl.get("KafkaTopic", "doomed") is None, "let go")
        assert ground.view.topic_id("doomed") == identity
        assert "TopicKept" in ground.reasons("doomed")


def test_ended_it_gives_the_lease_back(ground: Ground) -> None:
    leader, standby = ground.pair()
    leader.process.signal(signal.SIGTERM)
    assert leader.process.exit_code(20) == 0
    assert "gave Lease kafkade-system/kafkade back" in leader.said
    until(lambda: standby.leads, "the other one takes over before the Lease has expired", TIMING.deadline)
    ground.topic("after")
    ground.kubectl.wait_ready("KafkaTopic", "after")


def test_a_standby_ends_quietly(ground: Ground) -> None:
    leader, standby = ground.pair()
    before = ground.writes(standby.name)
    standby.process.signal(signal.SIGTERM)
    assert standby.process.exit_code(20) == 0
    assert ground.writes(standby.name) == before
    assert leader.leads
    assert "Traceback" not in standby.said
    assert "Unclosed" not in standby.said


def test_suspended_past_its_lease_it_writes_nothing(ground: Ground) -> None:
    """It wakes with plenty to do, and nobody else does it meanwhile: the other one is killed."""
    leader, standby = ground.pair()
    ground.orders(60000)
    leader.process.signal(signal.SIGSTOP)
    ground.topic("orders", config={"retention.ms": 120000})
    until(lambda: ground.view.config("orders") == {"retention.ms": "120000"}, "the other one goes on", TAKEOVER + 5)
    standby.process.kill()
    ground.view.set_config("orders", "retention.ms", "1")
    ground.topic("fresh")
    woken = moment()
    leader.process.signal(signal.SIGCONT)
    assert leader.process.exit_code(20) == 1
    assert "lost Lease kafkade-system/kafkade" in leader.said
    assert ground.view.config("orders") == {"retention.ms": "1"}
    assert not ground.view.exists("fresh")
    assert ground.writes(leader.name, woken) == []
    standby.process.start()
    ground.kubectl.wait_ready("KafkaTopic", "fresh")
    until(lambda: ground.view.config("orders") == {"retention.ms": "120000"}, "repaired by who leads")
    assert standby.leads


def test_without_the_api_server_it_stops_acting(ground: Ground) -> None:
    leader, standby = ground.pair()
    ground.orders(120000)
    renewed = ground.renewed()
    ground.control_plane.stop_api_server()
    assert leader.process.exit_code(TIMING.deadline + 5) == 1
    # by the renewal: how long before the stop the last one was is a matter of how long its answer took
    assert datetime.now(UTC) - renewed > timedelta(seconds=TIMING.deadline)
    ground.view.set_config("orders", "retention.ms", "1")
    time.sleep(2)
    assert ground.view.config("orders") == {"retention.ms": "1"}, "nobody acts"
    assert not standby.leads
    assert standby.health["alive"], "a restart would not help"
    ground.control_plane.start_api_server()
    until(lambda: standby.leads, "the other one takes over", TAKEOVER)
    until(lambda: ground.view.config("orders") == {"retention.ms": "120000"}, "and acts")
    assert "Traceback" not in leader.said + standby.said


def test_a_lease_that_cannot_be_had_ends_it(ground: Ground, tmp_path: Path) -> None:
    """No rights on it; an error that says what to do."""
    first = next(iter(ground.operators.values()))
    process = OperatorProcess(first.process.kubeconfig, tmp_path / "log", ("-A", "--lease", "shop/kafkade"))
    with pytest.raises(AssertionError, match="missing rights on Lease shop/kafkade, see deploy/rbac/"):
        process.start()
