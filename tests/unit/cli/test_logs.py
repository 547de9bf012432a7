"""The operator's log as JSON: one object a line, whatever happens, and as text for people."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from kafkade.api.objects import Key
from kafkade.cli.logs import JsonLine

ORDERS = Key("KafkaTopic", "shop", "orders")


def line(message: str, *args: object, **fields: Any) -> dict[str, Any]:
    """What becomes of a record."""
    thrown = fields.pop("exc_info", None)
    record = logging.LogRecord("kafkade.x", logging.WARNING, __file__, 1, message, args, thrown)
    vars(record).update(fields)
    text = JsonLine().format(record)
    assert text.isascii()
    assert text.isprintable()
    read: dict[str, Any] = json.loads(text)
    return read


def test_a_line_says_when_how_grave_and_of_which_resource() -> None:
    told = line("%s: Ready=%s", ORDERS, "False", fields={"reason": "TopicConflict", "message": "not over the message"})
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told == {
        "level": "WARNING",
        "logger": "kafkade.x",
        "message": "KafkaTopic shop/orders: Ready=False",
        "resource": {"kind": "KafkaTopic", "namespace": "shop", "name": "orders"},
        "reason": "TopicConflict",
    }


def test_what_kopf_says_a_line_is_of_and_what_else_it_carries() -> None:
    reference = {"apiVersion": "kafkade.io/v1alpha1", **ORDERS._asdict(), "uid": "1"}
    told = line("watch ended", k8s_ref=reference, settings=object())
    assert told["resource"] == ORDERS._asdict()
    assert "settings" not in told


@pytest.mark.parametrize("message", ["two\nlines", 'a "quote"', "\x1b[31mred\x00", "ünï\u2028x", "\ud800"])
def test_nothing_in_a_message_breaks_the_line(message: str) -> None:
    assert line("%s", message)["message"] == message
    assert line("%s", "x", fields={"value": object()})["value"].startswith("<object")


def test_an_exception_comes_with_its_cause() -> None:
    try:
        try:
            {}["inner"]
        except KeyError as error:
            raise ValueError("outer\ntwo lines") from error
    except ValueError:
        told = line("failed", exc_info=sys.exc_info())
    assert told["error"]["type"] == "ValueError"
    assert told["error"]["message"] == "outer\ntwo lines"
    assert "KeyError: 'inner'" in told["error"]["traceback"]


SCRIPT = """
import asyncio, logging, sys, threading, traceback, warnings
from kafkade.cli.logs import Level, LogFormat, set_up

set_up(Level.INFO, LogFormat.JSON)
logging.getLogger("kafkade.x").debug("not told")
logging.getLogger("kopf").info("not told either")
logging.getLogger("kopf.objects").warning("of Kopf")
warnings.warn("old", DeprecationWarning)
warnings.warn("a warning", RuntimeWarning)
print("a stray", file=sys.stderr)
sys.stderr.write("in ")
sys.stderr.write("parts\\n")
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
    logging.getLogger("kafkade.x").exception("two\\nlines")

class Bad:
    def __del__(self):
        raise RuntimeError("in del")

Bad()
thread = threading.Thread(target=lambda: 1 / 0, name="t1")
thread.start()
thread.join()

async def task():
    raise RuntimeError("nobody awaits it")

async def main():
    asyncio.create_task(task())
    await asyncio.sleep(0.01)

asyncio.run(main())
raise ValueError("the end")
"""


def test_each_line_of_a_process_is_an_object() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    told = [json.loads(text) for text in done.stderr.splitlines()]
    assert done.returncode == 1
    assert done.stdout == ""
    assert all(list(each)[:4] == ["time", "level", "logger", "message"] for each in told)
    messages = {each["message"] for each in told}
    assert {
        "of Kopf",
        "a stray",
        "in parts",
        "two\nlines",
        "thread t1 ended by an error",
        "ended by an error",
    } <= messages
    assert not [message for message in messages if "not told" in message]
    assert [each for each in told if each["logger"] == "py.warnings" and "a warning" in each["message"]]
    errors = {each["error"]["message"] for each in told if "error" in each}
    assert {"division by zero", "in del", "nobody awaits it", "the end"} <= errors


BROKEN = """
import logging, os, sys
from kafkade.cli.logs import Level, LogFormat, set_up

set_up(Level.INFO, LogFormat.JSON)
os.close(2)
logging.getLogger("kafkade").warning("nobody hears it")
logging.getLogger("kafkade").warning("%d", "not a number")
print("a stray", file=sys.stderr)
print("lives")
"""


def test_a_log_that_cannot_be_written_harms_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "lives\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "give --namespace"),
        (("-A", "--lease", "no slash"), "--lease"),
        (("-A", "--metrics", "nowhere"), "--metrics 'nowhere' is not a host and a port"),
        (("-A", "--allowed-network", "10.0.0.1/8"), "--allowed-network: 10.0.0.1/8 has host bits set"),
    ],
)
def test_a_refusal_to_run_is_told_in_the_same_form(args: tuple[str, ...], message: str) -> None:
    command = [sys.executable, "-m", "kafkade.cli.main", "run", *args]
    done = subprocess.run([*command, "--log-format", "json"], capture_output=True, text=True, timeout=60)
    (told,) = (json.loads(text) for text in done.stderr.splitlines())
    assert (done.returncode, told["level"]) == (2, "CRITICAL")
    assert message in told["message"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in " ".join(done.stderr.split())


def test_a_level_that_there_is_not_is_refused() -> None:
    command = [sys.executable, "-m", "kafkade.cli.main", "run", "-A", "--log-level", "loud"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "'loud' is not one of" in " ".join(done.stderr.split())
