"""People at work in one namespace: what they asked for, what they may have lost by it, and what must be so in the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from kafkade.api import FINALIZER
from support.faults.world import World
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, current, manifest, ready
from support.letters import Seen, letter, read, write
from support.registry import ask
from support.waiting import until

BOUND = 120.0
"""Seconds after the last fault within which everything is as declared: two requests that hang (30 s each) and a pause."""
QUIET = 5.0
"""Seconds without a write after which the world is taken to be at rest: two resyncs."""
FINAL = ("Completed", "Cancelled", "Failed")

Spec = dict[str, Any]


@dataclass(slots=True)
class Topic:
    """What is known of a topic in Kafka."""

    id: str | None = None
    """None: it was not seen yet, or is gone as it was asked to be."""
    may_go: bool = False
    """Somebody asked for its deletion."""
    must_go: bool = False
    """And it was the resource's own by then: what is deleted before it was made or adopted leaves the topic alone."""
    written: list[Seen] = field(default_factory=list)
    """Records that somebody wrote and Kafka acknowledged, or that a redrive has to put there."""
    counted: bool = True
    """Whether ``written`` is all that there must be: a redrive into a topic that was deleted meanwhile may have put back a part."""


@dataclass(slots=True)
class Subject:
    """What is known of a subject in the registry."""

    versions: set[int] = field(default_factory=set)
    may_go: bool = False


def made_by(policy: Spec, topic: Spec | None) -> bool:
    """Whether a KafkaTopic is this very policy's, not that of one of its name before it, and is there to stay."""
    if topic is None or topic["metadata"].get("deletionTimestamp"):
        return False
    return [owner["uid"] for owner in topic["metadata"].get("ownerReferences", ())] == [policy["metadata"]["uid"]]


def policy_differences(policy: Spec, source: str, made: Spec | None, there: Collection[str]) -> Iterator[str]:
    """Between a KafkaDLQPolicy and what it has for one topic. ``made``: the KafkaTopic of its dead letters; ``there``: topics.

    A policy needs the topic to begin with. What it made for it stays as it is, and ready, when that topic is gone.
    """
    letters, told = f"{source}.dlq", f"KafkaDLQPolicy {policy['metadata']['name']}: {condition(policy)}"
    if not current(policy):
        yield f"{told}, of an older generation"
    elif not made_by(policy, made) and source not in there:
        if condition(policy)["reason"] != "TopicNotFound":
            yield f"{told}, and topic {source} is not there, nor was anything made for it"
    elif ready(policy) != "True":
        yield told
    elif not made_by(policy, made):
        yield f"{told}, and it has no KafkaTopic {letters}"
    elif letters not in there:
        yield f"{told}, and topic {letters} is not in Kafka"


class Shop:
    """One namespace, its topics and subjects, all with its name in front. ``log`` tells what was done, to read after a failure."""

    def __init__(self, world: World, namespace: str) -> None:
        self.world, self.namespace = world, namespace
        self.kubectl: Kubectl = world.open_namespace(namespace)
        self.log: list[str] = []
        self.declared: dict[tuple[str, str], Spec] = {}
        """Kind and name of the resources that are to be there."""
        self.waiting: dict[tuple[str, str], Spec] = {}
        """Those that are to be made anew, once the deleted ones of these names are gone."""
        self.topics: dict[str, Topic] = {}
        self.subjects: dict[str, Subject] = {}
        self.letters = 0
        self.redrives: dict[str, tuple[str, str | None]] = {}
        """Those not accounted for yet: where they put letters back to, and the id of that topic when they began."""
        self._begun = time.monotonic()
        self._view: KafkaView | None = None

    def say(self, what: str) -> None:
        """Note what is done."""
        self.log.append(f"{time.monotonic() - self._begun:6.1f} s  {what}")

    @property
    def view(self) -> KafkaView:
        """A client that is made anew when the broker was restarted."""
        if self._view is None:
            self._view = self.world.view
        return self._view

    def forget_connections(self) -> None:
        """The broker was restarted."""
        self._view = None

    def topic(self, name: str) -> Topic:
        """What is known of a topic."""
        return self.topics.setdefault(name, Topic())

    # --- what people do ------------------------------------------------------------------------

    def apply(self, kind: str, name: str, spec: Spec, **labels: str) -> None:
        """Declare something, or change it. What is still being deleted is made anew as soon as it is gone."""
        self.say(f"apply {kind} {name} {json.dumps(spec)}")
        found = self.kubectl.get(kind, name)
        if found is not None and found["metadata"].get("deletionTimestamp"):
            self.waiting[kind, name] = spec
            return
        self.kubectl.apply(manifest(kind, name, {"clusterRef": {"name": "main"}, **spec}, self.namespace))
        self.declared[kind, name] = spec
        if found is None:
            self._made_anew(kind, name)

    def _made_anew(self, kind: str, name: str) -> None:
        """Whatever was to be deleted for the resource before it is deleted by now: what is there is to stay."""
        if kind == "KafkaTopic":
            self.look_at_topics()
            self.topic(name).may_go = self.topic(name).must_go = False
        if kind == "KafkaSchema":
            self.look_at_subjects()
            self.subjects.setdefault(f"{name}-value", Subject()).may_go = False

    def make_waiting(self) -> None:
        """Try again to make anew what was still being deleted."""
        for (kind, name), spec in list(self.waiting.items()):
            if self.kubectl.get(kind, name) is None:
                del self.waiting[kind, name]
                self.apply(kind, name, spec)

    def delete(self, kind: str, name: str) -> None:
        """Delete a resource; its topic or subject goes with it unless its policy says otherwise. Dead letters stay."""
        self.say(f"delete {kind} {name}")
        self.waiting.pop((kind, name), None)
        spec = self.declared.pop((kind, name))
        if kind == "KafkaTopic" and spec.get("deletionPolicy") != "Retain":
            topic, found = self.topic(name), self.kubectl.get(kind, name) or {"metadata": {}}
            owned = FINALIZER in found["metadata"].get("finalizers", ())
            topic.may_go = True
            topic.must_go = owned and found.get("status", {}).get("topicId") == topic.id
        if kind == "KafkaSchema":
            self.subjects.setdefault(f"{name}-value", Subject()).may_go = True
        self.kubectl.delete(kind, name, wait=False)

    def stays(self, name: str) -> bool:
        """Whether a topic was in Kafka at the last look, and nobody asked for its deletion."""
        topic = self.topics.get(name)
        return topic is not None and topic.id is not None and not topic.may_go

    def is_writable(self, name: str) -> bool:
        """Whether an application can write there; it writes no dead letters while they are put back."""
        return self.stays(name) and not any(f"{target}.dlq" == name for target, _ in self.redrives.values())

    def is_redrivable(self, name: str) -> bool:
        """Whether a topic's dead letters can be put back, and are not already."""
        return self.stays(name) and self.is_writable(f"{name}.dlq")

    def redrive(self, name: str) -> None:
        """Have the dead letters of a topic put back; none are written until that is done."""
        self.look_at_topics()
        if not self.is_redrivable(name) or not self.topic(f"{name}.dlq").written:
            return
        origin = self.topic(name)
        self.letters += 1
        redrive = f"{self.namespace}-r{self.letters}"
        self.redrives[redrive] = (name, origin.id)
        self.apply("KafkaDLQRedrive", redrive, {"source": {"topic": f"{name}.dlq"}})

    def delete_by_hand(self, name: str) -> None:
        """Delete a topic in Kafka, past the operator."""
        self.look_at_topics()
        topic = self.topic(name)
        if topic.id is None:
            return
        self.say(f"delete topic {name} in Kafka by hand")
        topic.may_go = True
        try:
            # an operator may make it anew before anybody sees that it is gone
            self.view.delete(name, gone=False)
        except (AssertionError, Exception) as error:  # noqa: BLE001 -- an operator may be quicker
            self.say(f"  it was gone: {error}")

    def write(self, name: str, count: int, as_letters_of: str | None = None) -> None:
        """Have an application write records to a topic that is there to stay."""
        self.look_at_topics()
        if not self.is_writable(name):
            return
        topic = self.topic(name)
        self.say(f"write {count} records to {name}")
        made = []
        for _ in range(count):
            self.letters += 1
            if self.letters % 11 == 0:
                self.letters += 1
            made.append(letter(self.letters, as_letters_of or name))
        write(self.world.kafka.bootstrap, name, made)
        topic.written += made

    def register_by_hand(self, name: str, text: str) -> None:
        """Register a schema past the operator; it may be refused."""
        self.say(f"register {name}-value by hand")
        self._registry("POST", f"/subjects/{name}-value/versions", {"schema": text})
        self.look_at_subjects()

    def set_level_by_hand(self, name: str, level: str) -> None:
        """Change a subject's compatibility level past the operator."""
        self.say(f"level of {name}-value is {level} by hand")
        self._registry("PUT", f"/config/{name}-value", {"compatibility": level})

    def _registry(self, method: str, path: str, body: Spec | None = None) -> Any:
        status, answer = ask(self.world.registry.url, path, method, body)
        assert status < 500, f"{method} {path}: {status} {answer}"
        return answer if status < 300 else None

    # --- what must always be so ----------------------------------------------------------------

    def look_at_topics(self) -> None:
        """Topics that nobody asked to delete are those that were there before, with all of their records."""
        metadata = self.view.admin.list_topics(timeout=20).topics
        found = [name for name in metadata if name.startswith(f"{self.namespace}-")]
        for name, topic in self.topics.items():
            if name not in found and topic.id is not None:
                assert topic.may_go, f"topic {name} ({topic.id}) is gone, and nobody asked for that"
                topic.id, topic.must_go, topic.written, topic.counted = None, False, [], True
        for name in found:
            topic = self.topic(name)
            try:
                identity = self.view.topic_id(name)
            except AssertionError:
                continue  # it goes this moment: the next look says whether it may
            if topic.id is not None and topic.id != identity:
                assert topic.may_go, f"topic {name} was {topic.id} and is {identity}, and nobody asked for that"
                topic.written, topic.may_go, topic.must_go, topic.counted = [], False, False, True
            elif topic.id is None and (("KafkaTopic", name) in self.declared):
                topic.may_go = topic.must_go = False
            topic.id = identity

    def look_at_subjects(self) -> None:
        """The same of subjects and their versions."""
        for name, subject in self.subjects.items():
            versions = set(self._registry("GET", f"/subjects/{quote(name)}/versions") or [])
            lost = subject.versions - versions
            assert subject.may_go or not lost, f"versions {lost} of {name} are gone, and nobody asked for that"
            subject.versions = versions

    def look_at_records(self) -> None:
        """Every record that was written or had to be put back is there, once."""
        for name, topic in list(self.topics.items()):
            if topic.id is not None and not topic.may_go and topic.written and topic.counted:
                found = [(s.value, s.timestamp) for s in read(self.world.kafka.bootstrap, name)]
                wanted = [(s.value, s.timestamp) for s in topic.written]
                assert sorted(found, key=repr) == sorted(wanted, key=repr), (
                    f"{name} has {len(found)} records, and should have {len(wanted)}"
                )

    # --- what must be so in the end ------------------------------------------------------------

    def differences(self) -> list[str]:
        """Between what is declared and what is."""
        return list(self._differences())

    def _differences(self) -> Iterator[str]:
        self.make_waiting()
        yield from (f"{kind} {name} waits for the deleted one to go" for kind, name in self.waiting)
        cluster = self.kubectl.get("KafkaCluster", "main")
        if cluster is None or ready(cluster) != "True":
            yield f"KafkaCluster: {condition(cluster or {})}"
            return
        self.look_at_topics()
        self.look_at_subjects()
        for (kind, name), spec in self.declared.items():
            found = self.kubectl.get(kind, name)
            if found is None:
                yield f"{kind} {name} is not there"
            elif kind == "KafkaDLQRedrive":
                origin = self.topic(spec["source"]["topic"].removesuffix(".dlq"))
                if origin.id is not None and found.get("status", {}).get("phase") not in FINAL:
                    yield f"{kind} {name}: {condition(found)}"
            elif kind == "KafkaDLQPolicy":
                yield from (told for topic in spec["topics"] for told in self._of_policy(topic, found))
            elif ready(found) != "True" or not current(found):
                yield f"{kind} {name}: {condition(found)}"
            elif kind == "KafkaTopic":
                yield from self._of_topic(name, spec, found)
            elif kind == "KafkaSchema":
                yield from self._of_schema(name, spec, found)
        yield from self._left_over()

    def _of_topic(self, name: str, spec: Spec, found: Spec) -> Iterator[str]:
        topic = self.topic(name)
        if topic.id is None:
            yield f"topic {name} is not in Kafka"
            return
        if found["status"].get("topicId") != topic.id:
            yield f"topic {name} is {topic.id}, its status says {found['status'].get('topicId')}"
        if (partitions := self.view.partitions(name)) != spec["partitions"]:
            yield f"topic {name} has {partitions} partitions, declared {spec['partitions']}"
        wanted = {key: str(value) for key, value in spec["config"].items()}
        if (config := self.view.config(name)) != wanted:
            yield f"topic {name} has {config}, declared {wanted}"

    def _of_policy(self, source: str, policy: Spec) -> Iterator[str]:
        letters = f"{source}.dlq"
        made = self.kubectl.get("KafkaTopic", letters)
        there = {name for name in (source, letters) if self.topic(name).id is not None}
        return policy_differences(policy, source, made, there)

    def _of_schema(self, name: str, spec: Spec, found: Spec) -> Iterator[str]:
        latest = self._registry("GET", f"/subjects/{name}-value/versions/latest")
        if latest is None or json.loads(latest["schema"]) != json.loads(spec["schema"]):
            yield f"subject {name}-value has {latest and latest['schema']}, declared {spec['schema']}"
        elif latest["version"] != found["status"].get("version"):
            yield f"subject {name}-value has version {latest['version']}, status {found['status'].get('version')}"
        level = (self._registry("GET", f"/config/{name}-value") or {}).get("compatibilityLevel")
        if level != "BACKWARD":
            yield f"subject {name}-value has level {level}, declared BACKWARD"

    def _left_over(self) -> Iterator[str]:
        kept = {("KafkaCluster", "main"), *self.declared}
        for each in self.kubectl.kept():
            kind, _, name = each.partition("/")
            if (kind, name) not in kept and not self._is_kept_by_a_policy(kind, name):
                yield f"{each} is still there"
        for name, topic in self.topics.items():
            if topic.id is not None and topic.must_go and ("KafkaTopic", name) not in self.declared:
                yield f"topic {name} is still in Kafka"
        for name, subject in self.subjects.items():
            declared = ("KafkaSchema", name.removesuffix("-value")) in self.declared
            if subject.may_go and subject.versions and not declared:
                yield f"subject {name} is still in the registry"

    def _is_kept_by_a_policy(self, kind: str, name: str) -> bool:
        """Whether it is the KafkaTopic of dead letters that a declared policy is for and made."""
        source = name.removesuffix(".dlq")
        for (of, policy), spec in self.declared.items():
            if kind == "KafkaTopic" and of == "KafkaDLQPolicy" and name != source and source in spec["topics"]:
                found = self.kubectl.get(of, policy)
                return found is not None and made_by(found, self.kubectl.get(kind, name))
        return False

    def settle(self, bound: float = BOUND) -> float:
        """Wait until all is as declared and nothing is written any more; the seconds it took."""
        self.say("settle")
        begun = time.monotonic()
        self.world.schedule.use(None)
        while True:
            self.world.tend()
            since = time.monotonic()
            found = self.differences()
            if not found:
                time.sleep(QUIET)
                found = self.differences() or self.world.all_writes(since)
                if not found:
                    break
            if time.monotonic() - begun > bound:
                raise AssertionError(f"not as declared {bound:.0f} s after the last fault:\n" + "\n".join(found[:20]))
            time.sleep(0.5)
        self._account_for_redrives()
        for topic in self.topics.values():
            topic.may_go = topic.may_go and topic.id is None
        took = since - begun
        self.say(f"settled after {took:.1f} s")
        return took

    def _account_for_redrives(self) -> None:
        """One that has ended has put back all letters that there were, each once; called when nothing runs any more."""
        for redrive, (name, identity) in self.redrives.items():
            found = self.kubectl.get("KafkaDLQRedrive", redrive) or {}
            origin, dlq = self.topic(name), self.topic(f"{name}.dlq")
            if found.get("status", {}).get("phase") == "Completed" and origin.id == identity:
                origin.written += dlq.written
            else:
                self.say(f"{redrive} is not accounted for: {condition(found)}")
                origin.counted = False
        self.redrives.clear()

    def end(self) -> None:
        """Delete everything; the namespace goes."""
        self.say("the end")
        for kind, name in sorted(self.declared):
            self.delete(kind, name)
        self.settle()
        self.look_at_records()
        self.kubectl.end()
        for name, topic in list(self.topics.items()):
            if topic.id is not None:
                self.delete_by_hand(name)

    def abandon(self) -> None:
        """Be rid of everything at once and past the operators: what was wrong here is not to show in what comes next."""
        self.world.schedule.use(None)
        self.world.tend()
        self.forget_connections()
        self.kubectl.clear(self.namespace)
        until(self._forced_out, lambda: f"all is gone, but {self.kubectl.kept()}", timeout=60)
        self.kubectl.run("delete", "namespace", self.namespace, "--wait=false")
        if left := {name for name in self.view.topics() if name.startswith(f"{self.namespace}-")}:
            self.view.delete(*left)

    def _forced_out(self) -> bool:
        left = self.kubectl.kept()
        for each in left:
            kind, _, name = each.partition("/")
            freed = ("patch", kind, name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
            self.kubectl.run("-n", self.namespace, *freed, check=False)
            self.kubectl.run("-n", self.namespace, "delete", kind, name, "--ignore-not-found", "--wait=false")
        return not left

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell of what was done when something is not as it must be."""
        try:
            yield
        except Exception as error:
            tally = ", ".join(f"{n} x {fault} at {where}" for (where, fault), n in self.world.schedule.tally().items())
            logs = "\n".join(f"--- {name}:\n{o.tail(40)}" for name, o in self.world.operators.items())
            said = "\n".join(self.log)
            sys.stderr.write(f"{error!s:.3000}\n{said}\n{tally}\n")
            raise AssertionError(f"{error!r}\n--- done:\n{said}\n--- faults: {tally}\n{logs}") from error
