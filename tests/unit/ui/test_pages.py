"""What pages make of what they were told."""

from __future__ import annotations

import json

import pytest

from kafkade.clients.registry_model import Registered
from kafkade.dlq.decode import Decoded
from kafkade.ui.pages.dead_letters import cut, readable
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
    ("decoded", "shown"),
    [
        (Decoded("text", "a\nb"), "a\nb"),
        (Decoded("json", {"a": ["ü"]}), '{\n  "a": [\n    "ü"\n  ]\n}'),
        (Decoded("avro", None), "null"),
        (Decoded("hex", "00ff"), "00ff"),
    ],
)
def test_values_are_readable(decoded: Decoded, shown: str) -> None:
    assert readable(decoded) == shown


def test_what_is_long_is_cut() -> None:
    assert cut("a" * 4000) == "a" * 4000
    assert cut("a" * 14_000).endswith("\n… and 10,000 characters more")
