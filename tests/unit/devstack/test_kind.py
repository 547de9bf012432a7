"""Which cluster is chosen, and what kind is told: there is no Docker engine to try it with."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from kafkade.devstack import ControlPlane, DevStackError, KindCluster, choose_cluster, kind
from kafkade.devstack.images import recipes


class Runner:
    """Stands in for running commands: keeps them, and ends with the code it was told."""

    def __init__(self, code: int = 0, stderr: str = "") -> None:
        self.commands: list[list[str]] = []
        self.result = (code, stderr)

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.commands.append(list(command))
        code, stderr = self.result
        return subprocess.CompletedProcess(command, code, "", stderr)


@pytest.mark.parametrize(
    ("choice", "client", "engine", "expected", "reason"),
    [
        (None, True, True, KindCluster, "an engine answers"),
        (None, True, False, ControlPlane, "a client without an engine is of no use"),
        (None, False, True, ControlPlane, "without a client nothing is asked"),
        ("local", True, True, ControlPlane, "the user does not want Docker"),
        ("kind", False, False, KindCluster, "the user insists, and will be told what is missing"),
    ],
)
def test_the_choice(
    monkeypatch: pytest.MonkeyPatch,
    choice: str | None,
    client: bool,
    engine: bool,
    expected: type,
    reason: str,
) -> None:
    monkeypatch.delenv(kind.CHOICE_VARIABLE, raising=False)
    if choice:
        monkeypatch.setenv(kind.CHOICE_VARIABLE, choice)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}" if client else None)
    runner = Runner(0 if engine else 1)
    assert isinstance(choose_cluster(runner=runner), expected), reason
    assert all(command[-2:] == ["docker", "info"] for command in runner.commands)


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kind.CHOICE_VARIABLE, "minikube")
    with pytest.raises(DevStackError, match="'minikube'; it can be 'kind' or 'local'"):
        choose_cluster()


def test_what_kind_is_told() -> None:
    runner = Runner()
    with KindCluster(runner=runner, program=Path("/cache/kind")) as cluster:
        kubeconfig = cluster.kubeconfig
        place = [f"--name={cluster.name}", f"--kubeconfig={kubeconfig}"]
        assert kubeconfig.parent.exists()
    assert runner.commands == [
        ["/cache/kind", "create", "cluster", "--wait=180s", *place],
        ["/cache/kind", "delete", "cluster", *place],
    ]
    assert not kubeconfig.parent.exists()
    assert cluster.name != KindCluster(runner=runner).name


def test_images_are_built_by_docker_and_loaded_by_name(tmp_path: Path) -> None:
    runner = Runner()
    image = recipes.Image("kafkade/test:1", tmp_path, (), {"libs": tmp_path / "libs"})
    recipes.make_with_docker(image, runner)
    cluster = KindCluster(runner=runner, program=Path("/cache/kind"))
    cluster.load_image(image.name)
    assert runner.commands == [
        ["docker", "build", "--tag=kafkade/test:1", f"--build-context=libs={tmp_path / 'libs'}", str(tmp_path)],
        ["/cache/kind", "load", "docker-image", "kafkade/test:1", f"--name={cluster.name}"],
    ]


def test_an_image_that_docker_cannot_build_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(DevStackError, match=r"docker build --tag=kafkade/test:1.* failed: no space"):
        recipes.make_with_docker(recipes.Image("kafkade/test:1", tmp_path, (), {}), Runner(1, "no space"))


def test_a_failure_says_what_else_there_is() -> None:
    cluster = KindCluster(runner=Runner(1, "no engine"), program=Path("/cache/kind"))
    with pytest.raises(DevStackError, match="no engine\nWithout Docker the stack runs too"):
        cluster.start()
