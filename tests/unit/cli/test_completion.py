"""What a shell is told when somebody presses Tab: commands, their options, and what these take."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def completed(shell: str, line: str) -> list[str]:
    """What ``kafkade`` gives the shell's script for a line whose last word is being typed."""
    words = line.split(" ")
    asked = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from kafkade.cli.main import app; app(prog_name='kafkade')"],
        env=os.environ | asked | {"_KAFKADE_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("kafkade pl", ["plan"]),
        ("kafkade diagnose ", ["consumer", "producer", "topic", "cluster"]),
        ("kafkade plan --out", ["--output"]),
        ("kafkade plan -o ", ["text", "json", "yaml", "markdown"]),
        ("kafkade dlq re", ["redrive"]),
        ("kafkade dev ", ["up", "run"]),
    ],
)
def test_bash(line: str, found: list[str]) -> None:
    assert completed("bash", line) == found


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_others_are_told_the_same_with_what_it_does(shell: str) -> None:
    said = " ".join(completed(shell, "kafkade vali"))
    assert "validate" in said
    assert "Check manifests" in said
