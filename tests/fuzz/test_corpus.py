"""Each input that is kept goes through its parser within the bounds; each parser has some, and a contract."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from fuzz.target import CORPUS, MEBIBYTES, SECONDS
from fuzz.targets import TARGETS


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(name, path, id=f"{name}/{path.name}") for name, t in TARGETS.items() for path in t.corpus()]
)  # fmt: skip
def test_what_was_found_is_borne(name: str, path: Path) -> None:
    data = path.read_bytes()
    tracemalloc.start()
    try:
        started = time.monotonic()
        TARGETS[name].run(data)
        assert time.monotonic() - started < SECONDS
        assert tracemalloc.get_traced_memory()[1] < MEBIBYTES * 2**20
    finally:
        tracemalloc.stop()


def test_every_parser_has_a_contract_and_a_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    for target in TARGETS.values():
        assert target.contract
        assert target.corpus(), f"{target.name} has no inputs"
        assert all(path.stat().st_size <= 65_536 for path in target.corpus()), "the corpus is of small files"


def test_nothing_is_too_much_for_them() -> None:
    for target in TARGETS.values():
        target.run(b"")
        target.run(b"\xff\xfe\0" * 20)
