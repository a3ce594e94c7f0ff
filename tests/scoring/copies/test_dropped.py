"""Rows that are left out, whatever the batches that they come in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from replay.scoring.copies.dropped import DroppedRows

PLACES = np.dtype([("split", np.uint32), ("row", np.uint32)])


@pytest.fixture
def dropped(tmp_path: Path) -> DroppedRows:
    files = []
    for name, places in (("a", [(0, 3), (1, 0), (1, 7)]), ("b", [(1, 5), (2, 1)])):
        np.save(tmp_path / f"{name}.npy", np.array(places, PLACES))
        files.append(str(tmp_path / f"{name}.npy"))
    return DroppedRows(tuple(files), 5)


def test_places_of_all_files(dropped: DroppedRows):
    assert [dropped.places(number).tolist() for number in range(4)] == [[3], [0, 5, 7], [1], []]


@pytest.mark.parametrize("size", [1, 2, 3, 8, 100])
def test_any_batches(dropped: DroppedRows, size: int):
    rows = pa.table({"row": range(10)})
    kept = pa.Table.from_batches(dropped.without(1, rows.to_batches(max_chunksize=size)), rows.schema)
    assert kept["row"].to_pylist() == [1, 2, 3, 4, 6, 8, 9]
    assert list(dropped.without(3, rows.to_batches())) == rows.to_batches()
