"""Foreign text stays text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.text import visible
from kafkade.ui.markup import Html, address, counted, duration, el, html, link, number


class Seen(HTMLParser):
    """The elements, attributes and text that a browser's parser would find."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(markup: str) -> Seen:
    seen = Seen()
    seen.feed(markup)
    seen.close()
    return seen


@given(st.text())
def test_text_of_any_kind_makes_no_element_and_is_shown_as_it_is(text: str) -> None:
    seen = parsed(el("p", text))
    assert seen.tags == ["p"]
    assert seen.text == visible(text)


@given(st.text())
def test_text_of_any_kind_stays_within_its_attribute(text: str) -> None:
    seen = parsed(el("input", value=text))
    assert seen.tags == ["input"]
    assert seen.attributes == [("value", visible(text))]


@given(st.text(), st.text())
def test_a_link_leads_to_this_server_whatever_it_is_about(path: str, value: str) -> None:
    assert address("//evil.example", {"q": value}).startswith("/evil.example?")
    assert parsed(link("/topics", path, {"q": value})).tags == ["a"]


def test_content_is_what_a_page_is_made_of() -> None:
    made = el("tr", (el("td", 1), None, [el("td", "a<b")]), class_="x", hidden=True, open=False, aria_label="n")
    assert made == '<tr class="x" hidden aria-label="n"><td>1</td><td>a&lt;b</td></tr>'
    assert html(Html("<b>")) == "<b>"
    assert html("<b>") == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("ab\u202ecod.exe", "ab\\u202ecod.exe"),
        ("\x00", "\\x00"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0, "0"), (9999, "9999"), (1234567, "1,234,567")])
def test_numbers_are_for_people(value: int | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (0.44, "0.4 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_times_are_for_people(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_counts() -> None:
    assert [counted(n, "partition") for n in (0, 1, 12_000)] == ["0 partitions", "1 partition", "12,000 partitions"]
