"""Kafka and the registry as they really are: read, and changed by hand, past the operator."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import RemoteDisconnected
from typing import Any

from checks import NotAsTold
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource

from kafkade.dlq.letter import OWN_EXCEPTION_CLASS, OWN_TOPIC

_TIMEOUT = 20.0
_ANSWER = 5.0
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the brokers tell of it; ``config`` is what differs from their defaults."""

    name: str
    id: str
    partitions: int
    replicas: int
    config: dict[str, str]


class KafkaOutside:
    """A person with kafka-topics.sh and kafka-configs.sh, so to say."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def names(self) -> set[str]:
        """All topics but Kafka's own."""
        return {name for name in self._admin.list_topics(timeout=_TIMEOUT).topics if not name.startswith("__")}

    def topics(self) -> dict[str, Topic]:
        """All topics but Kafka's own, by name; without those that not all brokers know of."""
        names = sorted(self.names())
        if not names:
            return {}
        found = self._admin.describe_topics(TopicCollection(names))
        resources = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in names}
        configs = self._admin.describe_configs(list(resources.values()))
        result = {}
        for name in names:
            try:
                described = found[name].result(_TIMEOUT)
                entries = configs[resources[name]].result(_TIMEOUT)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
                continue  # one broker lists it, and another has heard already that it is gone, or not yet that it is there
            config = {k: e.value for k, e in entries.items() if _is_own(e)}
            partitions = described.partitions
            replicas = min(len(p.replicas) for p in partitions)
            result[name] = Topic(name, str(described.topic_id), len(partitions), replicas, config)
        return result

    def set_config(self, topic: str, key: str, value: str) -> None:
        """Change a topic's setting by hand."""
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        self._admin.incremental_alter_configs([resource])[resource].result(_TIMEOUT)

    def delete(self, topic: str) -> None:
        """Delete a topic by hand; an operator may make it anew before the brokers say that it is gone."""
        self._admin.delete_topics([topic])[topic].result(_TIMEOUT)


class Service:
    """An application that reads a topic, and gives what it cannot process to the dead-letter topic."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic

    def send(self, keys: Sequence[str]) -> None:
        """A record for each key."""
        producer = Producer({"bootstrap.servers": self._bootstrap})
        for key in keys:
            producer.produce(self._topic, json.dumps({"return": key}), key)
        producer.flush(_TIMEOUT)

    def run(self, group: str, expected: int, fails: Callable[[str], str | None]) -> list[str]:
        """Process so many records as a consumer group; the keys of all of them. ``fails``: the class of the error."""
        settings = {"group.id": group, "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "log_level": 0, **settings})
        producer = Producer({"bootstrap.servers": self._bootstrap})
        consumer.subscribe([self._topic])
        seen: list[str] = []
        deadline = time.monotonic() + _TIMEOUT
        try:
            while len(seen) < expected and time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is None or message.error() is not None:
                    continue
                key = message.key().decode()
                seen.append(key)
                error = fails(key)
                if error is not None:
                    headers = [(OWN_TOPIC, self._topic), (OWN_EXCEPTION_CLASS, error)]
                    producer.produce(f"{self._topic}.dlq", message.value(), message.key(), headers=headers)
            producer.flush(_TIMEOUT)
        finally:
            consumer.close()
        return seen


def _is_own(entry: Any) -> bool:
    return int(getattr(entry.source, "value", entry.source)) == ConfigSource.DYNAMIC_TOPIC_CONFIG.value


@dataclass(frozen=True, slots=True)
class Subject:
    """The latest version of a subject."""

    name: str
    version: int
    schema_type: str
    references: tuple[str, ...]
    compatibility: str | None
    """The subject's own level; None: the registry's."""
    schema: str


class RegistryOutside:
    """A person with curl, so to say."""

    def __init__(self, url: str) -> None:
        self.url = url

    def subjects(self) -> dict[str, Subject]:
        """All subjects, by name."""
        return {name: self._subject(name) for name in sorted(self._get("/subjects"))}

    def _subject(self, name: str) -> Subject:
        quoted = urllib.parse.quote(name, safe="")
        latest = self._get(f"/subjects/{quoted}/versions/latest")
        try:
            level = self._get(f"/config/{quoted}").get("compatibilityLevel")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            level = None
        references = tuple(f"{r['subject']}:{r['version']}" for r in latest.get("references") or ())
        return Subject(name, latest["version"], latest.get("schemaType") or "AVRO", references, level, latest["schema"])

    def _get(self, path: str) -> Any:
        for _ in range(_TRIES):
            try:
                with urllib.request.urlopen(self.url + path, timeout=_ANSWER) as answer:  # noqa: S310 -- http, on loopback
                    return json.load(answer)
            except (TimeoutError, RemoteDisconnected):
                continue  # Apicurio 3.3.3 leaves one request in thousands without an answer
        raise NotAsTold(f"the registry answers {path}")
