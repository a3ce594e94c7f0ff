"""Rows that are committed are left out by their keys, before they are scored or after."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.scenarios import row_keys
from replay.scoring.layout import Carried
from replay.scoring.table.committed import CommittedRows
from replay.traffic import fingerprint_digests
from replay.traffic.key_digests import NO_KEYS, DigestIndex, write_digests

CARRIED = (
    Carried("label", pa.float64(), "number"),
    Carried("item", pa.string(), "key"),
    Carried("request", pa.int64(), "key"),
)


def work(whole: frozenset[str] = frozenset()) -> Any:
    return SimpleNamespace(key=("request", "item"), carried=CARRIED, time_unit=None, whole=whole)


def logged() -> pa.RecordBatch:
    items = pa.array(["a", "b", "a", "b"]).dictionary_encode()
    return pa.record_batch({"request": pa.array([1, 1, 2, 2], pa.int32()), "item": items, "x": [0.0, 1.0, 2.0, 3.0]})


def scored() -> pa.RecordBatch:
    return pa.record_batch({"item": ["a", "b", "a", "b"], "request": [1, 1, 2, 2], "prod": [0.5, 0.25, 0.125, 1.0]})


def keys(*pairs: tuple[int, str]) -> np.ndarray:
    return row_keys([pa.array([request for request, _ in pairs]), pa.array([item for _, item in pairs])])


@pytest.fixture
def index(tmp_path: Path) -> DigestIndex:
    """Of (1, b), (2, a), and a row that is not there."""
    digests = np.sort(keys((1, "b"), (2, "a"), (9, "z")))
    write_digests(str(tmp_path / "held.uint64"), digests)
    return DigestIndex((str(tmp_path / "held.uint64"),), (0,), fingerprint_digests(digests))


def test_logged_rows_are_left_out_before_they_are_scored(index: DigestIndex) -> None:
    committed = CommittedRows(index, work())
    found = list(committed.leave_logged([logged(), logged().slice(0, 0), logged().slice(1, 2), logged().slice(3)]))
    assert [batch.column("x").to_pylist() for batch in found] == [[0.0, 3.0], [3.0]]
    assert committed.dropped == fingerprint_digests(keys((1, "b"), (2, "a"), (1, "b"), (2, "a")))
    assert list(committed.leave_scored([scored()])) == [scored()]


def test_scores_are_left_out_where_they_depend_on_the_rows_beside(index: DigestIndex) -> None:
    committed = CommittedRows(index, work(frozenset({"prod"})))
    assert list(committed.leave_logged([logged()])) == [logged()]
    assert committed.dropped == NO_KEYS
    (found,) = committed.leave_scored([scored()])
    assert found.column("prod").to_pylist() == [0.5, 1.0]
    assert committed.dropped == fingerprint_digests(keys((1, "b"), (2, "a")))
