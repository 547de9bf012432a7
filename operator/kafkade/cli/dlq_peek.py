"""What ``kafkade dlq peek`` does: read records, make them readable, show those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import typer
from rich.table import Table

from kafkade.api.errors import UnknownTopic
from kafkade.api.patterns import Pattern, pattern
from kafkade.cli.options import Output
from kafkade.cli.output import add_row, errors_reported, new_table, print_data, printable, warn, with_progress
from kafkade.cli.session import Session
from kafkade.clients.kafka_mover_model import Record
from kafkade.dlq.dialects import READERS
from kafkade.dlq.shown import (
    Ranges,
    Shown,
    as_data,
    content_text,
    error_text,
    header_text,
    moment,
    origin_text,
    rounds,
    shown,
)

_KNOWN_HEADERS = frozenset(name for names, _ in READERS for name in names)
_VALUE_WIDTH, _ERROR_WIDTH = 80, 80
"""Characters of a cell of the table; json and yaml have all of it."""


def expression(option: str, text: str | None) -> Pattern | None:
    """The regular expression that was given as ``option``.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return None if text is None else pattern(text)
    except ValueError as error:
        raise typer.BadParameter(f"not a regular expression: {error}", param_hint=option) from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records to show: by their error, by their decoded key, and whether also those that were put back."""

    error: Pattern | None
    key: Pattern | None
    put_back: bool

    def __call__(self, item: Shown) -> bool:
        if item.put_back and not self.put_back:
            return False
        if self.key is not None and not self.key.search(item.key.text):
            return False
        if self.error is None:
            return True
        texts = (item.letter.error_class, item.letter.error_message) if item.letter else ()
        return any(self.error.search(text) for text in texts if text)


def peek_command(
    bootstrap: str,
    command_config: Path | None,
    registry: str | None,
    topic: str,
    wanted: Wanted,
    limit: int,
    from_end: bool,
    partition: int | None,
    offset: int | None,
    output: Output,
) -> None:
    """Print records of ``topic``."""
    with errors_reported(), Session(bootstrap, command_config, registry) as session:
        offsets = session.offsets([topic], session.topics())[topic]
        if partition is not None and partition not in offsets:
            raise UnknownTopic(f"topic {topic} has {len(offsets)} partitions, and no partition {partition}")
        ledgers = session.ledgers([topic])[topic]
        ranges = {
            number: (found.start if offset is None else max(offset, found.start), found.end)
            for number, found in offsets.items()
            if partition in (None, number)
        }
        records = _in_order(session, topic, ranges, limit, from_end)
        readable = (shown(record, session.decoder, ledgers) for record in with_progress(records, "records read"))
        found = list(islice(filter(wanted, readable), limit))
        if session.decoder.trouble is not None:
            warn(f"keys and values are not decoded: {session.decoder.trouble.message}")
    print_data([as_data(topic, item) for item in found], output, lambda: _table(found))


def _in_order(session: Session, topic: str, ranges: Ranges, width: int, from_end: bool) -> Iterator[Record]:
    """Records of one partition by their offsets, of several by their timestamps as far as they were read in one round."""

    def place(record: Record) -> tuple[int, int, int]:
        return (record.timestamp if len(ranges) > 1 else 0, record.partition, record.offset)

    for part in rounds(ranges, width, from_end=from_end):
        yield from sorted(session.reader.read(topic, part), key=place, reverse=from_end)


def _table(found: list[Shown]) -> Table:
    columns = ("PARTITION", "OFFSET", "TIME", "ORIGIN", "ERROR", "ATTEMPTS", "KEY", "VALUE", "HEADERS")
    table = new_table(*columns, right=("PARTITION", "OFFSET", "ATTEMPTS"))
    for item in found:
        record, letter = item.record, item.letter
        add_row(
            table,
            record.partition,
            record.offset,
            moment(record.timestamp),
            origin_text(letter),
            printable(error_text(letter) or "", _ERROR_WIDTH),
            None if letter is None else letter.attempts,
            printable(content_text(item, item.key), _VALUE_WIDTH),
            printable(content_text(item, item.value), _VALUE_WIDTH),
            printable(header_text(record.headers, _KNOWN_HEADERS), _VALUE_WIDTH),
        )
    return table
