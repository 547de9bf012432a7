"""README.md, ARCHITECTURE.md and docs/: what they show is typed in and comes out as they say; what is made from code is fresh."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkade.devstack.generated import stale
from kafkade.dlq.alert import REASONS, WITHIN_LIMITS
from kafkade.dlq.plan import WAITING
from support.chart import script
from support.places import ROOT
from support.waiting import until

from .book import blocks
from .conftest import Shop

PAGES = sorted(p for p in (ROOT / "docs").rglob("*.md"))
SHOWN = [ROOT / "README.md", *(p for p in PAGES if p.parent.name in ("guides", "concepts"))]
ELSEWHERE = {"helm.md", "from-kotlin.md"}
"""Pages that others test: test_helm_guide.py, and tests/unit/document with tests/integration/document."""
WITH_BLOCKS = [p for p in SHOWN if p.name not in ELSEWHERE and any(b.language in ("bash", "yaml") for b in blocks(p))]
TEXTS = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
    *PAGES,
    *sorted((ROOT / "deploy" / "examples").rglob("*.md")),
]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_SOURCE = ROOT / "operator" / "kafkade"


def label(page: Path) -> str:
    """A page's name in the test's name."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=label)
def test_what_a_page_shows_comes_out_as_it_says(page: Path, shop: Shop) -> None:
    before = shop.kafka.known()
    shop.reader.read(blocks(page))
    until(lambda: shop.kafka.known() == before, "a page cleans up behind itself", timeout=10)


@pytest.mark.parametrize("page", TEXTS, ids=label)
def test_every_block_says_what_language_it_is_and_every_note_is_known(page: Path) -> None:
    known = ("refused", "shows", "finds", "not run", "install", "")
    for block in blocks(page):
        assert block.language in ("bash", "yaml", "text", "mermaid", "python", "kotlin", "") or block.language == "", (
            str(block)
        )
        assert block.note.partition(":")[0] in known, f"{block}: {block.note}"


@pytest.mark.parametrize("page", TEXTS, ids=label)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_CODE.sub("", page.read_text())):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{label(page)} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings], target


def test_the_reference_is_fresh() -> None:
    assert stale(script("docs/generate.py").pages()) == [], "run `make crds`"


def calls(name: str) -> Iterator[ast.Call]:
    """Calls of a function or class of that name (``Outcome``, ``Outcome.done``) in the operator's source."""
    for file in sorted(_SOURCE.rglob("*.py")):
        if file.is_relative_to(_SOURCE / "devstack"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield node


def texts(call: ast.Call, position: int, keyword: str) -> Iterator[str]:
    """The literal that is given as an argument, if one is."""
    given = [call.args[position]] if len(call.args) > position else []
    given += [k.value for k in call.keywords if k.arg == keyword]
    yield from (g.value for g in given if isinstance(g, ast.Constant) and isinstance(g.value, str))


def test_every_reason_of_the_code_is_documented_and_no_other() -> None:
    made = script("docs/generate.py")
    outcomes = {"Reconciled", "Paused", WAITING}  # the defaults of Outcome.done and Outcome.paused, and a constant
    for name, position in (("Outcome", 3), ("Outcome.done", 1), ("Outcome.progressing", 0)):
        for call in calls(name):
            outcomes.update(texts(call, position, "reason"))
    assert outcomes == set(made.GOOD_REASONS)
    events = {reason for call in calls("Event") for reason in texts(call, 1, "reason")}
    assert events == set(made.EVENT_REASONS)
    assert set(made.ALERT_REASONS) == {*REASONS, WITHIN_LIMITS}
