"""What the cache's keys of Go programs hang on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kafkade.devstack.golang import GITOPS, GoModule


def test_a_changed_program_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, folder = GITOPS.key, tmp_path / "gitops"
    shutil.copytree(GITOPS.source, folder)
    monkeypatch.setattr(GoModule, "source", folder)
    assert GITOPS.key == before
    program = folder / "main.go"
    program.write_text(program.read_text() + "\n// more\n")
    assert GITOPS.key != before
