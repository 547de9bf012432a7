"""``kafkade plan`` and ``apply`` before they speak to Kafka: what they refuse, and what they take from files and state."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kafkade.api.errors import InvalidSpec
from kafkade.api.objects import Key
from kafkade.cli import apply_command
from kafkade.cli.main import app
from kafkade.local.kube import LocalKube
from kafkade.local.manifests import Manifest, Manifests
from kafkade.local.state import State, read
from support.kubernetes import manifest

AWAY = ("--bootstrap-server", "127.0.0.1:1")


def written(folder: Path, *resources: Any) -> Path:
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(resources))
    return file


def remembered(folder: Path, *keys: Key, cluster: str) -> Path:
    """A state file that knows these resources of a KafkaCluster."""
    state = State(folder / "state")
    specs = {key: {"bootstrapServers": "a:1"} if key.kind == "KafkaCluster" else ref(cluster) for key in keys}
    kube = LocalKube(state, lambda: "2026-01-01T00:00:00Z")
    kube.declare(Manifests({key: Manifest(key, spec) for key, spec in specs.items()}), prune=False)
    state.close()
    return state.path


def ref(cluster: str) -> dict[str, Any]:
    return {"clusterRef": {"name": cluster}}


def run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], env={"NO_COLOR": "1"})


@pytest.mark.parametrize("command", ["plan", "apply"])
@pytest.mark.parametrize("kind", ["KafkaCluster", "KafkaTopic"])
def test_an_address_does_not_stand_for_another_cluster_that_the_state_knows(
    tmp_path: Path, command: str, kind: str
) -> None:
    """With --prune its subjects and topics would be looked for, and deleted, at this address."""
    file = written(tmp_path, manifest("KafkaTopic", "orders", ref("main")))
    state = remembered(tmp_path, Key(kind, "shop", "old"), cluster="old")
    before = read(state)
    done = run(command, "-f", file, "--state", state, "--prune", *AWAY)
    assert done.exit_code == 1
    assert "stands for one KafkaCluster" in done.stderr
    assert "shop/main, shop/old" in done.stderr
    assert read(state) == before


def test_an_address_stands_for_the_one_cluster_that_manifests_and_state_know(tmp_path: Path) -> None:
    file = written(tmp_path, manifest("KafkaTopic", "orders", ref("main")))
    known = (Key("KafkaCluster", "shop", "main"), Key("KafkaTopic", "shop", "returns"))
    done = run("plan", "-f", file, "--state", remembered(tmp_path, *known, cluster="main"), *AWAY)
    assert "stands for" not in done.stderr
    assert "ClusterUnreachable" in done.stdout


def test_a_file_that_changes_after_it_was_read_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the plan is made and shown, and until the first look at the files."""
    sasl = {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "not-there"}}
    main = manifest("KafkaCluster", "main", {"bootstrapServers": "127.0.0.1:1", "sasl": sasl})
    file, state = written(tmp_path, main), tmp_path / "state"
    over, shown = Event(), apply_command.print_report

    def edit_and_show(*args: Any, **options: Any) -> None:
        written(tmp_path, main, manifest("KafkaTopic", "orders", ref("main")))
        shown(*args, **options)

    def known() -> bool:
        with suppress(InvalidSpec):  # it is just being made
            return Key("KafkaTopic", "shop", "orders") in read(state)
        return False

    def stop_once_it_is_known() -> None:
        ends = time.monotonic() + 20
        while not known() and time.monotonic() < ends:
            if over.wait(0.05):
                return
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(apply_command, "print_report", edit_and_show)
    watcher = Thread(target=stop_once_it_is_known)
    watcher.start()
    try:
        done = run("apply", "-f", file, "--state", state, "--watch", "--interval", "0.2")
    finally:
        over.set()
        watcher.join()
    assert done.exit_code == 0, done.output
    assert known()
