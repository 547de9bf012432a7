"""Many resources that go through their transitions at once, each beside a fresh one of the same spec."""

from __future__ import annotations

import base64
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from kafkade.api.kinds import KINDS
from kafkade.api.objects import Key
from kafkade.local.admission import faults
from support.api import Api
from support.kafka import KafkaView
from support.registry import ask
from support.snapshot import of_kafka
from support.transitions.fields import Field
from support.transitions.oracle import Object, Seen, counted, is_whole, problems, settled
from support.transitions.specs import Spec, base, filled
from support.transitions.values import AVRO, AVRO_OTHER
from support.transitions.walks import Step, steps

log = logging.getLogger(__name__)

NAMESPACE = "transitions"
SETTLED = 120.0
"""Seconds that a transition gets."""
ALIKE = 30.0
"""Seconds in which a difference may go that a resync mends."""

_WITH_SOURCE = ("KafkaSchema", "KafkaDLQPolicy", "KafkaDLQRedrive", "KafkaServiceBinding")
_PATCH = "application/json-patch+json"


@dataclass(slots=True)
class Walker:
    """One resource on its way; ``outside``: what it had outside after the last transition."""

    kind: str
    name: str
    steps: Iterator[Step]
    step: Step | None = None
    outside: Object = field(default_factory=dict)
    made: int = 0


@dataclass(slots=True)
class Tally:
    """What was done, by kind, and what did not hold."""

    transitions: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Of these: by the API server."""
    fresh: int = 0
    """Of the refused ones: those that a fresh resource may have, and had."""
    whole: int = 0
    """Of those that were compared: those where both were Ready, so that all of their states and statuses had to be alike."""
    touched: set[Field] = field(default_factory=set)
    """Fields with a value that the API server took."""
    findings: list[str] = field(default_factory=list)
    rounds: int = 0

    @property
    def total(self) -> int:
        """All transitions."""
        return sum(self.transitions.values())


class World:
    """A namespace with a Kafka and a registry, in which resources go through transitions."""

    def __init__(self, api: Api, view: KafkaView, registry: str, seed: int) -> None:
        self._api = api
        self._view = view
        self._registry = registry
        self._rng = random.Random(seed)
        self._words = {"bootstrap": view.bootstrap, "registry": registry, "namespace": NAMESPACE}
        self._count = 0
        self.tally = Tally()

    def furnish(self) -> None:
        """Make what specs name: a cluster, Secrets, texts, a topic, a schema."""
        for name in (NAMESPACE, "elsewhere"):
            self._post("/api/v1/namespaces", {"metadata": {"name": name}})
        self._plain("secrets", "login", {"stringData": {"username": "nobody", "password": "wrong-horse"}})
        self._plain("secrets", "ca", {"stringData": {"ca.crt": "no certificate"}})
        self._plain("configmaps", "texts", {"data": {"avro": AVRO, "other": AVRO_OTHER}})
        main = {
            "bootstrapServers": self._view.bootstrap,
            "schemaRegistry": {"urls": [self._registry]},
            "topicDefaults": {"partitions": 3, "replicationFactor": 1, "deletionPolicy": "Delete"},
            "schemaDefaults": {"deletionPolicy": "HardDelete"},
            "resyncInterval": "2s",
        }
        self._create("KafkaCluster", "main", main)
        self._create("KafkaTopic", "source", {"clusterRef": {"name": "main"}})
        self._create(
            "KafkaSchema", "referenced", {"clusterRef": {"name": "main"}, "subject": "referenced", "schema": AVRO}
        )
        made = (("KafkaCluster", "main"), ("KafkaTopic", "source"), ("KafkaSchema", "referenced"))
        self._wait(lambda all_: all(settled(all_.get(key)) for key in made), made)

    def walkers(self, counts: Mapping[str, int]) -> list[Walker]:
        """So many of each kind, which share the kind's fields; each begins with the kind's base."""
        found = []
        for kind, count in counts.items():
            for share in range(count):
                found.append(Walker(kind, self._name(kind), steps(kind, share, count, self._rng)))
        for walker in found:
            self._install(walker.kind, walker.name, base(walker.kind))
        keys = [(walker.kind, walker.name) for walker in found]
        self._wait(lambda all_: all(settled(all_.get(key)) for key in keys), keys)
        for seen, walker in zip(self._seen(keys), found, strict=True):
            assert seen.reason in ("Reconciled", "Completed"), f"{walker.kind} begins as {seen.object['status']}"
            walker.outside = seen.outside
        return found

    def go(self, walkers: list[Walker]) -> None:
        """One round: each goes on to its next spec that the API server takes, beside a fresh one, and both are compared."""
        self.tally.rounds += 1
        twins = {walker.name: self._name(walker.kind) for walker in walkers if self._advance(walker)}
        gone = [walker for walker in walkers if walker.name in twins]
        for walker in gone:
            assert walker.step is not None
            self._install(walker.kind, twins[walker.name], walker.step.spec)
        keys = [(walker.kind, name) for walker in gone for name in (walker.name, twins[walker.name])]
        self._wait(lambda all_: all(settled(all_.get(key)) for key in keys), keys)
        until, left = time.monotonic() + ALIKE, gone
        while left:
            last = time.monotonic() > until
            found = self._compared(left, twins, last=last)
            left = [walker for walker in left if found[walker.name]]
            if last:
                for walker in left:
                    self._find(walker, found[walker.name])
                break
            if left:
                time.sleep(1)
        for walker in gone:
            self._remove(walker.kind, twins[walker.name])
        log.info("round %d: %d transitions, %d findings", self.tally.rounds, self.tally.total, len(self.tally.findings))

    def quiet(self, walkers: list[Walker], seconds: float) -> None:
        """Nothing is written any more for so long, except that the topics of a cluster are counted anew at its resync."""
        keys = [(walker.kind, walker.name) for walker in walkers]
        until, written = time.monotonic() + SETTLED, keys
        after = self._list({kind for kind, _ in keys})
        while written and time.monotonic() < until:
            before = after
            time.sleep(seconds)
            after = self._list({kind for kind, _ in keys})
            written = [key for key in keys if _is_written(key[0], before[key], after[key])]
        for key in written:
            self._told(f"{key}: is written to though nothing happens: {before[key]} -> {after[key]}")

    def _advance(self, walker: Walker) -> bool:
        """Try specs until the API server takes one; those that it refuses are transitions too."""
        for _ in range(12):
            step = next(walker.steps)
            spec = self._filled(step.spec, walker.name)
            answer = self._replace(walker.kind, walker.name, spec)
            self.tally.transitions[walker.kind] += 1
            walker.step = step
            if answer.status == 200:
                if step.wrong:
                    self._find(walker, ["was taken by the API server"])
                self.tally.touched.add(step.field)
                return True
            self.tally.refused[walker.kind] += 1
            if answer.status not in (400, 422):
                self._find(walker, [f"HTTP {answer.status}: {answer.message[:300]}"])
            elif not answer.message:
                self._find(walker, ["is refused without a message"])
            elif not step.wrong and not faults(Key(walker.kind, NAMESPACE, walker.name), spec):
                # only the change is refused: a fresh one takes the walker's place
                self._remove(walker.kind, walker.name)
                walker.name = self._name(walker.kind)
                walker.outside = {}
                self._install(walker.kind, walker.name, step.spec)
                self.tally.fresh += 1
                self.tally.touched.add(step.field)
                return True
        return False

    def _compared(self, walkers: list[Walker], twins: Mapping[str, str], *, last: bool) -> dict[str, list[str]]:
        keys = [(walker.kind, name) for walker in walkers for name in (walker.name, twins[walker.name])]
        seen = self._seen(keys)
        found = {}
        for walker, mine, twin in zip(walkers, seen[::2], seen[1::2], strict=True):
            found[walker.name] = problems(walker.kind, walker.outside, mine, twin)
        # whatever was found of it is found once
        for walker, mine, twin in zip(walkers, seen[::2], seen[1::2], strict=True):
            if last or not found[walker.name]:
                walker.outside = mine.outside
                self.tally.whole += is_whole(mine, twin)
        return found

    def _find(self, walker: Walker, what: list[str]) -> None:
        spec = json.dumps(walker.step.spec if walker.step else {}, ensure_ascii=False)[:600]
        for one in what:
            self._told(f"{walker.step} ({walker.name}): {one}\n    {spec}")

    def _told(self, finding: str) -> None:
        log.warning("%s", finding)
        self.tally.findings.append(finding)

    # what is outside

    def _seen(self, keys: list[tuple[str, str]]) -> list[Seen]:
        listed = self._list({kind for kind, _ in keys})
        kafka = of_kafka(self._view)
        maps = {m["metadata"]["name"]: m for m in self._get(f"/api/v1/namespaces/{NAMESPACE}/configmaps")["items"]}
        topics = self._list({"KafkaTopic"})
        found = []
        for kind, name in keys:
            obj = listed.get((kind, name))
            assert obj is not None, f"{kind} {name} is gone"
            found.append(Seen(name, obj, self._outside(kind, obj, kafka, maps, topics)))
        return found

    def _outside(
        self, kind: str, obj: Object, kafka: Object, maps: Mapping[str, Object], topics: Mapping[Any, Object]
    ) -> Object:
        name, spec = obj["metadata"]["name"], obj["spec"]
        match kind:
            case "KafkaTopic":
                return _topic(kafka, spec.get("topicName", name))
            case "KafkaSchema":
                return self._subject(obj.get("status", {}))
            case "KafkaDLQPolicy":
                owned = {n: m.get("data") for n, m in maps.items() if _owned_by(m, obj)}
                made = {t["metadata"]["name"]: t["spec"] for t in topics.values() if _owned_by(t, obj)}
                wanted = {t for entry in obj.get("status", {}).get("topics", ()) for t in _made_for(entry)}
                return {
                    "configMaps": owned,
                    "topics": {t: s for t, s in made.items() if s.get("topicName", t) in wanted},
                }
            case "KafkaServiceBinding":
                secrets = self._get(f"/api/v1/namespaces/{NAMESPACE}/secrets")["items"]
                return {"secrets": {s["metadata"]["name"]: _texts(s) for s in secrets if _owned_by(s, obj)}}
            case _:
                return {}

    def _subject(self, status: Mapping[str, Any]) -> Object:
        subject, version = status.get("subject"), status.get("version")
        if not subject or not version:
            return {}
        found = self._ask(f"/subjects/{quote(subject, safe='')}/versions/{version}") or {}
        level = self._ask(f"/config/{quote(subject, safe='')}") or {}
        return {
            "schema": found.get("schema"),
            "schemaType": found.get("schemaType", "AVRO"),
            "references": [(r["name"], r["subject"]) for r in found.get("references") or ()],
            "level": level.get("compatibilityLevel"),
            "versions": self._ask(f"/subjects/{quote(subject, safe='')}/versions"),
        }

    def _ask(self, path: str) -> Any:
        status, answer = ask(self._registry, path)
        return answer if status == 200 else None

    # the API server

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{KINDS[kind].plural.removeprefix('kafka').removesuffix('s')[:9]}n{self._count:05d}"

    def _filled(self, spec: Spec, name: str) -> Spec:
        return dict(filled(spec, me=name, **self._words))

    def _install(self, kind: str, name: str, spec: Spec) -> None:
        if kind in _WITH_SOURCE:
            self._create("KafkaTopic", f"{name}source", {"clusterRef": {"name": "main"}, "partitions": 1}, {"of": name})
        self._create(kind, name, self._filled(spec, name))

    def _create(self, kind: str, name: str, spec: Spec, labels: Mapping[str, str] | None = None) -> None:
        body = {
            "apiVersion": "kafkade.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "labels": dict(labels or {})},
            "spec": spec,
        }
        self._post(self._api.path(kind), body)  # fmt: skip

    def _plain(self, plural: str, name: str, content: Object) -> None:
        self._post(f"/api/v1/namespaces/{NAMESPACE}/{plural}", {"metadata": {"name": name}, **content})

    def _post(self, path: str, body: Object) -> None:
        answer = self._api.call("POST", path, body)
        assert answer.status == 201, f"{path}: {answer.message}\n{str(body)[:600]}"

    def _replace(self, kind: str, name: str, spec: Spec) -> Any:
        change = [{"op": "replace", "path": "/spec", "value": spec}]
        return self._api.call("PATCH", self._api.path(kind, name), change, _PATCH, fieldValidation="Strict")

    def _remove(self, kind: str, name: str) -> None:
        self._api.delete(kind, name)
        if kind in _WITH_SOURCE:
            self._api.delete("KafkaTopic", f"{name}source")

    def _get(self, path: str) -> Object:
        answer = self._api.call("GET", path)
        assert answer.status == 200, f"{path}: {answer.message}"
        return answer.body

    def _list(self, kinds: set[str]) -> dict[tuple[str, str], Object]:
        return {(kind, o["metadata"]["name"]): o for kind in kinds for o in self._get(self._api.path(kind))["items"]}

    def _wait(self, test: Callable[[Mapping[tuple[str, str], Object]], bool], keys: Any) -> None:
        kinds = {kind for kind, _ in keys}
        until = time.monotonic() + SETTLED
        while not test(listed := self._list(kinds)):
            if time.monotonic() > until:
                late = [key for key in keys if not settled(listed.get(key))]
                said = "\n".join(f"{key}: {json.dumps((listed.get(key) or {}).get('status'))[:600]}" for key in late)
                self._told(f"not settled within {SETTLED:.0f} s:\n{said}")
                return
            time.sleep(0.2)


def _is_written(kind: str, before: Object, after: Object) -> bool:
    if after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]:
        return False
    return kind != "KafkaCluster" or counted(before) == counted(after)


def _topic(kafka: Object, name: str) -> Object:
    """As Kafka has it, with the topic's own settings."""
    found = kafka.get(f"topic {name}")
    if found is None:
        return {}
    return {"partitions": len(found["replicas"]), "replicas": len(found["replicas"][0]), "config": found["config"]}


def _texts(secret: Object) -> dict[str, str]:
    data = secret.get("data") or {}
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def _owned_by(obj: Object, owner: Object) -> bool:
    return any(ref["uid"] == owner["metadata"]["uid"] for ref in obj["metadata"].get("ownerReferences") or ())


def _made_for(entry: Object) -> list[str]:
    return [*filter(None, [entry.get("deadLetterTopic")]), *entry.get("retryTopics", ())]
