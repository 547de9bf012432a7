"""Root file systems are made anew when something that they are made of has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkade.devstack.images import rootfs
from kafkade.devstack.java import find_java, release


def a_java(folder: Path, build: str, modules: str) -> Path:
    """What answers as a java does."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"25.0.2\"' >&2\necho 'build {build}' >&2\n")
    program.chmod(0o755)
    (folder / "release").write_text(f'MODULES="{modules}"\n')
    return program


def test_another_java_at_the_same_place_makes_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = a_java(tmp_path, "25.0.2+10", "java.base")
    monkeypatch.setattr(rootfs, "find_java", lambda: java)

    def name() -> str:
        release.cache_clear()
        return rootfs.name(rootfs.base("eclipse-temurin:25-jre"))

    first = name()
    assert name() == first
    a_java(tmp_path, "25.0.2+11", "java.base")
    second = name()
    a_java(tmp_path, "25.0.2+11", "java.base java.sql")
    assert len({first, second, name()}) == 3
    release.cache_clear()


def test_packages_make_another_one() -> None:
    names = {
        rootfs.name(rootfs.Base(packages, java)) for packages in ((), ("curl",), ("git",)) for java in (False, True)
    }
    assert len(names) == 6


def test_what_java_is_told_by() -> None:
    told = release(find_java())
    assert "version" in told
    assert "build" in told
