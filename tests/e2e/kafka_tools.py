"""Kafka's command-line tools, as far as the documentation uses them: the same options, done by confluent_kafka.

Kafka's own scripts are not in the jars that the stack fetches. Options that are not known here are an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

_TIMEOUT = 20.0
NAMES = (
    *("kafka-topics.sh", "kafka-configs.sh", "kafka-console-producer.sh", "kafka-console-consumer.sh"),
    "kafka-consumer-groups.sh",
)


def install(folder: Path) -> None:
    """Put the scripts into a folder that is on PATH."""
    for name in NAMES:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {name} "$@"\n')
        script.chmod(0o755)


def _topics(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("kafka-topics.sh", allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    for verb in ("--create", "--delete", "--describe", "--list"):
        what.add_argument(verb, action="store_true")
    parser.add_argument("--topic")
    parser.add_argument("--partitions", type=int, default=-1)
    parser.add_argument("--replication-factor", type=int, default=-1)
    parser.add_argument("--config", action="append", default=[])
    options = parser.parse_args(arguments)
    admin = AdminClient({"bootstrap.servers": options.bootstrap_server, "log_level": 0})
    if options.list:
        print(*sorted(admin.list_topics(timeout=_TIMEOUT).topics), sep="\n")  # noqa: T201 -- a command's output
    elif options.create:
        config = dict(entry.split("=", 1) for entry in options.config)
        new = NewTopic(options.topic, options.partitions, options.replication_factor, config=config)
        admin.create_topics([new])[options.topic].result(_TIMEOUT)
    elif options.delete:
        admin.delete_topics([options.topic])[options.topic].result(_TIMEOUT)
    else:
        found = admin.describe_topics(TopicCollection([options.topic]))[options.topic].result(_TIMEOUT)
        count, factor = len(found.partitions), len(found.partitions[0].replicas)
        print(f"Topic: {found.name}\tPartitionCount: {count}\tReplicationFactor: {factor}")  # noqa: T201


def _configs(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("kafka-configs.sh", allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--alter", action="store_true", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--add-config", required=True)
    options = parser.parse_args(arguments)
    admin = AdminClient({"bootstrap.servers": options.bootstrap_server, "log_level": 0})
    key, value = options.add_config.split("=", 1)
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, options.topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(_TIMEOUT)


def _produce(arguments: Sequence[str]) -> None:
    """One record a line: its value; with parse.headers, headers as name:value with commas between them and a tab before it."""
    parser = argparse.ArgumentParser("kafka-console-producer.sh", allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--property", choices=["parse.headers=true"])
    options = parser.parse_args(arguments)
    producer = Producer({"bootstrap.servers": options.bootstrap_server, "log_level": 0})
    for line in sys.stdin.read().splitlines():
        headers, _, value = line.partition("\t") if options.property else ("", "", line)
        pairs = [tuple(header.split(":", 1)) for header in headers.split(",") if header]
        producer.produce(options.topic, value, headers=pairs)
    if producer.flush(_TIMEOUT):
        sys.exit("not all records were written")


def _consume(arguments: Sequence[str]) -> None:
    """Prints the values of so many records, and commits that they were read."""
    parser = argparse.ArgumentParser("kafka-console-consumer.sh", allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--from-beginning", action="store_true", required=True)
    parser.add_argument("--max-messages", type=int, required=True)
    options = parser.parse_args(arguments)
    settings = {"group.id": options.group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": options.bootstrap_server, **settings})
    consumer.subscribe([options.topic])
    records = consumer.consume(options.max_messages, _TIMEOUT)
    for record in records:
        print((record.value() or b"").decode())  # noqa: T201 -- a command's output
    consumer.commit(asynchronous=False)
    consumer.close()
    if len(records) < options.max_messages:
        sys.exit(f"only {len(records)} records came")


def _groups(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("kafka-consumer-groups.sh", allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--topic")
    parser.add_argument("--reset-offsets", action="store_true")
    parser.add_argument("--to-earliest", action="store_true")
    parser.add_argument("--execute", action="store_true")
    parser.add_argument("--delete", action="store_true")
    options = parser.parse_args(arguments)
    brokers = {"bootstrap.servers": options.bootstrap_server, "log_level": 0}
    admin = AdminClient(brokers)
    if options.delete:
        admin.delete_consumer_groups([options.group])[options.group].result(_TIMEOUT)
        return
    if not (options.reset_offsets and options.to_earliest and options.execute and options.topic):
        parser.error("only --reset-offsets --to-earliest --topic TOPIC --execute, and --delete")
    consumer = Consumer({**brokers, "group.id": options.group})
    partitions = admin.list_topics(options.topic, timeout=_TIMEOUT).topics[options.topic].partitions
    starts = [(n, consumer.get_watermark_offsets(TopicPartition(options.topic, n), _TIMEOUT)[0]) for n in partitions]
    consumer.commit(offsets=[TopicPartition(options.topic, n, start) for n, start in starts], asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    tools = dict(zip(NAMES, (_topics, _configs, _produce, _consume, _groups), strict=True))
    tools[sys.argv[1]](sys.argv[2:])
