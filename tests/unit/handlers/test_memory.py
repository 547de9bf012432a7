"""handlers/memory: few arenas, large blocks given back, no search of modules for garbage, small buffers of TLS."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from kafkade.handlers.memory import TLS_BUFFER

ARENAS_OF_EIGHT_THREADS = """
import ctypes, sys, threading
from kafkade.handlers.memory import few_arenas
if sys.argv[1] == "few":
    few_arenas()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.malloc.restype = ctypes.c_void_p
all_are_there = threading.Barrier(8)
def work():
    all_are_there.wait()
    libc.malloc(ctypes.c_size_t(1000))
    all_are_there.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

BLOCK_AFTER_A_LARGER_ONE = """
import ctypes, sys
from kafkade.handlers.memory import LARGE, large_blocks_apart
if sys.argv[1] == "apart":
    large_blocks_apart()
class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("arena", "ordblks", "smblks", "hblks", *"abcdef")]
libc = ctypes.CDLL(None)
libc.mallinfo.restype = MallInfo
libc.malloc.restype = ctypes.c_void_p
libc.free(ctypes.c_void_p(libc.malloc(ctypes.c_size_t(16 * LARGE))))
before = libc.mallinfo().hblks
libc.malloc(ctypes.c_size_t(2 * LARGE))
print(libc.mallinfo().hblks - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone has arenas")
def test_eight_threads_share_two_arenas() -> None:
    def arenas(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", ARENAS_OF_EIGHT_THREADS, how], capture_output=True, text=True, check=True
        )
        return done.stdout.count("<heap nr=")

    assert arenas("few") == 2
    assert arenas("as it is") > 2


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries do not count what is large by what was freed"
)
def test_a_large_block_is_given_back_also_after_a_larger_one() -> None:
    def blocks_of_their_own(how: str) -> int:
        command = [sys.executable, "-c", BLOCK_AFTER_A_LARGER_ONE, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert blocks_of_their_own("apart") == 1
    assert blocks_of_their_own("as it is") == 0


def test_what_is_there_is_not_searched_for_garbage() -> None:
    code = "import gc; from kafkade.handlers.memory import freeze; freeze(); print(gc.get_freeze_count(), len(gc.get_objects()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frozen, searched = map(int, done.stdout.split())
    assert searched < frozen / 20


def test_a_tls_connection_keeps_a_small_buffer() -> None:
    code = """
import asyncio, ssl
from asyncio import sslproto
from kafkade.handlers.memory import small_buffers
small_buffers()
async def main():
    loop, context = asyncio.get_running_loop(), ssl.create_default_context()
    print(len(sslproto.SSLProtocol(loop, asyncio.Protocol(), context, None, server_hostname="a").get_buffer(-1)))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == TLS_BUFFER
