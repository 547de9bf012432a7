"""What the cache's keys of Go programs hang on, and what is refused before it comes into the cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kafkade.devstack import golang
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.golang import GITOPS, GoModule

SUM = "h1:known="


def test_a_changed_program_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, folder = GITOPS.key, tmp_path / "gitops"
    shutil.copytree(GITOPS.source, folder)
    monkeypatch.setattr(GoModule, "source", folder)
    assert GITOPS.key == before
    program = folder / "main.go"
    program.write_text(program.read_text() + "\n// more\n")
    assert GITOPS.key != before


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that has downloaded a module already, and an empty cache."""
    module = tmp_path / "module"
    module.mkdir()
    (module / "crd.yaml").write_text("kind: CustomResourceDefinition\n")
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho '{json.dumps({'Dir': str(module), 'Sum': SUM})}'\n")
    go.chmod(0o755)
    monkeypatch.setattr(golang, "find_go", lambda: go)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return module


def test_files_of_a_module_are_kept(downloads: Path) -> None:
    kept = golang.source_files("example.org/tool", "v1.0.0", SUM, ["crd.yaml"])
    shutil.rmtree(downloads)
    assert golang.source_files("example.org/tool", "v1.0.0", SUM, ["crd.yaml"]) == kept
    assert (kept / "crd.yaml").read_text() == "kind: CustomResourceDefinition\n"


def test_another_checksum_is_refused(downloads: Path) -> None:
    with pytest.raises(DevStackError, match=r"has the checksum h1:known=, and h1:other= was expected"):
        golang.source_files("example.org/tool", "v1.0.0", "h1:other=", ["crd.yaml"])
