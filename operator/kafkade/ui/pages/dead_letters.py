"""Dead letters: which topics have some, and what is in the newest of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import (
    AuthorizationFailed,
    ClusterUnreachable,
    KafkadeError,
    KafkaRequestFailed,
    LedgerUnreadable,
    RegistryUnreachable,
)
from kafkade.clients.group_model import LogRange
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.kafka_records import RecordReader
from kafkade.clients.model import Committed, PartitionOffsets
from kafkade.clients.registry_schemas import RegistrySchemas, SchemaText
from kafkade.dlq.decode import Decoded, Decoder, Schemas, as_text
from kafkade.dlq.depth import Depth, depth
from kafkade.dlq.redrive.ledger import Ledger, group_of
from kafkade.dlq.shown import Ranges, Shown, ago, moment, origin_text, rounds, shown
from kafkade.ui.clusters import REQUEST_TIMEOUT, Cluster
from kafkade.ui.layout import Column, Part, Sorting, badge, notice, search, table, whole
from kafkade.ui.markup import Content, Html, counted, el, link
from kafkade.ui.pages.asking import Missing, Page, Query, kafka_of
from kafkade.ui.pages.printed import cut, in_lines
from kafkade.ui.threads import Stop, aside

_AT_ONCE = 100
"""Topics on a page."""
_MOST_TOPICS = 1000
"""Topics that are looked at for one page: the ends of all their partitions are asked for."""
_RECORDS = (10, 20, 50, 100)
_MOST_BYTES = 8 << 20
"""Of records that are read for one page."""
_MOST_TEXT = 4000
"""Characters of a key, a value or a header."""
_MOST_HEADERS = 100
"""Headers of a record that are shown."""
_MOST_NAME = 300
"""Characters of what is a name: of a header, of a topic or a group in one."""
_MOST_DECODED = 1 << 20
"""Bytes of a key or a value that is decoded: what is made of them can take fifty times as much memory."""
_OVERHEAD = 100
"""Bytes that a record or a header takes besides what is in it, and more."""
_SCHEMA_TIMEOUT = 10.0

_COLUMNS = (
    Column("Topic", sort="name"),
    Column("Waiting", numbers=True, sort="waiting"),
    Column("Oldest", sort="oldest"),
    Column("Partitions", numbers=True),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A topic, how many records wait in it and since when; or why that is not known."""

    name: str
    partitions: int
    found: Depth | KafkadeError

    @property
    def waiting(self) -> int:
        return self.found.waiting if isinstance(self.found, Depth) else -1

    @property
    def oldest(self) -> int:
        """Its time; what has none comes after all others."""
        return self.found.oldest or 1 << 62 if isinstance(self.found, Depth) else 1 << 62


_KEYS: Mapping[str, Any] = {
    "name": lambda row: row.name,
    "waiting": lambda row: row.waiting,
    "oldest": lambda row: row.oldest,
}


async def dead_letters(cluster: Cluster, query: Query) -> Page:
    """The topics of dead letters, with what waits in them: what was put back does not count."""
    kafka, path, wanted = kafka_of(cluster), cluster.page("dead-letters"), query.get("q", "").strip()
    everything = await kafka.topics()
    names = sorted(n for n in everything if cluster.is_dead_letter(n) and wanted.lower() in n.lower())
    looked = {name: everything[name] for name in names[:_MOST_TOPICS]}
    kept = {"q": wanted or None}
    sorting = Sorting.parse(path, query.get("sort"), _KEYS, "-waiting", kept)
    rows, trouble = await _depths(kafka, looked)
    rows.sort(key=_KEYS["name"])
    rows.sort(key=_KEYS[sorting.by], reverse=sorting.descending)
    part = Part.parse(query.get("page"), len(rows), _AT_ONCE)
    now = round(time.time() * 1000)
    return Page(
        "Dead letters",
        (
            search(path, "Name contains", wanted, {"sort": sorting.text}),
            notice(trouble) if trouble else None,
            notice(f"There are {len(names):,}; the first {_MOST_TOPICS:,} by name are looked at.")
            if len(names) > len(looked)
            else None,
            table(
                "Topics of dead letters",
                _COLUMNS,
                (_cells(cluster, row, now) for row in rows[part.first : part.end]),
                sorting,
                empty="There is no topic of dead letters" + (f" whose name contains {wanted}." if wanted else "."),
            ),
            part.links(path, {**kept, "sort": sorting.text}),
        ),
    )


def _cells(cluster: Cluster, row: _Row, now: int) -> tuple[Content, ...]:
    name = link(cluster.page("peek"), row.name, {"topic": row.name})
    if isinstance(row.found, KafkadeError):
        return name, "–", row.found.message, row.partitions
    since = ago(row.found.oldest, now)
    waiting = el("strong", row.found.waiting, class_="some") if row.found.waiting else "0"
    return name, waiting, None if since is None else f"{since} ago", row.partitions


async def _depths(kafka: KafkaAdmin, topics: Mapping[str, int]) -> tuple[list[_Row], str | None]:
    """What waits in topics; and what of that is not known, and why."""
    ends, unknown = await _offsets(kafka, topics)
    offsets: dict[str, dict[tuple[str, int], PartitionOffsets]] = {name: {} for name in topics}
    for key, found in ends.items():
        offsets[key[0]][key] = found
    groups, trouble = await _committed(kafka, [group_of(name) for name in topics])
    rows = []
    for name, partitions in topics.items():
        try:
            rows.append(_Row(name, partitions, depth(name, offsets[name], groups.get(group_of(name), {}))))
        except LedgerUnreadable as error:
            rows.append(_Row(name, partitions, error))
    return rows, ". ".join(filter(None, (unknown, trouble))) or None


async def _offsets(
    kafka: KafkaAdmin, topics: Mapping[str, int]
) -> tuple[Mapping[tuple[str, int], PartitionOffsets], str | None]:
    """Where partitions begin and end, with the times of first records unless a partition has no leader to ask."""
    try:
        return await kafka.offsets({name: range(partitions) for name, partitions in topics.items()}), None
    except (ClusterUnreachable, KafkaRequestFailed):
        # as it is answered where one partition has no leader; whoever is really away does not answer this either
        ranges = await kafka.log_ranges([(name, n) for name, partitions in topics.items() for n in range(partitions)])
        found, unknown = _known(ranges)
        return {key: PartitionOffsets(log.start, log.end) for key, log in found.items()}, unknown


def _known(
    ranges: Mapping[tuple[str, int], LogRange | KafkadeError],
) -> tuple[dict[tuple[str, int], LogRange], str | None]:
    """The partitions whose offsets are known, and what is to be said of the others."""
    errors = [answer for answer in ranges.values() if isinstance(answer, KafkadeError)]
    known = {key: answer for key, answer in ranges.items() if isinstance(answer, LogRange)}
    return known, f"Left out, {counted(len(errors), 'partition')}: {errors[0].message}" if errors else None


async def _committed(
    kafka: KafkaAdmin, groups: Sequence[str]
) -> tuple[Mapping[str, Mapping[tuple[str, int], Committed]], str | None]:
    try:
        return await kafka.committed(groups), None
    except (AuthorizationFailed, KafkaRequestFailed) as error:
        return {}, f"Records that were put back are counted as well: {error.message}"


async def peek(cluster: Cluster, query: Query) -> Page:
    """The newest records of one topic of dead letters, made readable.

    Raises:
        Missing: it is none. Only dead letters are shown, whatever else the principal may read.
    """
    kafka, topic = kafka_of(cluster), query.get("topic", "")
    if not cluster.is_dead_letter(topic):
        raise Missing(f"{topic or 'that'} is no topic of dead letters, and of no other topic are records shown")
    partitions = (await kafka.topics()).get(topic)
    if partitions is None:
        raise Missing(f"topic {topic} does not exist, or may not be described")
    limit = whole(query.get("limit"), _RECORDS[1])
    limit = limit if limit in _RECORDS else _RECORDS[1]
    one = whole(query.get("partition"), -1)
    chosen = [one] if 0 <= one < partitions else range(partitions)
    logs, unknown = _known(await kafka.log_ranges([(topic, number) for number in chosen]))
    groups, trouble = await _committed(kafka, [group_of(topic)])
    ledgers = {key[1]: found for key, found in groups.get(group_of(topic), {}).items() if key[0] == topic}
    ranges = {number: (log.start, log.end) for (_, number), log in logs.items()}
    schemas = None if cluster.registry is None else cluster.registry.schemas
    loop = asyncio.get_running_loop()

    def read(stop: Stop) -> Seen:
        asking = None if schemas is None else _asking(schemas, loop, stop)
        reader = RecordReader(kafka.security, timeout=REQUEST_TIMEOUT)
        return newest(reader, topic, ranges, limit, asking, _ledgers(ledgers), stop)

    seen = await aside(read)
    return Page(
        topic,
        (
            _choice(cluster, topic, partitions, one, limit),
            notice(unknown) if unknown else None,
            notice(trouble) if trouble else None,
            notice(f"Keys and values are not decoded: {seen.trouble}") if seen.trouble else None,
            notice(f"These are fewer: {_MOST_BYTES >> 20} MiB of records were read.") if seen.cut else None,
            seen.records or el("p", "There are no records, or none that are committed.", class_="empty"),
        ),
        link(cluster.page("dead-letters"), "Dead letters"),
    )


def _choice(cluster: Cluster, topic: str, partitions: int, one: int, limit: int) -> Html:
    numbers = (el("option", number, value=number, selected=number == limit) for number in _RECORDS)
    places = (el("option", number, value=number, selected=number == one) for number in range(min(partitions, 1000)))
    return el(
        "form",
        el("input", type="hidden", name="topic", value=topic),
        (el("label", "The newest", for_="limit"), el("select", numbers, name="limit", id="limit")),
        (
            el("label", "of partition", for_="partition"),
            el("select", el("option", "all", value=""), places, name="partition", id="partition"),
        ),
        el("button", "Show", type="submit"),
        method="get",
        action=cluster.page("peek"),
        class_="search",
    )


# reading


@dataclass(frozen=True, slots=True)
class Seen:
    """Records as they are shown, the newest first. ``cut``: they were too large to read as many as were asked for."""

    records: Sequence[Html]
    cut: bool
    trouble: str | None


def _ledgers(committed: Mapping[int, Committed]) -> dict[int, Ledger]:
    return {number: Ledger.read(found.offset, found.metadata) for number, found in committed.items()}


def _asking(schemas: RegistrySchemas, loop: asyncio.AbstractEventLoop, stop: Stop) -> Schemas:
    """Asks the registry from another thread than the event loop's."""

    def ask(schema_id: int) -> SchemaText:
        stop.check()
        asked = asyncio.run_coroutine_threadsafe(schemas.by_id(schema_id), loop)
        try:
            return asked.result(_SCHEMA_TIMEOUT)
        except TimeoutError as error:
            asked.cancel()
            raise RegistryUnreachable(f"schema {schema_id} did not come within {_SCHEMA_TIMEOUT:.0f} s") from error

    return ask


def newest(
    reader: RecordReader,
    topic: str,
    ranges: Ranges,
    limit: int,
    schemas: Schemas | None,
    ledgers: Mapping[int, Ledger],
    stop: Stop,
) -> Seen:
    """Read the newest records, and write down how they are shown; blocks. No two of them are decoded at a time."""
    decoder = Decoder(schemas, most=_MOST_DECODED)
    found: list[Record] = []
    size = 0
    # of many partitions few records each: more are read only where these are not enough
    width = limit if len(ranges) < 8 else max(1, 4 * limit // len(ranges))
    for part in rounds(ranges, width, from_end=True):
        read: list[Record] = []
        for record in reader.read(topic, part):
            stop.check()
            read.append(record)
            size += size_of(record)
            if size > _MOST_BYTES:
                break
        found += sorted(read, key=lambda r: (r.timestamp, r.partition, r.offset), reverse=True)
        if len(found) >= limit or size > _MOST_BYTES:
            break
    records = []
    for record in found[:limit]:
        stop.check()
        records.append(in_full(shown(record, decoder, ledgers)))
    trouble = None if decoder.trouble is None else decoder.trouble.message
    return Seen(records, size > _MOST_BYTES and len(found) < limit, trouble)


def size_of(record: Record) -> int:
    """Bytes of memory that a record takes, roughly."""
    own = _OVERHEAD + len(record.key or b"") + len(record.value or b"")
    return own + sum(_OVERHEAD + len(name) + len(value or b"") for name, value in record.headers)


# showing


def in_full(item: Shown) -> Html:
    """A record with all that there is room for."""
    record, letter = item.record, item.letter
    title = (
        f"Partition {record.partition}, offset {record.offset}",
        el("span", moment(record.timestamp) or "no time", class_="quiet"),
        badge(letter.dialect.value, "own") if letter else badge("no headers of a dead letter"),
        badge(f"{letter.attempts} attempts") if letter and letter.attempts is not None else None,
        badge("put back", "good") if item.put_back else None,
    )
    return el(
        "article",
        el("h3", title),
        el("p", _why(item), class_="why") if letter else None,
        _origin(item),
        el("dl", _part("Key", item.key), _value(item), class_="parts"),
        _headers(record),
        class_="record",
    )


def _why(item: Shown) -> Content:
    letter = item.letter
    if letter is None:
        return None
    told = ": ".join(part for part in (letter.error_class, letter.error_message) if part)
    return cut(told, _MOST_TEXT) or "The headers do not say why."


def _origin(item: Shown) -> Html | None:
    place = origin_text(item.letter)
    if item.letter is None or place is None:
        return None
    group = f", read by {cut(item.letter.origin.group, _MOST_NAME)}" if item.letter.origin.group else ""
    stage = f", in {cut(item.letter.stage, _MOST_NAME)}" if item.letter.stage else ""
    return el("p", "From ", el("code", cut(place, _MOST_NAME)), group, stage, class_="origin")


def _value(item: Shown) -> Content:
    if item.letter is not None and item.letter.pointer:
        return el("dt", "Value"), el("dd", "Not copied: it is still in its source topic.", class_="quiet")
    return _part("Value", item.value)


def _part(name: str, decoded: Decoded) -> Content:
    of = f" of schema {decoded.schema_id}" if decoded.schema_id is not None else ""
    note = f" · {cut(decoded.note, _MOST_NAME)}" if decoded.note else ""
    if decoded.format == "null":
        return el("dt", name), el("dd", "null", class_="quiet")
    return el("dt", name, f" · {decoded.format}{of}{note}"), el("dd", el("pre", readable(decoded)))


def readable(decoded: Decoded) -> str:
    """A key or a value in lines, as far as there is room for it."""
    if isinstance(decoded.value, str):
        return cut(decoded.value, _MOST_TEXT)
    return in_lines(decoded.value, _MOST_TEXT)


def _headers(record: Record) -> Html | None:
    if not record.headers:
        return None
    rows = (
        (el("code", cut(name, _MOST_NAME)), el("pre", _header(value))) for name, value in record.headers[:_MOST_HEADERS]
    )
    first = f", the first {_MOST_HEADERS}" if len(record.headers) > _MOST_HEADERS else ""
    return el(
        "details",
        el("summary", counted(len(record.headers), "header"), first),
        table(f"Headers of {record.partition}/{record.offset}", (Column("Header"), Column("Value")), rows),
    )


def _header(value: bytes | None) -> Content:
    if value is None:
        return el("span", "null", class_="quiet")
    text = as_text(value)
    return cut(value.hex() if text is None else text, _MOST_TEXT)
