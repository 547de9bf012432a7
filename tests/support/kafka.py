"""What Kafka really has, read and changed by hand past the operator, with a plain AdminClient."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
)

from support.waiting import until

T = TypeVar("T")

ATTEMPTS = 200
"""Clients that are made until each of some brokers has answered one: of three the last one has after six on average."""


class KafkaView:
    """A person with kafka-topics.sh and kafka-configs.sh, so to say."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = self._client()

    def _client(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def ask(self, request: Callable[[AdminClient], Future[T]]) -> T:
        """What a request comes to. A client that gets no answer is replaced, as the operator's own is, and asked once more.

        After the machine had stood still for seconds, one was seen that never connected again.
        """
        try:
            return request(self.admin).result(20)
        except TimeoutError:
            self.admin = self._client()
            return request(self.admin).result(20)

    def topics(self) -> set[str]:
        """Names of all topics but Kafka's own."""
        return _names(self.admin.list_topics(timeout=20))

    def counts(self) -> dict[str, int]:
        """Numbers of topics and partitions, Kafka's own among them, as a KafkaCluster's status has them."""
        topics = self.admin.list_topics(timeout=20).topics.values()
        return {"topics": len(topics), "partitions": sum(len(topic.partitions) for topic in topics)}

    def known(self) -> set[str]:
        """Names that at least one broker has, but Kafka's own; a broker may hear of a deletion after another one."""
        return set().union(*self.told().values())

    def told(self) -> dict[int, set[str]]:
        """Names of topics by broker, but Kafka's own."""
        return {broker: _names(found) for broker, found in self.answers().items()}

    def answers(self, *brokers: int) -> dict[int, ClusterMetadata]:
        """What each broker knows, of ``brokers`` or of all that the last one that answered knows."""
        answers: dict[int, ClusterMetadata] = {}
        for _ in range(ATTEMPTS):
            # which broker a client asks is its own choice, and one that goes on may stay with one
            found = self._client().list_topics(timeout=20)
            answers[found.orig_broker_id] = found
            if answers.keys() >= set(brokers or found.brokers):
                return answers
        raise AssertionError(f"{ATTEMPTS} answers, and of these brokers alone: {sorted(answers)}")

    def exists(self, name: str) -> bool:
        """Whether at least one broker has such a topic; others may learn of it, or that it is gone, a moment later."""
        return name in self.topics() or name in self.known()

    def describe(self, name: str) -> Any:
        """Id and partitions of a topic."""
        return _heard(name, lambda: self.ask(lambda admin: admin.describe_topics(TopicCollection([name]))[name]))

    def topic_id(self, name: str) -> str:
        """The id of a topic, as Kafka's own tools print it (librdkafka prints plain base64)."""
        return str(self.describe(name).topic_id).replace("+", "-").replace("/", "_")

    def partitions(self, name: str) -> int:
        """Number of partitions."""
        return len(self.describe(name).partitions)

    def replicas(self, name: str) -> list[list[int]]:
        """Broker ids by partition."""
        return [[n.id for n in p.replicas] for p in self.describe(name).partitions]

    def config(self, name: str) -> dict[str, str]:
        """The topic's own settings, defaults left out."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        entries = _heard(name, lambda: self.ask(lambda admin: admin.describe_configs([resource])[resource]))
        return {k: e.value for k, e in entries.items() if e.source == 1}

    def shows(self, name: str, patience: float = 5, **expected: Any) -> None:
        """Wait until the broker that is asked shows a topic so: any of ``partitions``, ``factor`` and ``config``.

        It may learn of a change a moment after the one that took it.
        """
        asks: dict[str, Callable[[str], Any]] = {
            "partitions": self.partitions,
            "factor": lambda name: max(map(len, self.replicas(name))),
            "config": self.config,
        }
        found: dict[str, Any] = {}

        def so() -> bool:
            found.update({what: asks[what](name) for what in expected})
            return found == expected

        until(so, lambda: f"{name} has {found}, not {expected}", patience)

    def broker_overrides(self, broker: int) -> dict[str, str]:
        """Dynamic settings of one broker."""
        resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
        entries = self.ask(lambda admin: admin.describe_configs([resource])[resource])
        return {k: e.value for k, e in entries.items() if e.source == ConfigSource.DYNAMIC_BROKER_CONFIG.value}

    def create(self, name: str, partitions: int = 3, factor: int = 1, **config: str) -> str:
        """Make a topic by hand; returns its id."""
        settings = {k.replace("_", "."): v for k, v in config.items()}
        self.ask(lambda admin: admin.create_topics([NewTopic(name, partitions, factor, config=settings)])[name])
        until(lambda: all(name in known for known in self.told().values()), f"each broker knows of topic {name}")
        return self.topic_id(name)

    def delete(self, *names: str, gone: bool = True) -> None:
        """Delete topics by hand; ``gone``: wait until no broker knows of them, where no operator makes them anew."""
        for future in self.admin.delete_topics(list(names)).values():
            future.result(20)
        if gone:
            until(lambda: not self.known() & set(names), f"topics {names} are gone")

    def clear(self, prefix: str) -> None:
        """Delete all topics of that prefix; some may be going already, which the broker that is asked has not heard of."""
        names = [name for name in self.topics() if name.startswith(prefix)]
        for future in self.admin.delete_topics(names).values() if names else ():
            try:
                future.result(20)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
        until(lambda: not [name for name in self.known() if name.startswith(prefix)], f"no topic is left of {prefix}")

    def set_config(self, name: str, key: str, value: str | None) -> None:
        """Change a setting by hand; None takes it away."""
        op = AlterConfigOpType.SET if value is not None else AlterConfigOpType.DELETE
        entry = ConfigEntry(key, value or "", incremental_operation=op)
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])
        self.ask(lambda admin: admin.incremental_alter_configs([resource])[resource])

    def add_partitions(self, name: str, total: int) -> None:
        """Add partitions by hand."""
        self.ask(lambda admin: admin.create_partitions([NewPartitions(name, total)])[name])


def _heard(name: str, ask: Callable[[], T]) -> T:
    """What a broker says of a topic, asked again while it knows none: it may learn of a new one a moment after another."""
    for _ in range(20):
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            time.sleep(0.1)
    raise AssertionError(f"no topic {name}")


def _names(metadata: ClusterMetadata) -> set[str]:
    return {topic for topic in metadata.topics if not topic.startswith("__")}
