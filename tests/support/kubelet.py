"""A kubelet for the pods of one StatefulSet: each pod is a real broker of the development stack.

It does what spec.rolling depends on: a pod that is to go has its broker shut down by SIGTERM and is then taken away, a new one
has its broker started with the settings of the pod's environment, as Kafka's own image reads them, and is Ready once the
broker is up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from kafkade.devstack.errors import DevStackError
from kafkade.devstack.kafka import Kafka
from support.api import Api

MERGE = "application/merge-patch+json"
_PAUSE = 0.1


class Kubelet:
    """Runs in a thread from ``start`` to ``stop``. Brokers that run already are taken for those of the first pods.

    ``on_stop`` is called with the node id before a broker is shut down.
    """

    def __init__(self, api: Api, kafka: Kafka, name: str, first_node_id: int, on_stop: Callable[[int], None]) -> None:
        self.stopped: list[str] = []
        """The pods whose brokers were shut down, in order."""
        self.environments: dict[int, dict[str, str]] = {}
        """What each broker was started with last."""
        self._api = api
        self._kafka = kafka
        self._name = name
        self._first = first_node_id
        self._on_stop = on_stop
        self._seen: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)
        self.failure: BaseException | None = None
        self.in_haste = False
        """At the end of a test nobody needs the brokers to hand over what they lead."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, brokers untouched."""
        self._end.set()
        self._thread.join()
        self._api.close()

    def _run(self) -> None:
        try:
            while not self._end.wait(_PAUSE):
                for pod in self._api.call("GET", self._path()).body["items"]:
                    self._look(pod)
        except BaseException as error:  # noqa: BLE001 -- told by the test
            self.failure = error

    def _look(self, pod: Mapping[str, Any]) -> None:
        meta = pod["metadata"]
        name, node = meta["name"], self._first + int(meta["name"].rpartition("-")[2])
        if meta.get("deletionTimestamp"):
            self._end_pod(name, meta["uid"], node)
        elif meta["uid"] not in self._seen:
            self._seen.add(meta["uid"])
            self._begin_pod(pod, name, node)

    def _begin_pod(self, pod: Mapping[str, Any], name: str, node: int) -> None:
        # a pod without a node would be deleted at once, without a kubelet's shutting it down
        self._api.call(
            "POST",
            f"{self._path(name)}/binding",
            {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": name},
                "target": {"apiVersion": "v1", "kind": "Node", "name": "node"},
            },
        )
        environment = {e["name"]: e["value"] for e in pod["spec"]["containers"][0].get("env") or ()}
        if node not in self._kafka.pids():
            self.environments[node] = environment
            try:
                self._kafka.start_broker(node, _properties(environment))
            except DevStackError:
                self._report(pod, name, {"waiting": {"reason": "CrashLoopBackOff"}}, ready=False)
                return
        self._report(pod, name, {"running": {}}, ready=True)

    def _end_pod(self, name: str, uid: str, node: int) -> None:
        if self.in_haste:
            self._kafka.kill_broker(node)
        elif node in self._kafka.pids():
            self._on_stop(node)
            self._kafka.stop_broker(node)
        self.stopped.append(name)
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        self._api.call("DELETE", self._path(name), {"apiVersion": "v1", "kind": "DeleteOptions", **options})

    def _report(self, pod: Mapping[str, Any], name: str, state: Mapping[str, Any], *, ready: bool) -> None:
        container = pod["spec"]["containers"][0]
        seen = {
            "name": container["name"],
            "image": container["image"],
            "imageID": container["image"],
            "ready": ready,
            "restartCount": 0 if ready else 1,
            "state": dict(state),
        }
        if not ready:
            seen["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error"}}
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [seen],
        }
        answer = self._api.call("PATCH", f"{self._path(name)}/status", {"status": status}, MERGE)
        assert answer.status == 200, answer.message

    def _path(self, name: str | None = None) -> str:
        pods = f"/api/v1/namespaces/{self._api.namespace}/pods"
        return pods if name is None else f"{pods}/{name}"


def _properties(environment: Mapping[str, str]) -> dict[str, str]:
    """``KAFKA_NUM_IO_THREADS`` is num.io.threads (KIP-975)."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }
