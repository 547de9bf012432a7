"""``make demo``, run as CI runs it: without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.places import DEPLOY

pytestmark = pytest.mark.timeout(600)

DEMO = DEPLOY / "demo" / "demo.py"

LINES = (
    "6 topics and 7 schemas Ready after",
    "names, partitions, replicas, settings, subjects and references are as in the files",
    "Kafka has the new retention and the new partitions",
    "retention.ms is 86400000 again and payment-events.dlq exists again",
    "partitions can only grow",
    "did you mean retention.ms?",
    "field country was added without a default",
    "the cluster's naming policy wants",
    "the service processed 30 records and gave up on 12",
    "Alert=True",
    "10 records came back to return-events, each exactly once",
    "2 records wait in return-events.dlq, and the alert is over",
    "the registry has no subject, and Kafka no topic but one",
    "All scenes came out as told",
)
"""What must have been told, in this order."""


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The demo as a process of its own."""
    return subprocess.run(
        [sys.executable, str(DEMO), *options],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )


@pytest.fixture(scope="module")
def told() -> subprocess.CompletedProcess[str]:
    """One run; --pause must not hang where nobody can press Enter."""
    return run("--pause", NO_COLOR="1")


def test_the_demo_comes_out_as_told(told: subprocess.CompletedProcess[str]) -> None:
    assert told.returncode == 0, told.stdout + told.stderr
    text = " ".join(told.stdout.split())
    position = 0
    for line in LINES:
        found = text.find(" ".join(line.split()), position)
        assert found >= 0, f"not told, or not after what was before: {line!r}\n{told.stdout}"
        position = found


def test_the_demo_respects_no_color(told: subprocess.CompletedProcess[str]) -> None:
    assert "\x1b[" not in told.stdout


def test_the_demo_says_clearly_why_it_cannot_start() -> None:
    done = run(KAFKADE_CONTROL_PLANE="neither")
    assert done.returncode == 1
    assert "The stack did not start" in done.stdout
    assert "KAFKADE_CONTROL_PLANE" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
