"""Text that others wrote (brokers, registries, producers of records), on its way to somebody's eyes."""

from __future__ import annotations


def visible(text: str) -> str:
    """``text`` with escapes in place of what cannot be seen or turns text around; line ends and tabs stay."""
    return text if text.isprintable() else "".join(map(_seen, text))


def one_line(text: str) -> str:
    """The same, with line ends and tabs escaped too: where a line is an entry, nobody may begin another one."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _seen(char: str) -> str:
    return char if char.isprintable() or char in "\n\t" else _escape(char)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()
