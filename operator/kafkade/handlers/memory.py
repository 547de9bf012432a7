"""What keeps the operator small."""

from __future__ import annotations

import ctypes
import gc
from asyncio import sslproto
from contextlib import suppress

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""malloc.h of glibc."""

ARENAS = 2
"""Arenas that malloc divides its memory into at most. By default each thread may get one of its own, up to eight a core, and a
client of librdkafka begins a thread for each broker and each attempt to reach one: what is freed in one arena is of no use to
another."""

LARGE = 128 * 1024
"""Bytes from which on malloc takes a block from the system alone, and gives it back as soon as it is freed. By default it raises
that, with each block that is freed, up to 32 MiB: answers about hundreds of topics then lie among what is small and stays, and
leave holes. With 6,000 topics of which each was changed that was 6 MiB of 113."""

TLS_BUFFER = 64 * 1024
"""Bytes that asyncio reads at once, and keeps for that, of each TLS connection: four of TLS's records. By default it is 256 KiB, and
the operator has some twenty connections to the API server."""


def few_arenas() -> None:
    """Let threads share malloc's arenas, where the C library is glibc; before any thread is begun."""
    _mallopt(_M_ARENA_MAX, ARENAS)


def large_blocks_apart() -> None:
    """Let malloc give large blocks back, where the C library is glibc, whatever was large before."""
    _mallopt(_M_MMAP_THRESHOLD, LARGE)


def _mallopt(parameter: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(ctypes.c_int(parameter), ctypes.c_int(value))


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
