"""What pages make of what they were told."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.registry_model import Registered
from kafkade.dlq.decode import Decoded, Decoder
from kafkade.dlq.shown import shown
from kafkade.ui.pages.dead_letters import in_full, readable, size_of
from kafkade.ui.pages.printed import cut, in_lines
from kafkade.ui.pages.schemas import changes, pretty


def test_a_schema_is_shown_in_lines_and_in_its_own_order() -> None:
    text = '{"type":"record","name":"ü","fields":[]}'
    assert pretty(Registered(1, 1, text)) == '{\n  "type": "record",\n  "name": "ü",\n  "fields": []\n}'


@pytest.mark.parametrize(
    "found",
    [Registered(1, 1, "not json"), Registered(1, 1, "[" * 100_000, "JSON"), Registered(1, 1, '{"a":1}', "PROTOBUF")],
)
def test_what_is_no_json_is_shown_as_it_is(found: Registered) -> None:
    assert pretty(found) == found.schema


def test_changes_are_a_unified_diff_without_names_of_files() -> None:
    before, after = (pretty(Registered(1, 1, json.dumps({"a": a, "b": [1, 2]}))).splitlines() for a in (1, 2))
    assert changes(before, after)[:4] == ["@@ -1,6 +1,6 @@", " {", '-  "a": 1,', '+  "a": 2,']
    assert changes(before, before) == []


@pytest.mark.parametrize(
    ("decoded", "text"),
    [
        (Decoded("text", "a\nb"), "a\nb"),
        (Decoded("json", {"a": ["ü"]}), '{\n  "a": [\n    "ü"\n  ]\n}'),
        (Decoded("avro", None), "null"),
        (Decoded("hex", "00ff"), "00ff"),
    ],
)
def test_values_are_readable(decoded: Decoded, text: str) -> None:
    assert readable(decoded) == text


def test_what_is_long_is_cut() -> None:
    assert cut("a" * 4000, 4000) == "a" * 4000
    assert cut("a" * 14_000, 4000).endswith("\n… and 10,000 characters more")
    assert readable(Decoded("text", "a" * 5000)).endswith("a\n… and 1,000 characters more")
    assert in_lines([1, 2], 100) == "[\n  1,\n  2\n]"
    assert in_lines([1, 2], 5) == "[\n  1\n… and more"


def test_no_more_is_made_of_a_value_than_is_shown() -> None:
    """In lines this would be nine hundred times as long."""
    value = json.loads("[" * 900 + "1," * 9000 + "1" + "]" * 900)
    schema = Registered(1, 1, "[" * 700 + "1," * 100_000 + "1" + "]" * 700)
    tracemalloc.start()
    try:
        text = readable(Decoded("json", value))
        assert tracemalloc.get_traced_memory()[1] < 200_000
        assert pretty(schema).endswith("\n… and more")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert len(text) < 4100
    assert text.endswith("\n… and more")


def test_of_many_headers_some_are_shown_and_all_are_counted() -> None:
    record = Record(0, 0, 0, b"k", None, [("n" * 10_000, b"")] * 1000)
    text = in_full(shown(record, Decoder(), {}))
    assert "1000 headers" in text
    assert "the first 100" in text
    assert len(text) < 100_000
    assert size_of(record) > 1000 * 10_000
    assert size_of(Record(0, 0, 0, None, None, [("", None)] * 1000)) > 50_000
