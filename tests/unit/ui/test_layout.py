"""Tables, lists in parts, and the frame of a page."""

from __future__ import annotations

import pytest

from kafkade.ui.layout import Column, Part, Sorting, page, table, whole


@pytest.mark.parametrize(
    ("text", "of", "first", "end"),
    [
        (None, 0, 0, 0),
        ("1", 250, 0, 100),
        ("3", 250, 200, 250),
        ("99", 250, 200, 250),
        ("0", 250, 0, 100),
        ("-1", 250, 0, 100),
        ("x", 250, 0, 100),
        ("9" * 5000, 250, 0, 100),
        ("٣", 250, 0, 100),
    ],
)
def test_part_of_a_list(text: str | None, of: int, first: int, end: int) -> None:
    part = Part.parse(text, of, 100)
    assert (part.first, part.end) == (first, end)
    assert (part.links("/x", {}) is None) is (of <= 100)


def test_parts_lead_to_each_other_with_the_same_parameters() -> None:
    links = str(Part.parse("2", 250, 100).links("/topics", {"q": "a&b", "sort": None}))
    assert 'href="/topics?q=a%26b&amp;page=1"' in links
    assert 'href="/topics?q=a%26b&amp;page=3"' in links
    assert "101 to 200 of 250" in links


@pytest.mark.parametrize(
    ("text", "by", "descending"),
    [(None, "name", False), ("-size", "size", True), ("-evil", "name", False), ("", "name", False)],
)
def test_sorting(text: str | None, by: str, descending: bool) -> None:
    found = Sorting.parse("/x", text, ("name", "size"), "name", {})
    assert (found.by, found.descending) == (by, descending)


def test_a_table_tells_what_its_cells_are() -> None:
    sorting = Sorting.parse("/x", "-size", ("name", "size"), "name", {"q": "a"})
    made = table(
        "Things", (Column("Name", sort="name"), Column("Size", numbers=True, sort="size")), [("a", 12345)], sorting
    )
    assert "<caption>Things</caption>" in made
    assert '<th scope="row">a</th>' in made
    assert 'aria-sort="descending"' in made
    assert "sort=size" in made
    assert "12,345" in made
    assert 'role="region" aria-label="Things" tabindex="0"' in made
    assert "nothing" in table("Things", (Column("Name"),), [], empty="nothing here")


def test_a_page_has_no_script_and_no_foreign_address() -> None:
    made = page("<script>alert(1)</script>", "text")
    assert "<script" not in made
    assert "http" not in made
    assert "style=" not in made
    assert made.startswith('<!doctype html><html lang="en">')


def test_whole_numbers() -> None:
    assert [whole(text, 7) for text in ("12", "", None, "1.5", "²", "1234567890")] == [12, 7, 7, 7, 7, 7]
