"""Files that a script makes of others: what is stale is named, or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkade.devstack import generated


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a file that is fresh, one that is not, and one that nothing makes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fresh").write_text("1")
    (tmp_path / "stale").write_text("2")
    (tmp_path / "surplus").write_text("3")
    return tmp_path


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["script", *words])
    made = {folder / "fresh": "1", folder / "stale": "two", folder / "deep" / "new": "4"}
    return generated.main("A script.", lambda: made, "make it", folder.glob("*s*"))


def test_check_names_what_is_stale_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, monkeypatch, "--check") == 1
    said = capsys.readouterr()
    assert said.out == "stale: surplus\nstale: stale\nstale: deep/new\n"
    assert said.err == "hint: run `make it` and commit the result\n"
    assert sorted(path.name for path in folder.iterdir()) == ["fresh", "stale", "surplus"]


def test_without_it_all_is_as_it_should_be(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, monkeypatch) == 0
    assert capsys.readouterr().out == "surplus\nstale\ndeep/new\n"
    assert not (folder / "surplus").exists()
    assert (folder / "stale").read_text() == "two"
    assert (folder / "deep" / "new").read_text() == "4"
    assert run(folder, monkeypatch, "--check") == 0
    assert capsys.readouterr().out == ""


def test_a_misspelt_option_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run(folder, monkeypatch, "--chek")
    assert (folder / "surplus").exists()
