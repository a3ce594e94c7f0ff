"""What is known too early, counted by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.audit.columns.cells import cells_of
from replay.audit.label_dependence import LIMIT
from replay.audit.leakage import LeakageCounts

HOUR = 3_600_000_000


def _moments(*hours):
    return pa.array([None if hour is None else hour * HOUR for hour in hours], pa.timestamp("us", tz="UTC"))


def test_values_later_than_the_event_are_counted():
    counts = LeakageCounts({})

    event = _moments(1, 2, 3, None).cast(pa.int64())
    counts.update_times(event, {"a": _moments(2, 2, None, 9), "b": _moments(0, 0, 0, 0)}, _moments(1, 1, 9, 9))
    counts.update_times(event, {"a": _moments(5, 5, 5, 5)}, None)

    assert counts.from_future == {"a": 4, "b": 0}
    assert counts.rows_from_future == 1


def _backfilled(leaks: bool, seed: int = 0, rows: int = 20_000):
    rng = np.random.default_rng(seed)
    here, labels = rng.integers(0, 20, rows), (rng.random(rows) < 0.2).astype(np.int64)
    differs = rng.random(rows) < (np.where(labels == 1, 0.3, 0.02) if leaks else 0.1)
    return pa.array(here), differs.astype(np.int8), np.where(rng.random(rows) < 0.01, -1, labels)


def test_a_backfill_that_knows_the_label_stands_out_and_parts_merge():
    state = LeakageCounts({name: cells_of(pa.array(range(20))) for name in ("leak", "clean")})
    parts = [LeakageCounts(state.cells), LeakageCounts(state.cells)]
    for name in ("leak", "clean"):
        here, codes, labels = _backfilled(name == "leak")
        clusters = np.arange(len(here)) % 64
        for part, rows in zip(parts, (slice(0, 5000), slice(5000, None)), strict=True):
            part.update_labels(name, here[rows], codes[rows], labels[rows], clusters[rows])
    for part in parts:
        state.merge(part)

    assert state.dependence["leak"].z() > 20
    assert abs(state.dependence["clean"].z()) < LIMIT
    state.update_labels("unknown", here, codes, labels, clusters)
    assert set(state.dependence) == {"leak", "clean"}
