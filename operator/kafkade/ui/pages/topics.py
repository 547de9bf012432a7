"""All topics, and one topic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import LogRange
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ConfigEntry, ConfigSource, TopicDescription
from kafkade.ui.clusters import Cluster
from kafkade.ui.layout import Column, Part, Sorting, badge, facts, notice, search, section, table
from kafkade.ui.markup import Content, Html, el, link
from kafkade.ui.pages.asking import Missing, Page, Query, kafka_of
from kafkade.ui.pages.groups import Behind, far_behind, readers
from kafkade.ui.paths import group_link, topic_path

_AT_ONCE = 100
"""Topics on a page."""
_PARTITIONS_AT_ONCE = 500
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")

_SOURCES = {
    ConfigSource.TOPIC: "topic",
    ConfigSource.BROKER: "broker, dynamic",
    ConfigSource.DEFAULT_BROKER: "all brokers, dynamic",
    ConfigSource.STATIC_BROKER: "broker's file",
    ConfigSource.DEFAULT: "default",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A topic in the list."""

    name: str
    partitions: int
    replicas: int
    behind: int
    offline: int
    internal: bool

    @classmethod
    def of(cls, found: TopicDescription) -> _Row:
        return cls(
            found.name,
            len(found.partitions),
            max((len(p.replicas) for p in found.partitions), default=0),
            sum(len(p.isr) < len(p.replicas) for p in found.partitions),
            sum(p.leader is None for p in found.partitions),
            found.internal or found.name.startswith("__"),
        )


_KEYS: Mapping[str, Callable[[_Row], Any]] = {
    "name": lambda row: row.name,
    "partitions": lambda row: row.partitions,
    "replicas": lambda row: row.replicas,
    "behind": lambda row: (row.offline, row.behind),
}


async def topics(cluster: Cluster, query: Query) -> Page:
    """The list: sorted, searched in, a hundred at a time. Settings are read of those that are shown."""
    kafka = kafka_of(cluster)
    path, wanted, internal = cluster.page("topics"), query.get("q", "").strip(), query.get("internal") == "1"
    kept = {"q": wanted or None, "internal": 1 if internal else None}
    sorting = Sorting.parse(path, query.get("sort"), _KEYS, "name", kept)
    names = await kafka.topics()
    described = await kafka.describe_topics([name for name in names if wanted.lower() in name.lower()])
    found = [_Row.of(d) for d in described.values() if isinstance(d, TopicDescription)]
    rows = [row for row in found if internal or not row.internal]
    rows.sort(key=_KEYS["name"])
    rows.sort(key=_KEYS[sorting.by], reverse=sorting.descending)
    part = Part.parse(query.get("page"), len(rows), _AT_ONCE)
    shown = rows[part.first : part.end]
    configs = await kafka.topic_configs([row.name for row in shown])
    check = (
        el("input", type="checkbox", name="internal", value="1", id="internal", checked=internal),
        el("label", "Kafka's own topics too", for_="internal"),
    )
    pager = part.links(path, {**kept, "sort": sorting.text})
    return Page(
        "Topics",
        (
            search(path, "Name contains", wanted, {"sort": sorting.text}, el("span", check, class_="check")),
            table(
                "Topics",
                (
                    Column("Topic", sort="name"),
                    Column("Partitions", numbers=True, sort="partitions"),
                    Column("Replicas", numbers=True, sort="replicas"),
                    Column("State", sort="behind"),
                    Column("Settings of its own"),
                ),
                ((*_cells(cluster, row), own_settings(configs[row.name])) for row in shown),
                sorting,
                empty=f"No topic's name contains {wanted}." if wanted else "There are no topics yet.",
            ),
            pager,
        ),
    )


def _cells(cluster: Cluster, row: _Row) -> tuple[Content, ...]:
    name = (link(topic_path(cluster, row.name), row.name), (" ", badge("internal")) if row.internal else None)
    return name, row.partitions, row.replicas, _state(row.offline, row.behind)


def _state(offline: int, behind: int) -> Html:
    if offline:
        return badge(f"{offline} without a leader", "bad")
    return badge(f"{behind} under-replicated", "warn") if behind else badge("in sync", "good")


def own_settings(answer: Mapping[str, ConfigEntry] | KafkadeError) -> Content:
    """The settings that a topic itself has."""
    if isinstance(answer, KafkadeError):
        return el("span", f"not readable: {answer.message}", class_="quiet")
    own = sorted((key, entry) for key, entry in answer.items() if entry.source is ConfigSource.TOPIC)
    return [el("code", f"{key}={_value(entry)}", class_="setting") for key, entry in own]


def _value(entry: ConfigEntry) -> str:
    return "(sensitive)" if entry.sensitive else entry.value or ""


async def topic(cluster: Cluster, query: Query) -> Page:
    """One topic: partitions with their offsets, settings and where they come from."""
    kafka, name = kafka_of(cluster), query["topic"]
    if not _NAME.fullmatch(name):
        raise Missing(f"{name} is no name that a topic can have")
    found = (await kafka.describe_topics([name]))[name]
    if isinstance(found, KafkadeError):
        raise found
    configs = (await kafka.topic_configs([name]))[name]
    offsets = await _offsets(kafka, found)
    known = {number: answer for number, answer in offsets.items() if isinstance(answer, LogRange)}
    trouble = next((answer.message for answer in offsets.values() if isinstance(answer, KafkadeError)), None)
    row = _Row.of(found)
    kept = sum(log.end - log.start for log in known.values()) if known else None
    return Page(
        name,
        (
            notice(f"Not all offsets are known: {trouble}") if trouble else None,
            facts(
                ("State", _state(row.offline, row.behind)),
                ("Partitions", row.partitions),
                ("Replicas", row.replicas),
                ("Offsets that are kept", kept),
                ("Topic id", el("code", found.topic_id)),
            ),
            _dead_letters(cluster, name),
            section("Partitions", _partitions(cluster, found, known, query)),
            section("Groups", _readers(cluster, *await readers(kafka, name))),
            section("Settings", _settings(configs)),
        ),
        link(cluster.page("topics"), "Topics"),
    )


def _dead_letters(cluster: Cluster, name: str) -> Html | None:
    if not cluster.is_dead_letter(name):
        return None
    return el("p", link(cluster.page("peek"), "Look into its dead letters", {"topic": name}))


async def _offsets(kafka: KafkaAdmin, found: TopicDescription) -> Mapping[int, LogRange | KafkadeError]:
    """Where each partition begins and ends; an error in place of one that has no leader, or whose leader does not answer."""
    answer = await kafka.log_ranges([(found.name, number) for number in range(len(found.partitions))])
    return {partition: offsets for (_, partition), offsets in answer.items()}


def _readers(cluster: Cluster, found: Mapping[str, Behind], trouble: str | None) -> Content:
    if trouble is not None:
        return notice(f"Groups are not known: {trouble}")
    rows = (
        (group_link(cluster, name), (far_behind(far.records), "+" if far.trouble else None))
        for name, far in sorted(found.items())
    )
    columns = (Column("Group"), Column("Records behind", numbers=True))
    return table("Groups that have committed offsets", columns, rows, empty="No group has committed offsets for it.")


def _partitions(cluster: Cluster, found: TopicDescription, offsets: Mapping[int, LogRange], query: Query) -> Content:
    part = Part.parse(query.get("page"), len(found.partitions), _PARTITIONS_AT_ONCE)
    columns = (
        Column("Partition"),
        Column("Leader", numbers=True),
        Column("Replicas"),
        Column("In sync"),
        Column("First offset", numbers=True),
        Column("End offset", numbers=True),
        Column("Offsets kept", numbers=True),
    )

    def rows() -> Iterable[tuple[Content, ...]]:
        for number in range(part.first, part.end):
            p, seen = found.partitions[number], offsets.get(number)
            leader: Content = badge("none", "bad") if p.leader is None else p.leader
            in_sync = _nodes(p.isr)
            lacking: Content = in_sync if len(p.isr) == len(p.replicas) else (in_sync, " ", badge("behind", "warn"))
            counts = ("–", "–", "–") if seen is None else (str(seen.start), str(seen.end), seen.end - seen.start)
            yield number, leader, _nodes(p.replicas), lacking, *counts

    return table("Partitions", columns, rows()), part.links(topic_path(cluster, found.name), {})


def _nodes(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids)) or "none"


def _settings(configs: Mapping[str, ConfigEntry] | KafkadeError) -> Html:
    if isinstance(configs, KafkadeError):
        return notice(f"Settings cannot be read: {configs.message}")
    order = sorted(configs.items(), key=lambda item: (item[1].source is ConfigSource.DEFAULT, item[0]))
    return table(
        "Settings, those first that are not the default",
        (Column("Setting"), Column("Value"), Column("From")),
        (
            (
                el("code", key),
                el("code", _value(entry), class_="value"),
                badge(_SOURCES.get(entry.source, entry.source.value), _mood(entry.source)),
            )
            for key, entry in order
        ),
    )


def _mood(source: ConfigSource) -> str:
    return "neutral" if source is ConfigSource.DEFAULT else "own" if source is ConfigSource.TOPIC else "set"
