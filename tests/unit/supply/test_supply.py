"""The locks pin all by hash, the SBOM lists exactly what the image gets, and an audit without answers is no good one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from support.places import ROOT

sys.path.append(str(ROOT / "deploy" / "supply"))

import audit
import locks
import sbom


@pytest.mark.parametrize("lock", [locks.IMAGE, locks.BUILD, locks.DEV], ids=lambda lock: lock.name)
def test_everything_is_pinned_by_hash(lock: Path) -> None:
    packages = locks.read(lock)
    assert packages
    assert [p.name for p in packages if not p.hashes] == []
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(packages) == len(lines), "no package was overlooked"
    assert all("==" in line for line in lines)


def test_the_image_is_installed_by_hash_only() -> None:
    assert audit.dockerfile_problems((ROOT / "Dockerfile").read_text()) == []
    assert len(audit.dockerfile_problems("RUN pip install hatchling && pip install \\\n  x")) == 2
    assert audit.dockerfile_problems("FROM python:3.13-slim AS build") == [
        "Dockerfile: FROM python:3.13-slim: no @sha256"
    ]


def test_the_sbom_is_fresh_and_lists_exactly_the_lock() -> None:
    text = (ROOT / "sbom.cdx.json").read_text()
    assert text == sbom.made(), "run `make sbom`"
    document = json.loads(text)
    listed = {(c["name"], c["version"]) for c in document["components"]}
    pinned = {(p.name, p.version) for p in locks.read(locks.IMAGE) if p.in_image}
    assert listed == pinned
    assert len(document["components"]) == len(listed), "each once"
    for component in document["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert all(len(h["content"]) == 64 for r in component["externalReferences"] for h in r["hashes"])
    assert {d["ref"] for d in document["dependencies"]} == {document["metadata"]["component"]["bom-ref"]}
    assert text == sbom.made(), "made twice it is the same"


def test_what_is_for_another_system_is_left_out() -> None:
    here = locks.Pinned("a", "1", ("0" * 64,), None)
    windows = locks.Pinned("b", "1", ("0" * 64,), "sys_platform == 'win32'")
    listed = sbom.sbom([here, windows], "1", [])["components"]
    assert [c["name"] for c in listed] == ["a"]


def test_debian_packages_are_those_that_dpkg_has(tmp_path: Path) -> None:
    place = tmp_path / "var" / "lib" / "dpkg"
    place.mkdir(parents=True)
    (place / "status").write_text(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.41-12+deb13u1\nDescription: x\n"
        " Package: not-this\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    (found,) = sbom.debian(tmp_path)
    assert found["purl"] == "pkg:deb/debian/libc6@1%3A2.41-12%2Bdeb13u1?arch=amd64"
    with pytest.raises(FileNotFoundError):
        sbom.debian(tmp_path / "nowhere")


PACKAGES = [locks.Pinned(f"p{n}", "1", ("0" * 64,), None) for n in range(6)]


def silent(_: Any) -> list[str]:
    raise OSError("connection refused")


def test_an_audit_that_reached_nobody_is_not_good() -> None:
    found = audit.audit(PACKAGES, {"one": silent, "two": silent})
    assert found.code == 3
    assert found.asked == 0
    assert len(found.unasked) == 6
    text = audit.told(found)
    assert "NOT ASKED about 6 packages" in text
    assert "no answer from one: p0 1: connection refused" in text
    assert "yanked" not in text, "nobody asked for that here"


def test_a_service_that_does_not_answer_is_asked_no_more() -> None:
    calls = []

    def counting(package: locks.Pinned) -> list[str]:
        calls.append(package.name)
        raise ValueError("says nothing")

    found = audit.audit(PACKAGES, {"one": counting, "two": lambda _: []})
    assert calls == ["p0", "p1", "p2"]
    assert (found.code, found.asked, found.unasked) == (0, 6, [])


def test_an_advisory_and_a_missing_hash_are_told() -> None:
    found = audit.audit(PACKAGES[:2], {"one": lambda p: ["CVE-2026-1 (fixed in 2)"] if p.name == "p1" else []})
    assert (found.code, found.advisories) == (1, ["p1 1: CVE-2026-1 (fixed in 2)"])
    found = audit.audit([locks.Pinned("bare", "1", (), None)], {"one": lambda _: []})
    assert (found.code, found.unpinned) == (1, ["bare 1 has no hash"])


def index(folder: Path, name: str, attributes: str) -> tuple[str, dict[str, str]]:
    """A package index of files (PEP 503) with version 1 of one package: a line for a lock, and what has pip ask it."""
    place = folder / name
    place.mkdir(parents=True)
    wheel = place / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        packed.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{name}-1.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (place / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}" {attributes}>{wheel.name}</a>')
    return f"{name}==1 --hash=sha256:{digest}\n", only(folder.as_uri())


def only(url: str) -> dict[str, str]:
    """An environment in which pip asks this index and no other, once."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return {**others, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "PIP_RETRIES": "0"}


def test_what_the_index_calls_yanked_is_told(tmp_path: Path) -> None:
    line, environment = index(tmp_path / "index", "gone", 'data-yanked="does not import"')
    lock = tmp_path / "x.lock"
    lock.write_text(line)
    assert audit.yanked(lock, environment) == ["gone 1: does not import"]
    found = audit.Found(yanked=["gone 1: does not import"])
    assert found.code == 1
    assert "YANKED gone 1: does not import" in audit.told(found)


def test_what_the_index_has_by_its_hash_is_well_and_nothing_else(tmp_path: Path) -> None:
    line, environment = index(tmp_path / "index", "here", "")
    lock = tmp_path / "x.lock"
    lock.write_text(line)
    assert audit.yanked(lock, environment) == []
    assert "calls none of them yanked" in audit.told(audit.Found(yanked=[]))
    lock.write_text(f"here==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(OSError, match="HASHES"):
        audit.yanked(lock, environment)


def test_an_index_that_does_not_answer_is_not_good(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(f"attrs==21.2.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(OSError, match="attrs") as caught:
        audit.yanked(lock, only("http://127.0.0.1:9/"))
    found = audit.Found(silent_index=str(caught.value))
    assert found.code == 3
    assert "some may be yanked" in audit.told(found)


def test_a_line_that_is_not_pinned_is_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text("# head\naiohttp>=3\n")
    with pytest.raises(ValueError, match=r"x\.lock: not pinned: aiohttp>=3"):
        locks.read(lock)
