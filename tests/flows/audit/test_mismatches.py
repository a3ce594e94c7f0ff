"""Explained mismatches, by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.config import Tolerance
from replay.flows.audit.mismatches import NO_MISMATCH, explained_mismatches
from replay.metrics.interval import wilson


class _InMemory:
    """A scores table whose batches are folded one by one."""

    def __init__(self, *batches: pa.RecordBatch) -> None:
        self._batches = batches

    def fold(self, columns, update, merge):
        yield merge(update([batch.select(list(columns))]) for batch in self._batches)


def _batch(online, logged, other):
    return pa.record_batch({"online": online, "prod": logged, "prod/a.all": pa.array(other, pa.float64())})


def _explained(*batches):
    variants = {"a": ("prod/a.all", "prod")}
    return explained_mismatches(_InMemory(*batches), "online", variants, Tolerance(abs=0.01, rel=0.0))["a"]


def test_rows_that_disagree_and_agree_otherwise_are_counted():
    one = _batch([0.5, 0.5, 0.5, None], [0.5, 0.7, 0.7, 0.7], [None, 0.5, None, 0.5])
    two = _batch([0.5, 0.5], [0.9, 0.9], [0.505, 0.6])

    found = _explained(one, two)

    assert (found.value, found.rows) == (0.5, 4)
    assert (found.low, found.high) == pytest.approx(wilson(2, 4))


def test_where_all_agree_there_is_nothing_to_explain():
    found = _explained(_batch([0.5], [0.5], [0.9]))

    assert (found.value, found.reason) == (None, NO_MISMATCH)
    assert explained_mismatches(_InMemory(), "online", {}, Tolerance()) == {}
