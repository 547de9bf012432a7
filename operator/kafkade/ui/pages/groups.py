"""Groups: all of them with how far they are behind, and one with its members and partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import Group, GroupKind, GroupListing, LogRange, Member, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.groups.lag import GroupLag, PartitionLag, records
from kafkade.groups.observe import lags
from kafkade.groups.series import OWN_GROUPS
from kafkade.ui.clusters import Cluster
from kafkade.ui.layout import Column, Part, Sorting, badge, facts, notice, search, section, table
from kafkade.ui.markup import Content, Html, counted, duration, el, link, number
from kafkade.ui.pages.asking import Missing, Page, Query, kafka_of
from kafkade.ui.paths import group_link, topic_path

_AT_ONCE = 50
"""Groups on a page."""
MOST_GROUPS = 500
"""Groups that are looked at for one page: the ends of all partitions that they read are asked for."""
_PARTITIONS_AT_ONCE = 500
_MEMBERS_AT_ONCE = 200

_WITH_OFFSETS = frozenset({GroupKind.CLASSIC, GroupKind.CONSUMER, GroupKind.STREAMS})
"""Kinds that commit an offset for each partition; share groups do not."""

_MOODS = {"stable": "good", "empty": "neutral", "dead": "bad"}


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a group is behind, in records; None where that is not known. ``trouble``: what is not known, and why."""

    topics: frozenset[str] = frozenset()
    records: int | None = None
    trouble: str | None = None


async def behind(kafka: KafkaAdmin, groups: Collection[str], topic: str | None = None) -> Mapping[str, Behind]:
    """How far groups are behind at all that they read, or at one topic; those that do not read it are left out.

    Two or three requests to each broker, and no record is read.
    """
    offsets = await kafka.group_offsets(groups)
    committed = {
        group: {key: found.offset for key, found in answer.items() if topic in (None, key[0])}
        for group, answer in offsets.items()
        if not isinstance(answer, KafkadeError)
    }
    ranges = await kafka.log_ranges({key for found in committed.values() for key in found})
    result = {}
    for group, answer in offsets.items():
        if isinstance(answer, KafkadeError):
            if topic is None:
                result[group] = Behind(trouble=answer.message)
            continue
        found = committed[group]
        unknown = sum(not isinstance(ranges.get(key), LogRange) for key in found)
        if found or topic is None:
            told = f"without {counted(unknown, 'partition')} whose leader does not answer" if unknown else None
            result[group] = Behind(frozenset(key[0] for key in found), _sum(found, ranges), told)
    return result


def _sum(offsets: Mapping[TopicPartition, int], ranges: Mapping[TopicPartition, LogRange | KafkadeError]) -> int | None:
    """Records at all partitions whose log is known; None where none is."""
    known = [records(offset, log) for key, offset in offsets.items() if isinstance(log := ranges.get(key), LogRange)]
    return sum(found or 0 for found in known) if known else None


@dataclass(frozen=True, slots=True)
class _Row:
    """A group in the list."""

    listed: GroupListing
    behind: Behind


_KEYS: Mapping[str, Callable[[_Row], Any]] = {
    "name": lambda row: row.listed.name,
    "state": lambda row: row.listed.state.lower(),
    "behind": lambda row: -1 if row.behind.records is None else row.behind.records,
}


async def groups(cluster: Cluster, query: Query) -> Page:
    """All groups, fifty at a time. Those that keep what a redrive has put back are left out unless they are asked for."""
    kafka, path, wanted = kafka_of(cluster), cluster.page("groups"), query.get("q", "").strip()
    own = query.get("own") == "1"
    listed = await kafka.list_groups()
    names = sorted(n for n in listed if wanted.lower() in n.lower() and (own or not n.startswith(OWN_GROUPS)))
    looked = names[:MOST_GROUPS]
    far = await behind(kafka, [name for name in looked if listed[name].kind in _WITH_OFFSETS])
    kept = {"q": wanted or None, "own": 1 if own else None}
    sorting = Sorting.parse(path, query.get("sort"), _KEYS, "-behind", kept)
    rows = [_Row(listed[name], far.get(name, Behind())) for name in looked]
    rows.sort(key=_KEYS[sorting.by], reverse=sorting.descending)
    part = Part.parse(query.get("page"), len(rows), _AT_ONCE)
    shown = rows[part.first : part.end]
    described = await kafka.describe_groups({row.listed.name: row.listed.kind for row in shown})
    check = (
        el("input", type="checkbox", name="own", value="1", id="own", checked=own),
        el("label", "kafkade's own groups too", for_="own"),
    )
    return Page(
        "Groups",
        (
            search(path, "Name contains", wanted, {"sort": sorting.text}, el("span", check, class_="check")),
            notice(f"There are {len(names):,}; the first {MOST_GROUPS} by name are looked at.")
            if len(names) > len(looked)
            else None,
            table(
                "Groups",
                (
                    Column("Group", sort="name"),
                    Column("Kind"),
                    Column("State", sort="state"),
                    Column("Members", numbers=True),
                    Column("Records behind", numbers=True, sort="behind"),
                    Column("Reads"),
                ),
                (_cells(cluster, row, described.get(row.listed.name)) for row in shown),
                sorting,
                empty=f"No group's name contains {wanted}." if wanted else "There are no groups yet.",
            ),
            part.links(path, {**kept, "sort": sorting.text}),
        ),
    )


def _cells(cluster: Cluster, row: _Row, found: Group | KafkadeError | None) -> tuple[Content, ...]:
    members = found.members if isinstance(found, Group) else None
    return (
        group_link(cluster, row.listed.name),
        row.listed.kind.value,
        state(row.listed.state),
        number(None if members is None else len(members)),
        far_behind(row.behind.records),
        (_some(sorted(row.behind.topics)), row.behind.trouble and el("div", row.behind.trouble, class_="quiet")),
    )


def state(text: str) -> Html:
    """A group's state, in the broker's word."""
    return badge(text or "unknown", _MOODS.get(text.lower(), "warn"))


def far_behind(count: int | None) -> Content:
    """Records that a group is behind."""
    return el("strong", number(count), class_="some") if count else number(count)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


async def group(cluster: Cluster, query: Query) -> Page:
    """One group: who is in it, how far it is at each partition, and for how long the next record has waited."""
    kafka, name = kafka_of(cluster), query.get("group", "")
    listed = (await kafka.list_groups()).get(name)
    if listed is None:
        raise Missing(f"there is no group {name}, or it may not be described")
    described = (await kafka.describe_groups({name: listed.kind})).get(name)
    if isinstance(described, KafkadeError):
        raise described
    members = (None if described is None else described.members) or ()
    far, trouble = GroupLag(name, ()), None
    if listed.kind in _WITH_OFFSETS:
        seen = await lags(kafka, [name], also={name: {key for member in members for key in member.assigned}})
        far = seen.groups.get(name, far)
        trouble = seen.errors[name].message if name in seen.errors else None
        if seen.logs:
            trouble = f"{counted(len(seen.logs), 'partition')}, {next(iter(seen.logs.values())).message}"
    lost = sum(partition.lost for partition in far.partitions)
    return Page(
        name,
        (
            notice(f"Offsets are not known: {trouble}") if trouble else None,
            notice(f"{number(lost)} records were deleted before this group had read them.", "bad") if lost else None,
            facts(
                ("State", state(listed.state)),
                ("Kind", listed.kind.value),
                ("Assignor", (described.assignor if described else "") or None),
                ("Members", "not known" if described is None or described.members is None else len(members)),
                ("Records behind", far_behind(far.records) if far.partitions else None),
                ("Longest wait", None if far.seconds is None else duration(far.seconds)),
            ),
            section("Partitions", *_partitions(cluster, name, far, members, query)),
            section("Members", _members(members)) if members else None,
        ),
        link(cluster.page("groups"), "Groups"),
    )


def _partitions(
    cluster: Cluster, name: str, far: GroupLag, members: Iterable[Member], query: Query
) -> Iterable[Content]:
    owner = {key: member for member in members for key in member.assigned}
    part = Part.parse(query.get("page"), len(far.partitions), _PARTITIONS_AT_ONCE)
    columns = (
        Column("Topic"),
        Column("Partition", numbers=True),
        Column("Committed", numbers=True),
        Column("End", numbers=True),
        Column("Behind", numbers=True),
        Column("Waits for", numbers=True),
        Column("Read by"),
    )
    rows = (_partition(cluster, p, owner.get(p.key)) for p in far.partitions[part.first : part.end])
    yield table("Partitions", columns, rows, empty="It has committed no offset for any partition.")
    yield part.links(cluster.page("group"), {"group": name})


def _partition(cluster: Cluster, found: PartitionLag, member: Member | None) -> tuple[Content, ...]:
    return (
        link(topic_path(cluster, found.topic), found.topic),
        str(found.partition),
        "–" if found.committed is None else str(found.committed),
        "–" if found.log is None else str(found.log.end),
        far_behind(found.records),
        "–" if found.seconds is None else duration(found.seconds),
        None if member is None else (member.client_id, " ", el("span", member.host, class_="quiet")),
    )


def _members(members: Collection[Member]) -> Content:
    shown = sorted(members, key=lambda m: (m.client_id, m.id))[:_MEMBERS_AT_ONCE]
    columns = (Column("Client"), Column("Host"), Column("Instance"), Column("Partitions", numbers=True), Column("Id"))
    rows = ((m.client_id, m.host, m.instance_id, len(m.assigned), el("code", m.id)) for m in shown)
    more = len(members) - len(shown)
    return table("Members", columns, rows), notice(f"{more:,} more are not shown.") if more else None


async def readers(kafka: KafkaAdmin, topic: str) -> tuple[Mapping[str, Behind], str | None]:
    """The groups that have committed offsets for a topic; or why that is not known."""
    try:
        async with asyncio.timeout(8):
            listed = await kafka.list_groups()
            names = [n for n, found in listed.items() if found.kind in _WITH_OFFSETS and not n.startswith(OWN_GROUPS)]
            if len(names) > MOST_GROUPS:
                return {}, f"there are {len(names):,} groups, and more than {MOST_GROUPS} are not looked through"
            return await behind(kafka, names, topic), None
    except KafkadeError as error:
        return {}, error.message
    except TimeoutError:
        return {}, "their coordinators did not answer in time"
