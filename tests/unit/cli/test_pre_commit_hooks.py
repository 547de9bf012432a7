""".pre-commit-hooks.yaml: its entries run as pre-commit runs them, with the files of a commit or the arguments of the user."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.kubernetes import manifest

ROOT = Path(__file__).parents[3]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
TOPIC = manifest("KafkaTopic", "orders", {"clusterRef": {"name": "main"}, "partitions": 3})
CLUSTER = manifest("KafkaCluster", "main", {"bootstrapServers": "kafka:9092"})


def run(folder: Path, hook: dict[str, Any], *args: str) -> subprocess.CompletedProcess[str]:
    """The hook's entry, found on PATH as in the environment that pre-commit makes of this repository."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "kafkade").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kafkade.cli.main "$@"\n')
    (tools / "kafkade").chmod(0o755)
    path = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "operator")}
    command = [*shlex.split(hook["entry"]), *args]
    return subprocess.run(command, cwd=folder, env=os.environ | path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", HOOKS)
def test_what_pre_commit_needs_is_there(name: str) -> None:
    hook = HOOKS[name]
    assert {"id", "name", "entry", "language", "types_or"} <= set(hook)
    assert hook["language"] == "python"
    assert (ROOT / "pyproject.toml").exists(), "what pre-commit installs"


def test_changed_files(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(TOPIC))
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(TOPIC).replace("partitions", "partitons"))
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    hook = HOOKS["kafkade-validate"]
    assert hook["require_serial"] is True, "files are checked with one another"
    done = run(tmp_path, hook, "good.yaml", "compose.yaml")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, hook, "good.yaml", "bad.yaml")
    assert done.returncode == 1
    assert "KFD003" in done.stdout


def test_all_files_of_folders(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "topic.yaml").write_text(yaml.safe_dump(TOPIC))
    hook = HOOKS["kafkade-validate-all"]
    assert hook["pass_filenames"] is False
    assert "KFD008" in run(tmp_path, hook, "-f", "manifests/").stdout
    (tmp_path / "manifests" / "cluster.yaml").write_text(yaml.safe_dump(CLUSTER))
    done = run(tmp_path, hook, "-f", "manifests/")
    assert done.returncode == 0, done.stdout + done.stderr
