"""Memory that goes back to the machine."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from replay.checkpoints.sharing.memory import release_memory


def resident() -> int:
    """Bytes of this process in memory, without pages of files: those come in whenever they are touched."""
    _, pages, of_files, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (pages - of_files) * os.sysconf("SC_PAGE_SIZE")


def free_and_release(sizes: Connection) -> None:
    gc.disable()
    cycle: list[object] = [bytearray(b"x" * 50_000) for _ in range(2000)]  # small enough for the heap, not its end
    cycle.append(cycle)
    end = bytearray(b"x" * 50_000)
    full = resident()
    del cycle
    freed = resident()
    release_memory()
    sizes.send((full, freed, resident(), len(end)))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim")
def test_memory_that_was_freed_is_given_back() -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=free_and_release, args=(theirs,))
    process.start()
    full, freed, released, _ = ours.recv()
    process.join()
    assert full - freed < 10e6  # garbage in a cycle, below what is still in use
    assert freed - released > 90e6
