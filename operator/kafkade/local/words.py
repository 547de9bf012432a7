"""Words about names that are not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean NAME?`` of what is spelt alike; else the names that there are."""
    names = sorted(known)
    by_lower = {n.lower(): n for n in names}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if found:
        return f"; did you mean {by_lower[found[0]]}?"
    return f"; there are {', '.join(names)}" if names else ""
