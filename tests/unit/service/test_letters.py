"""Headers of records that failed, read back by what `kafkade dlq` reads them with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kafkade.dlq.headers import read
from kafkade.dlq.letter import OWN_ATTEMPTS, OWN_TOPIC, DeadLetter, Dialect, Origin
from kafkade.service.letters import MAX_MESSAGE, attempts, letter_headers


def message(topic: str, headers: list[tuple[str, Any]] | None = None, offset: int = 7) -> Any:
    return SimpleNamespace(
        topic=lambda: topic,
        partition=lambda: 2,
        offset=lambda: offset,
        timestamp=lambda: (1, 99),
        headers=lambda: headers,
    )


def test_a_dead_letter_tells_all() -> None:
    found = letter_headers(message("a", [("mine", b"1"), ("none", None)]), "a", "group", ValueError("oh"), 3)
    assert found[:2] == [("mine", b"1"), ("none", None)]
    assert read(found) == (
        DeadLetter(Dialect.KAFKADE, Origin("a", 2, 7, 99, "group"), "builtins.ValueError", "oh", attempts=3),
    )


def test_the_origin_stays_through_retry_topics_and_old_headers_go() -> None:
    first = letter_headers(message("a"), "a", "group", ValueError("one"), 1)
    assert attempts(first) == 1
    second = letter_headers(message("a.retry.1", first, offset=0), "a", "group", KeyError("two"), 2)
    assert [name for name, _ in second].count(OWN_TOPIC) == 1
    (letter,) = read(second)
    assert (letter.origin.topic, letter.origin.offset, letter.attempts) == ("a", 7, 2)
    assert letter.error_class == "builtins.KeyError"


def test_a_record_that_was_put_back_is_a_new_one() -> None:
    old = letter_headers(message("b"), "b", "group", ValueError(), 3)
    (letter,) = read(letter_headers(message("a", old, offset=9), "a", "group", ValueError(), 1))
    assert (letter.origin.topic, letter.origin.offset, letter.attempts) == ("a", 9, 1)


def test_what_others_wrote_is_no_number_of_attempts_and_long_messages_are_cut() -> None:
    assert attempts([(OWN_ATTEMPTS, b"many")]) == 0
    (letter,) = read(letter_headers(message("a"), "a", "g", ValueError("x" * 100_000), 1))
    assert len(letter.error_message or "") == MAX_MESSAGE
