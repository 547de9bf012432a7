"""The pods of a rendered StatefulSet, on loopback: what the kubelet, DNS and the image's scripts make of a manifest.

Only addresses, ports and folders are other ones than in a cluster.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafkade.devstack.ports import HOST, free_port, release

_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_ADDRESS = re.compile(r"\b([a-z0-9-]+-\d+)\.[a-z0-9-]+\.[a-z0-9-]+\.svc:(\d+)")
_LISTENER = re.compile(r"\b([A-Z]+)://:(\d+)")
_FOLDERS = re.compile(r"(?:/var/lib/kafka/|/opt/kafka/|(?<![\w/])/)(data|bin|tls|tls-secret|kafka-tls|tmp)(?=/)")
_INDEX = "apps.kubernetes.io/pod-index"

Secrets = Mapping[str, Mapping[str, str]]
"""Name of a Secret -> key -> text."""


class Addresses:
    """A port on loopback for each port of each pod. Pods are set up side by side, and each names the others' ports."""

    def __init__(self) -> None:
        self._ports: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def port(self, pod: str, port: int) -> int:
        """The same one at every call."""
        with self._lock:
            if (pod, port) not in self._ports:
                self._ports[pod, port] = free_port()
            return self._ports[pod, port]

    def release(self) -> None:
        """Give them back."""
        release(*self._ports.values())
        self._ports.clear()


@dataclass(frozen=True, slots=True)
class ChartPod:
    """A pod of a StatefulSet, as its node would start it."""

    name: str
    container: Mapping[str, Any]
    init: Mapping[str, Any] = field(default_factory=dict)
    """Containers that run before, by name."""
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=dict)

    def environment(
        self, addresses: Addresses, folder: Path, container: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Variables of a container, references filled in, at home on loopback and in ``folder``."""
        found: dict[str, str] = {}
        for entry in (container or self.container).get("env", []):
            found[entry["name"]] = _expand(self._value(entry), found)
        return {name: self.local(value, addresses, folder) for name, value in found.items()}

    def local(self, text: str, addresses: Addresses, folder: Path) -> str:
        """A text with the addresses, listeners and folders that it has here."""
        text = _ADDRESS.sub(lambda m: f"{HOST}:{addresses.port(m[1], int(m[2]))}", text)
        text = _LISTENER.sub(lambda m: f"{m[1]}://{HOST}:{addresses.port(self.name, int(m[2]))}", text)
        return _FOLDERS.sub(lambda m: f"{folder}/{m[1]}", text)

    def probe(self, name: str, addresses: Addresses) -> list[str]:
        """The command of a probe."""
        words = self.container[name]["exec"]["command"]
        return [
            re.sub(
                r"/dev/tcp/127\.0\.0\.1/(\d+)", lambda m: f"/dev/tcp/{HOST}/{addresses.port(self.name, int(m[1]))}", w
            )
            for w in words
        ]

    def _value(self, entry: Mapping[str, Any]) -> str:
        if "valueFrom" not in entry:
            return str(entry.get("value", ""))
        if "secretKeyRef" in entry["valueFrom"]:
            wanted = entry["valueFrom"]["secretKeyRef"]
            return self.secrets[wanted["name"]][wanted["key"]]
        path = entry["valueFrom"]["fieldRef"]["fieldPath"]
        if path == "metadata.name":
            return self.name
        label = re.fullmatch(r"metadata\.labels\['(.+)'\]", path)
        assert label, path
        # a label that a pod does not have is an empty text
        return self.labels.get(label[1], "")


def pods(
    stateful_set: Mapping[str, Any], zones: Sequence[str] = (), secrets: Secrets | None = None
) -> Iterator[ChartPod]:
    """All pods of a StatefulSet, in nodes of ``zones`` in turn; without them, nodes have no zone."""
    template = stateful_set["spec"]["template"]
    (container,) = template["spec"]["containers"]
    for ordinal in range(stateful_set["spec"]["replicas"]):
        labels = {**template["metadata"]["labels"], _INDEX: str(ordinal)}
        if zones:
            labels["topology.kubernetes.io/zone"] = zones[ordinal % len(zones)]
        yield ChartPod(
            f"{stateful_set['metadata']['name']}-{ordinal}",
            container,
            {c["name"]: c for c in template["spec"].get("initContainers", [])},
            labels,
            secrets or {},
        )


def _expand(text: str, known: Mapping[str, str]) -> str:
    """As the kubelet does; what is not known stays as it is."""
    return _REFERENCE.sub(lambda m: known.get(m[1], m[0]), text)
