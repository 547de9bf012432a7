"""``kafkade crds``: what it writes, and that the committed files are what it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml

from kafkade.api.crd import crds
from kafkade.cli.crds import HEADER, crds_command, differences, render, write
from support.places import ROOT

COMMITTED = ROOT / "crds"


def test_the_committed_files_are_up_to_date() -> None:
    assert differences(COMMITTED) == "", "run `make crds`"


def test_the_text_says_what_the_dictionaries_say() -> None:
    assert {name: yaml.safe_load(text) for name, text in render().items()} == {
        f"{plural}.yaml": crd for plural, crd in crds().items()
    }


def test_no_anchors() -> None:
    for text in render().values():
        assert not [line for line in text.splitlines() if " &id" in line or " *id" in line]


def test_a_second_run_touches_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "crds") == [tmp_path / "crds" / name for name in render()]
    assert write(tmp_path / "crds") == []


def _remove(path: Path) -> None:
    path.unlink()


def _change(path: Path) -> None:
    path.write_text(path.read_text() + "# by hand\n")


def _orphan(path: Path) -> None:
    path.with_name("kafkafriends.yaml").write_text(HEADER)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        pytest.param(_remove, "--- /dev/null", id="a file is missing"),
        pytest.param(_change, "-# by hand", id="a file was changed by hand"),
        pytest.param(_orphan, "+++ /dev/null", id="a kind is no more"),
    ],
)
def test_check_finds_what_is_stale_and_write_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None], line: str
) -> None:
    write(tmp_path)
    crds_command(tmp_path, check=True)
    assert capsys.readouterr() == ("", "")
    harm(tmp_path / "kafkatopics.yaml")

    with pytest.raises(typer.Exit) as stop:
        crds_command(tmp_path, check=True)

    assert stop.value.exit_code == 1
    out, err = capsys.readouterr()
    assert line in out.splitlines()
    assert "hint: " in err
    crds_command(tmp_path, check=False)
    crds_command(tmp_path, check=True)


def test_check_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(typer.Exit):
        crds_command(tmp_path / "crds", check=True)
    assert not (tmp_path / "crds").exists()


def test_foreign_files_stay(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    write(tmp_path)
    assert (tmp_path / "kustomization.yaml").read_text() == "resources: []\n"
    assert differences(tmp_path) == ""
