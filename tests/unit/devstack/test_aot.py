"""Classes that a JVM linked are kept for the next: once, and nothing hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kafkade.devstack import DevStackError, aot

JARS = (Path("a.jar"), Path("b.jar"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


class Program:
    """What is run to learn: it writes where it is told to, as a JVM does at its end."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, flags: Sequence[str]) -> None:
        self.runs += 1
        (output,) = [flag.partition("=")[2] for flag in flags if flag.startswith("-XX:AOTCacheOutput=")]
        Path(output).write_text("classes")


def test_a_program_is_run_once_and_later_ones_are_told_what_it_wrote() -> None:
    program = Program()
    assert aot.flags("part", JARS) == []
    aot.learn("part", JARS, program)
    aot.learn("part", JARS, program)
    assert program.runs == 1
    option, said = aot.flags("part", JARS)
    assert Path(option.removeprefix("-XX:AOTCache=")).read_text() == "classes"
    assert said == "-Xlog:aot=off"


def test_other_jars_and_another_java_are_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    aot.learn("part", JARS, Program())
    assert aot.flags("part", JARS[:1]) == []
    monkeypatch.setattr(aot, "release", lambda java: "another build")
    assert aot.flags("part", JARS) == []


def test_a_java_that_cannot_is_not_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aot, "major_version", lambda java: 21)
    program = Program()
    aot.learn("part", JARS, program)
    assert (program.runs, aot.flags("part", JARS)) == (0, [])


def test_where_it_comes_to_nothing_that_is_said_and_it_is_tried_again(capfd: pytest.CaptureFixture[str]) -> None:
    def failing(flags: Sequence[str]) -> None:
        raise DevStackError("it ended with [code 1]")

    for run, reason in ((failing, "it ended with [code 1]"), (lambda flags: None, "the JVM wrote nothing")):
        aot.learn("part", JARS, run)
        assert (
            f"part will take its time to start: its classes could not be linked ahead.\n{reason}\n"
            in capfd.readouterr().err
        )
    aot.learn("part", JARS, Program())
    assert aot.flags("part", JARS) != []
