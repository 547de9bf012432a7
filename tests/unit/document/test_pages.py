"""docs/guides/from-kotlin.md and docs/reference/document.md: their code is the example's, and all that they name is there."""

from __future__ import annotations

import re

import pytest
import yaml

from e2e.book import Block, blocks
from support.places import DEPLOY, DOCUMENT, ROOT

GUIDE = ROOT / "docs" / "guides" / "from-kotlin.md"
TABLE = ROOT / "docs" / "reference" / "document.md"
EXAMPLE = DEPLOY / "examples" / "11-user-service"
FILES = {path.name: path.read_text() for path in (*EXAMPLE.glob("*.yaml"), *(EXAMPLE / "user_service").glob("*.py"))}
VALUES, *OURS = [block for block in blocks(GUIDE) if block.language in ("python", "yaml")]

SECTIONS = (
    "Setup 1, Infrastructure Configuration",
    "Setup 2, Service Integration",
    "Usage 1, Message Publishing",
    "Usage 2, Message Consumption",
    "Usage 3, Stream Processing",
    "Best Practices 1, Topic Design",
    "Best Practices 2, Message Schema",
    "Best Practices 3, Error Handling",
    "Monitoring 1, Health Checks",
    "Monitoring 2, Metrics",
    "Troubleshooting 1, Consumer Issues",
    "Troubleshooting 2, Producer Issues",
)
"""Of the document."""


@pytest.mark.parametrize("block", OURS, ids=str)
def test_a_block_of_the_guide_is_in_the_example_line_by_line(block: Block) -> None:
    assert any(f"\n{block.text}" in f"\n{text}" for text in FILES.values()), block.text


def test_the_values_of_the_guide_are_the_platforms() -> None:
    assert yaml.safe_load(VALUES.text) == yaml.safe_load(DOCUMENT.read_text())


def rows() -> dict[str, str]:
    """The table's rows by section."""
    found = re.findall(r"^\| ([^|]+?) \| (.+) \|$", TABLE.read_text().partition("## ")[0], re.MULTILINE)
    return {section: rest for section, rest in found if section != "section"}


def test_every_section_has_a_row_and_a_test_that_is_named_after_it() -> None:
    assert tuple(rows()) == SECTIONS
    for section, row in rows().items():
        called = section.partition(", ")[2].lower().replace(" ", "_")
        assert f"`tests/integration/document/test_{called}.py`" in row


def test_all_that_the_table_names_is_there() -> None:
    named = [name for name in re.findall(r"`([^`]+)`", TABLE.read_text()) if "/" in name]
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_test_of_the_document_is_in_the_table() -> None:
    files = sorted((ROOT / "tests" / "integration" / "document").glob("test_*.py"))
    assert [file.name for file in files if f"`{file.relative_to(ROOT)}`" not in TABLE.read_text()] == []
