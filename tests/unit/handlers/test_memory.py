"""handlers/memory: modules are not searched for garbage."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_there_is_not_searched_for_garbage() -> None:
    code = "import gc; from kafkade.handlers.memory import freeze; freeze(); print(gc.get_freeze_count(), len(gc.get_objects()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frozen, searched = map(int, done.stdout.split())
    assert searched < frozen / 20
