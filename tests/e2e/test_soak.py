"""The soak for a minute and a half: its load, its ground truth and its judgement work on the real parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.places import ROOT


@pytest.mark.timeout(900)
def test_a_short_soak(tmp_path: Path) -> None:
    log = tmp_path / "operator.log"
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "soak.py"), "--minutes", "1.5", "--log", str(log)],
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}\n{log.read_text()[-3000:]}"
    assert done.stdout.count("\nok ") >= 9, done.stdout
    for what in ("broker", "API server", "registry"):
        assert what in done.stdout, f"{what} was restarted"
