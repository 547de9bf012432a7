"""What goes to stdout and stderr: nothing that a terminal obeys, everything that a program reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer
import yaml
from rich.table import Table

from kafkade.api.errors import ClusterUnreachable, InvalidSpec, KafkadeError
from kafkade.cli.options import Output
from kafkade.cli.output import add_row, errors_reported, new_table, print_data, printable
from kafkade.cli.words import cli_words
from kafkade.clients.kafka_config import SaslPassword, Security, TlsFiles
from kafkade.clients.kafka_way import _CAUSES, CLOSED_BY_PEER, Cause, way_error
from kafkade.dlq.shown import Ranges, ago, moment, rounds

NASTY = "a\x1b[31m\x07\u202e\x9b2J\nü\U0001f600"
DATA = [{"text": NASTY, "markup": "[bold]x[/bold]", "number": 7, "none": None}]


def _table() -> Table:
    table = new_table("TEXT", "MARKUP", "NUMBER", right=("NUMBER",))
    add_row(table, NASTY, "[bold]x[/bold]", 7)
    return table


@pytest.mark.parametrize("output", list(Output))
def test_nothing_that_a_terminal_obeys_is_printed(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    print_data(DATA, output, _table)
    text = capsys.readouterr().out
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(("output", "load"), [(Output.JSON, json.loads), (Output.YAML, yaml.safe_load)])
def test_programs_read_what_was_given(output: Output, load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_data(DATA, output, _table)
    assert load(capsys.readouterr().out) == DATA


def test_json_keeps_letters_readable_and_takes_half_a_character(capsys: pytest.CaptureFixture[str]) -> None:
    print_data({"a": "ü\ud800"}, Output.JSON, _table)
    assert capsys.readouterr().out == '{\n  "a": "ü\\ud800"\n}\n'


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("für", None, "für"),
        ("a\nb", None, "a\\nb"),
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("\x1b[0m", None, "\\x1b[0m"),
    ],
)
def test_printable(text: str, limit: int | None, expected: str) -> None:
    assert printable(text, limit) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ClusterUnreachable("a host name of x:1 does not resolve: check spec.bootstrapServers and DNS"),
            "error: a host name of x:1 does not resolve: check --bootstrap-server and DNS\nhint: --bootstrap-server HOST",
        ),
        (InvalidSpec("the file\nis \x1b bad"), "error: the file\\nis \\x1b bad\n"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(
    error: KafkadeError, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as raised, errors_reported():
        raise error
    assert raised.value.exit_code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(expected)


SECURITY = Security("a:1", TlsFiles(), SaslPassword("PLAIN", "alice", "x"))
WAYS = [
    *(way_error(Cause(-195, fragment), SECURITY, 15) for fragment, _, _ in _CAUSES),
    *(way_error(Cause(code, "x"), SECURITY, 15) for code in (-169, -181, -193, -195, 58)),
    *(
        way_error(Cause(-195, f"{CLOSED_BY_PEER} in state {state}"), Security("a:1"), 15)
        for state in ("APIVERSION_QUERY", "UP")
    ),
]


@pytest.mark.parametrize("error", WAYS, ids=lambda error: error.message[:60])
def test_no_error_of_a_connection_speaks_of_a_spec(error: KafkadeError) -> None:
    words = cli_words(error.message)
    assert [part for part in ("spec.", "Secret", "tls.ca") if part in words] == []


@pytest.mark.parametrize(
    ("ranges", "from_end", "expected"),
    [
        ({0: (0, 3)}, False, [{0: (0, 2)}, {0: (2, 3)}]),
        ({0: (0, 3)}, True, [{0: (1, 3)}, {0: (0, 1)}]),
        ({0: (5, 30), 1: (0, 1), 2: (4, 4)}, False, [{0: (5, 7), 1: (0, 1)}, {0: (7, 15)}, {0: (15, 30)}]),
        ({0: (5, 30)}, True, [{0: (28, 30)}, {0: (20, 28)}, {0: (5, 20)}]),
        ({}, False, []),
    ],
)
def test_rounds_cover_each_offset_once(ranges: Ranges, from_end: bool, expected: list[Ranges]) -> None:
    assert list(rounds(ranges, 2, from_end=from_end)) == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, None),
        (None, None),
        (2**62, None),
    ],
)
def test_moments(timestamp: int | None, expected: str | None) -> None:
    assert moment(timestamp) == expected


@pytest.mark.parametrize(
    ("passed", "expected"),
    [(0, "0s"), (59_999, "59s"), (60_000, "1m"), (7_200_000, "2h"), (4 * 86_400_000, "4d"), (-5000, "0s")],
)
def test_ages(passed: int, expected: str) -> None:
    assert ago(10**12 - passed, 10**12) == expected
