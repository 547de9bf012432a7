"""What a harness is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

PART = b"\n%%\n"
"""Between the parts of an input that has several, so that a corpus can be read and written by hand."""

SECONDS = 10.0
"""What one input of the corpus may take; one that the fuzzer tries may take six times as long, since counting the coverage does."""

MEBIBYTES = 512
"""What one input of the corpus may take of memory at its peak, as Python's allocators count it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test.

    ``run`` takes any bytes and returns; whatever it raises is a finding. ``tokens`` are what the parser knows, for mutations.
    """

    name: str
    run: Callable[[bytes], None]
    tokens: tuple[bytes, ...] = ()
    longest: int = 4096
    """Bytes of an input that are tried."""

    @property
    def contract(self) -> str:
        """What the parser is held to."""
        return (self.run.__doc__ or "").strip()

    def corpus(self) -> Sequence[Path]:
        """The inputs that are kept, in order."""
        return sorted(path for path in (CORPUS / self.name).glob("*") if path.is_file())


def parts(data: bytes, count: int) -> list[bytes]:
    """The first ``count`` parts of an input; those that are not there are empty."""
    found = data.split(PART, count - 1)
    return found + [b""] * (count - len(found))


def text(data: bytes) -> str:
    """Bytes as a text, which may have what is no text in it, as JSON's escapes can make it."""
    return data.decode("utf-8", "surrogateescape")


def whole(data: bytes) -> str:
    """Bytes as a text that can be written."""
    return data.decode("utf-8", "replace")
