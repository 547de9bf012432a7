"""What keeps the operator small."""

from __future__ import annotations

import gc


def freeze() -> None:
    """Let the garbage collector leave alone what is there by now: modules, classes and functions, which stay to the end.

    A full collection comes when a quarter as many objects have come as there were at the last one, and looks at all: with the
    200,000 of modules it took a fifth of the CPU of writing statuses, and 50,000 objects could lie about that nobody needs.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # reckon anew with what is left
