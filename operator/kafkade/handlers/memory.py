"""What keeps the operator small."""

from __future__ import annotations

import ctypes
import gc
from asyncio import sslproto
from contextlib import suppress

_M_ARENA_MAX = -8
"""malloc.h of glibc."""

ARENAS = 2
"""Arenas that malloc divides its memory into at most. By default each thread may get one of its own, up to eight a core, and a
client of librdkafka begins a thread for each broker and each attempt to reach one: what is freed in one arena is of no use to
another."""


TLS_BUFFER = 64 * 1024
"""Bytes that asyncio reads at once, and keeps for that, of each TLS connection: four of TLS's records. By default it is 256 KiB, and
the operator has some twenty connections to the API server."""


def few_arenas() -> None:
    """Let threads share malloc's arenas, where the C library is glibc; before any thread is begun."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(ctypes.c_int(_M_ARENA_MAX), ctypes.c_int(ARENAS))


def small_buffers() -> None:
    """Let TLS connections do with less, where asyncio lets itself be told; before any is made."""
    if hasattr(sslproto, "SSLProtocol") and hasattr(sslproto.SSLProtocol, "max_size"):
        sslproto.SSLProtocol.max_size = TLS_BUFFER


def freeze() -> None:
    """Let the garbage collector leave alone what is there by now: modules, classes and functions, which stay to the end.

    A full collection comes when a quarter as many objects have come as there were at the last one, and looks at all: with the
    200,000 of modules it took a fifth of the CPU of writing statuses, and 50,000 objects could lie about that nobody needs.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # reckon anew with what is left
