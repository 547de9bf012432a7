"""Protobuf texts that the compiler must not be given as they are."""

from __future__ import annotations

import protoxy
import pytest

from kafkade.clients.protobuf import DEEPEST, ROOT, Refused, bounded, compile_texts

HEAD = 'syntax = "proto3";\n'


def test_comments_are_taken_out_and_all_else_stays_where_it_is() -> None:
    text = 'message A { // a {{{ "x\n  string s = 1; /* é {\n { */ int32 n = 2 [json_name = "// {\\"/*"]; }\n//'
    found = bounded(text)
    assert found.split() == 'message A { string s = 1; int32 n = 2 [json_name = "// {\\"/*"]; }'.split()
    assert len(found.encode()) == len(text.encode())
    for word in ("string", "int32", "json_name"):
        assert found.encode().index(word.encode()) == text.encode().index(word.encode())
        assert found[: found.index(word)].count("\n") == text[: text.index(word)].count("\n")


def nested(depth: int) -> str:
    return HEAD + "message A { " * depth + "}" * depth


def test_messages_within_messages_compile_up_to_the_bound() -> None:
    message = compile_texts({ROOT: nested(DEEPEST)})[ROOT].message_type[0]
    for _ in range(DEEPEST - 1):
        message = message.nested_type[0]
    assert list(message.nested_type) == []


@pytest.mark.parametrize("text", [nested(DEEPEST + 1), nested(100_000), HEAD + "option a = " + "{ a < " * 50_000])
def test_deeper_ones_are_refused(text: str) -> None:
    """The compiler follows them by recursion, and would end the process."""
    with pytest.raises(Refused, match=rf"^line 2, column \d+: more than {DEEPEST} braces"):
        compile_texts({ROOT: text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/*" * 200_000, "invalid token"),
        ('\\"' * 200_000, "invalid token"),
        ('"' * 200_001, "expected"),
        ("'\\" * 200_000, "invalid string"),
        ("/" * 2 + "/ " * 200_000, None),
        ("/ " * 200_000, "expected"),
        ("* " * 200_000, "invalid token"),
    ],
)
def test_what_has_no_end_takes_no_end_of_time(text: str, said: str | None) -> None:
    """The compiler took minutes for some of them, and a scanner that goes back would; pytest's time limit tells."""
    if said is None:
        assert compile_texts({ROOT: HEAD + text})[ROOT].syntax == "proto3", "it is a comment"
        return
    with pytest.raises((Refused, protoxy.ProtoxyError), match=said):
        compile_texts({ROOT: HEAD + text})


@pytest.mark.parametrize(("text", "column"), [("message A { * }", 13), ("message A { string s = 1; } é", 29), ("@", 1)])
def test_what_stands_nowhere_in_protobuf_has_its_place(text: str, column: int) -> None:
    with pytest.raises(Refused, match=f"^line 2, column {column}: invalid token$"):
        compile_texts({ROOT: HEAD + text})
