"""docs/concepts/threat-model.md names tests: each of them exists, and each threat has one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from support.places import ROOT

PAGE = ROOT / "docs" / "concepts" / "threat-model.md"
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+\.py)::(\w+)`", PAGE.read_text())))


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[f"{p.rpartition('/')[2]}-{n}" for p, n in NAMED])
def test_each_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in functions_of(ROOT / path), f"{path} has no {name}"


def test_each_threat_has_a_test() -> None:
    section = PAGE.read_text().partition("## Threats and what stands")[2].partition("## What is left")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| [STRIDE ]+ \|", line)]
    assert len(rows) > 30
    assert [row for row in rows if "`tests/" not in row] == []
