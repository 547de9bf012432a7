"""The story, scene by scene. Each scene reads back what it tells and fails when that is not so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dead_letters
import yaml
from checks import eventually, expect
from kubectl import because, is_ready, ready
from outside import Topic
from stage import NAMESPACE, Stage

SOURCES = ("user-events", "order-events", "payment-events")
TOPICS = {name + suffix for name in SOURCES for suffix in ("", ".dlq")}
REFUSED = {"refused-casing": "UserEvents", "refused-too-generic": "orders", "refused-unclear": "svc1"}
SCHEMAS = {
    "user-created": "shop.users.UserCreated",
    "user-updated": "shop.users.UserUpdated",
    "user-deleted": "shop.users.UserDeleted",
    "user-event": "user-events-value",
    "user-event-key": "user-events-key",
    "order-event": "order-events-value",
    "payment-event": "payment-events-value",
}
WEEK, DAY, MINUTE = "604800000", "86400000", "60000"


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of the story."""

    title: str
    told: str
    play: Callable[[Stage], None]


def _patch(stage: Stage, kind: str, name: str, spec: dict[str, Any]) -> str:
    """A merge patch of spec, shown as the command that it is."""
    patch = json.dumps({"spec": spec})
    said = stage.kubectl("-n", NAMESPACE, "patch", kind, name, "--type=merge", "-p", patch)
    stage.screen.command(f"kubectl -n {NAMESPACE} patch {kind} {name} --type=merge -p '{patch}'", said)
    return said


def declare(stage: Stage) -> None:
    """Apply topics and schemas; wait until all are Ready, and the three bad names refused."""
    began = time.monotonic()
    for example in ("02-topics-and-dlqs", "03-schemas"):
        stage.kubectl.apply(stage.example(example))
        stage.screen.command(f"kubectl apply -f deploy/examples/{example}")
    kubectl = stage.kubectl
    kubectl.wait_all(NAMESPACE, "kafkatopics", TOPICS, is_ready, "Ready")
    kubectl.wait_all(NAMESPACE, "kafkaschemas", set(SCHEMAS), is_ready, "Ready")
    kubectl.wait_all(NAMESPACE, "kafkatopics", set(REFUSED), because("NamingRefused"), "refused")
    kubectl.wait(NAMESPACE, "kafkaclusters", "main", is_ready, "Ready")
    stage.screen.checked(
        f"{len(TOPICS)} topics and {len(SCHEMAS)} schemas Ready after {time.monotonic() - began:.1f} s"
    )
    for kind in ("kafkaclusters", "kafkatopics", "kafkaschemas"):
        stage.screen.command(f"kubectl -n {NAMESPACE} get {kind}", kubectl("-n", NAMESPACE, "get", kind))


def read_back(stage: Stage) -> None:
    """What is outside of Kubernetes is what was declared."""
    topics: dict[str, Topic] = {}

    def known() -> bool:
        topics.clear()
        topics.update(stage.kafka.topics())
        return topics.keys() >= TOPICS

    # the broker that is asked may learn of a topic a moment after the one that told the operator
    eventually(known, "Kafka has the six topics")
    stage.screen.topics(topics.values())
    expect(set(topics) == TOPICS, "Kafka has the six topics and no other", sorted(topics))
    expect(all(t.partitions == 3 and t.replicas == 3 for t in topics.values()), "3 partitions, 3 replicas each", topics)
    for declared in yaml.safe_load_all(stage.example("02-topics-and-dlqs", "0[345]-*.yaml")):
        name = declared["metadata"]["name"]
        wanted = {k: str(v) for k, v in declared["spec"]["config"].items()} | {"min.insync.replicas": "2"}
        expect(topics[name].config == wanted, f"{name} has the settings of its file", topics[name].config)
    subjects = stage.registry.subjects()
    stage.screen.subjects(subjects.values())
    expect(set(subjects) == set(SCHEMAS.values()), "the registry has these subjects and no other", sorted(subjects))
    expect(
        set(subjects["user-events-value"].references)
        == {f"shop.users.User{what}:1" for what in ("Created", "Updated", "Deleted")},
        "user-events-value references the three records",
        subjects["user-events-value"].references,
    )
    stage.screen.checked("names, partitions, replicas, settings, subjects and references are as in the files")


def change(stage: Stage) -> None:
    """A setting and the number of partitions."""
    _patch(stage, "kafkatopic", "user-events", {"config": {"retention.ms": int(DAY)}})
    _patch(stage, "kafkatopic", "order-events", {"partitions": 6})
    stage.kubectl.wait_all(NAMESPACE, "kafkatopics", {"user-events", "order-events"}, is_ready, "Ready")

    def both() -> list[Topic]:
        topics = stage.kafka.topics()
        return [topics["user-events"], topics["order-events"]]

    def changed() -> bool:
        user, order = both()
        return user.config["retention.ms"] == DAY and order.partitions == 6

    # the broker that is asked may learn of it a moment after the one that told the operator
    eventually(changed, "user-events keeps a day, and order-events has six partitions")
    stage.screen.topics(both())
    stage.screen.checked("Kafka has the new retention and the new partitions")


def drift(stage: Stage) -> None:
    """Somebody changes a setting and deletes a topic, past the operator."""
    _patch(stage, "kafkacluster", "main", {"resyncInterval": "1s"})
    stage.screen.command(f"kafka-configs.sh --alter --topic user-events --add-config retention.ms={MINUTE}")
    stage.kafka.set_config("user-events", "retention.ms", MINUTE)
    former = stage.kafka.topics()["payment-events.dlq"]
    stage.screen.command("kafka-topics.sh --delete --topic payment-events.dlq")
    stage.kafka.delete("payment-events.dlq")

    def repaired() -> bool:
        topics = stage.kafka.topics()
        letters = topics.get("payment-events.dlq", former)
        return letters.id != former.id and topics["user-events"].config["retention.ms"] == DAY

    began = time.monotonic()
    # told first: until then a broker may still have what was there before somebody came
    drifted = {
        name: stage.kubectl.wait(
            NAMESPACE, "kafkatopic", name, lambda r: bool(r["status"].get("drift")), "told of as drifted"
        )
        for name in ("user-events", "payment-events.dlq")
    }
    eventually(repaired, "the setting and the topic are back")
    stage.screen.checked(
        f"retention.ms is {DAY} again and payment-events.dlq exists again, after {time.monotonic() - began:.1f} s"
    )
    for name, found in drifted.items():
        entry = found["status"]["drift"][0]
        expect(entry["repaired"] is True, f"status.drift of {name} says repaired", entry)
        stage.screen.says(
            f"status.drift of {name}",
            f"{entry['field']}: expected {entry['expected']}, found {entry['found']}, repaired",
        )

    def reasons() -> set[str]:
        events = stage.kubectl("-n", NAMESPACE, "get", "events", "--field-selector=type=Warning", "-o", "json")
        return {e["reason"] for e in json.loads(events)["items"]}

    eventually(lambda: {"DriftRepaired", "TopicDeletedOutside"} <= reasons(), "Events tell of both")
    stage.screen.checked("Events DriftRepaired and TopicDeletedOutside were posted")


def fewer_partitions(stage: Stage) -> None:
    """Refused before anything is stored."""
    patch = '{"spec":{"partitions":2}}'
    words = ("-n", NAMESPACE, "patch", "kafkatopic", "user-events", "--type=merge", "-p", patch)
    said = stage.kubectl.refused(*words)
    stage.screen.command(f"kubectl -n {NAMESPACE} patch kafkatopic user-events --type=merge -p '{patch}'")
    stage.screen.says("kubectl", said)
    expect("partitions can only grow" in said, "the API server says why", said)
    expect(stage.kafka.topics()["user-events"].partitions == 3, "user-events keeps three partitions")
    stage.screen.checked("refused by the API server; Kafka was not asked")


def misspelt_setting(stage: Stage) -> None:
    """A key that no broker knows."""
    before = stage.kafka.topics()["order-events"]
    _patch(stage, "kafkatopic", "order-events", {"config": {"retention.sm": 1}})
    found = stage.kubectl.wait(NAMESPACE, "kafkatopic", "order-events", because("InvalidConfig"), "InvalidConfig")
    stage.screen.says("Ready=False, InvalidConfig", ready(found)[2])
    expect("retention.ms" in ready(found)[2], "the message names the nearest setting", ready(found)[2])
    expect(stage.kafka.topics()["order-events"] == before, "order-events is as it was")
    _patch(stage, "kafkatopic", "order-events", {"config": {"retention.sm": None}})
    stage.kubectl.wait(NAMESPACE, "kafkatopic", "order-events", is_ready, "Ready")
    stage.screen.checked("Kafka was left alone; without the misspelt key the topic is Ready again")


def incompatible_schema(stage: Stage) -> None:
    """A new field without a default breaks BACKWARD."""
    before = stage.registry.subjects()["shop.users.UserCreated"]
    field = {"name": "country", "type": "string"}
    _change_schema(stage, before.schema, field)
    found = stage.kubectl.wait(
        NAMESPACE, "kafkaschema", "user-created", because("IncompatibleSchema"), "IncompatibleSchema"
    )
    stage.screen.says("Ready=False, IncompatibleSchema", ready(found)[2])
    expect("country" in ready(found)[2], "the message names the field", ready(found)[2])
    expect(stage.registry.subjects()["shop.users.UserCreated"] == before, "the registry is as it was")
    stage.screen.checked("the registry was left alone")
    _change_schema(stage, before.schema, {**field, "default": "unknown"})
    stage.kubectl.wait(NAMESPACE, "kafkaschema", "user-created", is_ready, "Ready")
    stage.kubectl.wait(
        NAMESPACE,
        "kafkaschema",
        "user-event",
        lambda r: is_ready(r) and "shop.users.UserCreated:2" in r["status"].get("references", ()),
        "at version 2 of its reference",
    )
    after = stage.registry.subjects()
    expect(after["shop.users.UserCreated"].version == 2, "UserCreated has version 2", after["shop.users.UserCreated"])
    stage.screen.subjects([after["shop.users.UserCreated"], after["user-events-value"]])
    stage.screen.checked("with a default it is version 2, and user-events-value follows to it")


def _change_schema(stage: Stage, text: str, field: dict[str, str]) -> None:
    schema = json.loads(text)
    schema["fields"].append(field)
    patch = json.dumps({"spec": {"schema": json.dumps(schema)}})
    stage.kubectl("-n", NAMESPACE, "patch", "kafkaschema", "user-created", "--type=merge", "-p", patch)
    stage.screen.command(f"kubectl -n {NAMESPACE} edit kafkaschema user-created   # adds {json.dumps(field)}")


def bad_names(stage: Stage) -> None:
    """What the naming policy refused from the start, and a way out of it."""
    for name, topic in REFUSED.items():
        found = stage.kubectl.get(NAMESPACE, "kafkatopic", name)
        stage.screen.says("Ready=False, NamingRefused", ready(found)[2])
        expect(ready(found)[1] == "NamingRefused" and topic in ready(found)[2], f"{topic} is refused", ready(found))
    expect(not set(REFUSED.values()) & stage.kafka.names(), "Kafka has none of them", stage.kafka.names())
    said = stage.kubectl("-n", NAMESPACE, "delete", "kafkatopic", *REFUSED)
    stage.screen.command(f"kubectl -n {NAMESPACE} delete kafkatopic {' '.join(REFUSED)}", said)
    expect(stage.kafka.names() == TOPICS, "the six topics are still there", stage.kafka.names())
    stage.screen.checked("none of them ever was in Kafka")


def clean_up(stage: Stage) -> None:
    """Delete the resources; the operator deletes what they stood for."""
    for example in ("03-schemas", "02-topics-and-dlqs"):
        # the three refused names are gone already
        stage.kubectl("delete", "--ignore-not-found", "-f", "-", "--timeout=60s", stdin=stage.example(example))
        stage.screen.command(f"kubectl delete --ignore-not-found -f deploy/examples/{example}")
    expect(stage.registry.subjects() == {}, "the registry is empty", stage.registry.subjects())
    dead_letters.clean_up(stage)
    kept = {f"{dead_letters.TOPIC}.dlq"}
    eventually(lambda: stage.kafka.names() == kept, "Kafka has the dead letters and nothing else")
    stage.screen.checked(
        "the registry has no subject, and Kafka no topic but one: dead letters stay until somebody says otherwise"
    )


STORY = (
    Scene(
        "Declare",
        "The topics of a shop with their dead-letter twins, and the schemas of their records, as YAML.",
        declare,
    ),
    Scene("Read back", "Not what the operator says, but what Kafka and the registry have.", read_back),
    Scene("Change", "A shorter retention, and more partitions.", change),
    Scene(
        "Drift",
        "Somebody changes a setting in Kafka by hand and deletes a topic. It is noticed at the next resync: every two"
        " minutes by default, every second for this scene.",
        drift,
    ),
    Scene("Break it: fewer partitions", "Kafka cannot take partitions away.", fewer_partitions),
    Scene("Break it: a misspelt setting", "retention.sm", misspelt_setting),
    Scene("Break it: an incompatible schema", "A new field without a default.", incompatible_schema),
    Scene("Break it: bad names", "UserEvents, orders and svc1 were in the YAML all along.", bad_names),
    Scene(
        "Dead letters",
        "A service gives up on some records, and the policy of its topic calls for help.",
        dead_letters.fail,
    ),
    Scene(
        "Redrive",
        "What failed by a timeout goes back to where it was, each record exactly once.",
        dead_letters.put_back,
    ),
)
CLEAN_UP = Scene("Clean up", "Delete the resources, and what they stood for goes too.", clean_up)
