"""A disk that is full: one error, and nothing under a name that anyone reads.

The limit that a process has for a file stands for it, as nobody needs rights to set it: writing fails in the middle, as
it does where there is no room.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from replay.errors import RunFailed
from replay.store import DataFileWriter, open_storage
from replay.store.commits import replace_rows

_ROOM = 20_000


@contextmanager
def room(size: int = _ROOM) -> Iterator[None]:
    """Let no file grow larger than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def rows() -> pa.Table:
    """More than there is room for, in any encoding."""
    return pa.table({"value": np.random.default_rng(0).standard_normal(20_000)})


def test_nothing_half_written_stays(tmp_path: Path):
    writer = DataFileWriter(str(tmp_path), "part-00000", rows().schema, indexed=1)
    writer.write(rows().combine_chunks().to_batches()[0])
    with room(), pytest.raises(OSError, match="File too large"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_table_stays_what_it_was(tmp_path: Path):
    path = str(tmp_path / "metrics")
    replace_rows(rows().slice(0, 3), path, "run")
    with room(), pytest.raises(RunFailed, match=r"metrics cannot be written: .*[Ff]ile too large"):
        replace_rows(rows(), path, "run")
    assert len(list((tmp_path / "metrics").glob("*.parquet"))) == 1


def test_a_small_file_stays_what_it_was(tmp_path: Path):
    storage = open_storage(str(tmp_path))
    storage.write("summary.json", "{}")
    with room(), pytest.raises(RunFailed, match=r"summary\.json cannot be written: File too large$"):
        storage.write("summary.json", "x" * 2 * _ROOM)
    assert storage.read("summary.json") == "{}"
    assert storage.names() == ["summary.json"]
