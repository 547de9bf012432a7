"""The cache: whole or not at all, and made by one process at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from kafkade.devstack import DevStackError, cache, golang


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_it_is_where_caches_belong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.folder("kafka", "4.1.1") == home / "kafkade/kafka/4.1.1"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache.root() == Path("/home/someone/.cache/kafkade")


def test_a_thing_is_made_once() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").touch()

    target = cache.folder("part", "1")
    assert cache.make_once(target, make) == cache.make_once(target, make) == target
    assert len(made) == 1
    assert (target / "program").exists()


def test_what_fails_leaves_nothing() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise DevStackError("no")

    target = cache.folder("part", "1")
    with pytest.raises(DevStackError):
        cache.make_once(target, fail)
    assert [file.name for file in target.parent.iterdir()] == ["1.lock"]


def test_what_a_killed_process_left_is_removed() -> None:
    target = cache.folder("part", "1")
    left = target.with_name("1.partialabc")
    left.mkdir(parents=True)
    cache.make_once(target, lambda folder: None)
    assert not left.exists()


def test_two_processes_do_not_make_the_same(home: Path) -> None:
    script = f"""
import time
from pathlib import Path
from kafkade.devstack import cache
def make(folder):
    with Path({str(home / "made")!r}).open("a") as made:
        made.write("x")
    time.sleep(0.5)
print(cache.make_once(cache.folder("part", "1"), make))
"""
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert said == [str(cache.folder("part", "1"))] * 2
    assert (home / "made").read_text() == "x"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DevStackError, match="Set XDG_CACHE_HOME"):
        cache.make_once(cache.folder("part", "1"), lambda folder: None)


def test_programs_are_kept_by_what_they_are_built_from() -> None:
    module = golang.ETCD
    other = golang.GoModule("kind", module.version, module.packages, module.ldflags, module.tags)
    assert module.key.startswith("v3.6.13-")
    assert module.key != other.key


def test_a_module_pins_the_version_that_is_said() -> None:
    for module, path in (
        (golang.ETCD, "go.etcd.io/etcd/server/v3"),
        (golang.KUBERNETES, "k8s.io/kubernetes"),
        (golang.KIND, "sigs.k8s.io/kind"),
        (golang.HELM, "helm.sh/helm/v4"),
        (golang.HELM_3, "helm.sh/helm/v3"),
        (golang.KUBECONFORM, "github.com/yannh/kubeconform"),
        (golang.PROMQL, "github.com/prometheus/prometheus"),
    ):
        assert f"{path} {module.version}" in (module.source / "go.mod").read_text()


def test_a_build_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "go"
    compiler.write_text("#!/bin/sh\necho 'thing.go:1:2: undefined: other' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setattr(golang, "find_go", lambda: compiler)
    started = time.monotonic()
    with pytest.raises(DevStackError, match=r"go list.*failed for etcd(.|\n)*undefined: other"):
        golang.binaries(golang.ETCD)
    assert time.monotonic() - started < 10
