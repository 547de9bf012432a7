"""The world that a soak loads: what is declared, kept beside what the API server, Kafka and the registry then have."""

from __future__ import annotations

import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource

from kafkade.devstack.audit import AuditEvent

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from support.api import Answer, Api
from support.audit import OPERATOR
from support.kafka import KafkaView
from support.kubernetes import current, ready
from support.metrics import scrape

TOPIC, SCHEMA = "KafkaTopic", "KafkaSchema"
PATIENCE = 60.0
"""Seconds that a call of the load's own is tried again: it restarts the servers itself."""

_T = TypeVar("_T")
_MERGE = "application/merge-patch+json"


@dataclass(slots=True)
class Declared:
    """A resource as it was written last; ``spec`` None: it was deleted."""

    kind: str
    name: str
    spec: dict[str, Any] | None
    generation: int
    written: float
    """Of time.monotonic()."""
    answered: float | None = None
    """When the status, or the absence, that answers it was seen."""

    @property
    def known_as(self) -> str:
        """In Kafka, or in the registry."""
        return str(self.spec["subject"]) if self.spec and self.kind == SCHEMA else self.name


@dataclass(slots=True)
class Truth:
    """What was declared: the load writes it down as the API server acknowledged it."""

    api: Api
    declared: dict[tuple[str, str], Declared] = field(default_factory=dict)
    writes: int = 0

    def create(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """POST it."""
        body = {"apiVersion": "kafkade.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self._wrote(kind, name, spec, self._call("POST", self.api.path(kind), body, accept_exists=True))

    def change(self, kind: str, name: str, **spec: Any) -> None:
        """PATCH fields of its spec."""
        known = self.declared[kind, name].spec
        assert known is not None, f"{name} was deleted"
        answer = self._call("PATCH", self.api.path(kind, name), {"spec": spec}, _MERGE)
        self._wrote(kind, name, {**known, **spec}, answer)

    def delete(self, kind: str, name: str) -> None:
        """DELETE it."""
        self._call("DELETE", self.api.path(kind, name))
        one = self.declared[kind, name]
        one.spec, one.written, one.answered = None, time.monotonic(), None
        self.writes += 1

    def live(self, kind: str) -> list[Declared]:
        """What is to be there."""
        return [d for d in self.declared.values() if d.kind == kind and d.spec is not None]

    def look(self) -> list[str]:
        """See who is answered by now; what is not yet, one line each."""
        waiting = []
        for kind in (TOPIC, SCHEMA):
            items = {item["metadata"]["name"]: item for item in self._call("GET", self.api.path(kind)).body["items"]}
            for one in [d for d in self.declared.values() if d.kind == kind]:
                item = items.get(one.name)
                if one.spec is None:
                    if item is None:
                        one.answered = one.answered or time.monotonic()
                    else:
                        waiting.append(f"{one.name} is not gone: {_told(item)}")
                elif item is None:
                    waiting.append(f"{one.name} is gone, and nobody deleted it")
                elif item["metadata"]["generation"] == one.generation and current(item) and ready(item) == "True":
                    one.answered = one.answered or time.monotonic()
                else:
                    waiting.append(f"{one.name} generation {one.generation}: {_told(item)}")
        return waiting

    def clusters(self) -> list[str]:
        """Which KafkaClusters are not as declared: after a restart they tell of it, and then that it is over."""
        items = self._call("GET", self.api.path("KafkaCluster")).body["items"]
        return [f"{item['metadata']['name']}: {_told(item)}" for item in items if ready(item) != "True"]

    def forget_the_gone(self) -> None:
        """Deletions that are answered are told; their names do not come again."""
        for key in [key for key, d in self.declared.items() if d.spec is None and d.answered is not None]:
            del self.declared[key]

    def items(self, kind: str, names: Iterable[str]) -> list[dict[str, Any]]:
        """Resources as they are stored."""
        return [self._call("GET", self.api.path(kind, name)).body for name in names]

    def _wrote(self, kind: str, name: str, spec: dict[str, Any], answer: Answer) -> None:
        generation = answer.body["metadata"]["generation"]
        self.declared[kind, name] = Declared(kind, name, spec, generation, time.monotonic())
        self.writes += 1

    def _call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", *, accept_exists: bool = False
    ) -> Answer:
        def ask() -> Answer:
            try:
                answer = self.api.call(method, path, body, kind)
            except (OSError, http.client.HTTPException, ValueError):
                self.api.close()  # it goes just now, or has just come back
                raise
            if answer.status == 409 and accept_exists:  # an earlier try arrived, and its answer did not
                answer = self.api.call("GET", f"{path}/{body['metadata']['name']}")
            if answer.status >= 500 or answer.status == 429:
                raise OSError(f"{method} {path}: {answer.status} {answer.message}")
            assert answer.status < 300 or (method == "DELETE" and answer.status == 404), f"{path}: {answer.message}"
            return answer

        return patiently(ask)


def patiently(ask: Callable[[], _T]) -> _T:
    """Try again, until PATIENCE is over, while a server is away."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except (OSError, http.client.HTTPException, ValueError, KafkaException):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def in_kafka(view: KafkaView, topics: Iterable[Declared], prefixes: tuple[str, ...]) -> list[str]:
    """What is not in Kafka as declared, one line each."""

    def read() -> tuple[dict[str, int], dict[str, dict[str, str]]]:
        found = {
            name: len(topic.partitions)
            for name, topic in view.admin.list_topics(timeout=20).topics.items()
            if name.startswith(prefixes)
        }
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in found]
        asked = view.admin.describe_configs(resources) if resources else {}
        return found, {
            r.name: {k: e.value for k, e in f.result(20).items() if int(e.source) == 1} for r, f in asked.items()
        }

    partitions, settings = patiently(read)
    wrong = []
    wanted = {topic.name: topic.spec or {} for topic in topics}
    for name, spec in wanted.items():
        config = {key: str(value) for key, value in spec["config"].items()}
        if name not in partitions:
            wrong.append(f"there is no topic {name}")
        elif (partitions[name], settings[name]) != (spec["partitions"], config):
            wrong.append(f"topic {name} has {partitions[name]} partitions and {settings[name]}, wants {spec}")
    return wrong + [f"topic {name} was deleted and is there" for name in partitions.keys() - wanted.keys()]


def in_registry(url: str, schemas: Iterable[Declared], prefixes: tuple[str, ...]) -> list[str]:
    """What is not in the registry as declared, one line each."""

    def ask(path: str) -> Any:
        def read() -> Any:
            try:
                with urllib.request.urlopen(url + path, timeout=10) as answer:  # noqa: S310 -- on loopback
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                raise

        return patiently(read)

    wanted = {schema.known_as: schema.spec or {} for schema in schemas}
    wrong = []
    for subject, spec in wanted.items():
        latest = ask(f"/subjects/{subject}/versions/latest")
        if latest is None:
            wrong.append(f"there is no subject {subject}")
        elif json.loads(latest["schema"]) != json.loads(spec["schema"]):
            wrong.append(f"subject {subject} has {latest['schema']}, wants {spec['schema']}")
    left = {subject for subject in ask("/subjects") or () if subject.startswith(prefixes)} - wanted.keys()
    return wrong + [f"subject {subject} was deleted and is there" for subject in left]


class Tail:
    """The operator's writes in an audit log, each told once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = 0

    def new(self) -> list[str]:
        """Since the last call."""
        with self._log.open() as lines:
            lines.seek(self._at)
            text = lines.read()
        complete, end, _ = text.rpartition("\n")
        self._at += len((complete + end).encode())
        events = [AuditEvent.parse(line) for line in complete.splitlines()]
        return [f"{e.verb} {e.resource}/{e.name} {e.subresource}" for e in events if e.user == OPERATOR and e.is_write]


def series(address: str) -> int:
    """How many of kafkade's own series the operator at this host and port tells.

    Those by reason are left out: there are as many as reasons have occurred, which docs/reference/reasons.md bounds.
    """
    return sum(1 for name, labels, _ in scrape(address) if name.startswith("kafkade_") and "reason" not in labels)


def _told(item: dict[str, Any]) -> str:
    status = item.get("status", {})
    conditions = [f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in status.get("conditions", ())]
    return f"generation {item['metadata']['generation']}, seen {status.get('observedGeneration')}, {conditions[:1]}"
