"""What brokers, registries and names say begins no line of the log, moves no cursor, and shows as what it is."""

from __future__ import annotations

import io
import json
import logging

import pytest

from kafkade.api.conditions import Outcome, next_status
from kafkade.api.errors import RegistryRequestFailed
from kafkade.api.text import one_line, visible
from kafkade.cli.logs import Level, LogFormat, set_up

FORGED = "no such subject\n2026-11-26 10:00:00,000 INFO    kafkade: all is well\r\x1b[2K\x1b[31mred\x1b[0m\x07\u202egnp.exe\x85\u2028"
"""A line break and a line of the log, escapes that clear a line, a bell, and a change of the text's direction."""


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_message_is_one_line_without_escapes(form: LogFormat) -> None:
    out = io.StringIO()
    set_up(Level.INFO, form, out)
    logging.getLogger("kafkade.reports").warning("%s: Ready=%s: %s", "KafkaTopic shop/orders", "False", FORGED)
    text = out.getvalue()
    assert text.endswith("\n")
    (line,) = text[:-1].split("\n")
    assert line.isprintable()
    assert "no such subject" in line
    if form is LogFormat.JSON:
        assert json.loads(line)["message"].endswith(FORGED), "as data it is whole"
    else:
        assert r"\n2026-11-26" in line


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_traceback_forges_no_line(form: LogFormat) -> None:
    out = io.StringIO()
    set_up(Level.INFO, form, out)
    try:
        raise RegistryRequestFailed(FORGED)  # noqa: TRY301 -- to be caught at once
    except RegistryRequestFailed:
        logging.getLogger("kafkade").exception("failed")
    first, *rest = out.getvalue().rstrip("\n").split("\n")
    assert first.isprintable()
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert "RegistryRequestFailed" in out.getvalue()


def test_a_condition_has_nothing_that_a_terminal_obeys() -> None:
    status = next_status({}, 1, Outcome.failed(RegistryRequestFailed(FORGED)), "2026-11-26T10:00:00Z")
    for condition in status["conditions"]:
        assert condition["message"].replace("\n", "").isprintable()
        assert r"\x1b[2K" in condition["message"]


def test_text() -> None:
    assert visible("plain é €") == one_line("plain é €") == "plain é €"
    assert visible("a\nb\tc") == "a\nb\tc"
    assert one_line("a\nb\tc") == r"a\nb\tc"
    assert visible("\ud800\x00") == r"\ud800\x00"
