"""The pass of a task over joined rows, in memory."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pyarrow as pa

from replay.audit.columns.cells import cells_of
from replay.config import TrafficConfig
from replay.flows.audit.differences import PairedPass
from tests.flows.audit.test_pairing import BATCH, COLUMNS

LABELLED = replace(
    COLUMNS,
    traffic=TrafficConfig(path="t", key=("id",), score="score", time="at", label="label", segments=("s",)),
    known_at="x_at",
)


def _batch():
    return BATCH.append_column("label", pa.array([1, 0]))


def test_states_of_tasks_merge_to_what_one_task_finds():
    tables = PairedPass(COLUMNS)
    names = BATCH.schema.names
    packed = [tables.update(names, [BATCH.slice(place, 1)]) for place in range(2)]

    for states in (packed, packed[::-1]):
        found, leakage = pickle.loads(tables.merge(states))
        assert (found.rows, found.unmatched, leakage) == (1, 1, None)
        assert found.features["x"].counts[0].tolist() == [0, 1, 0, 0, 0]
        assert found.features["gone"].counts[0].tolist() == [0, 0, 0, 1, 0]


def test_leakage_is_counted_in_the_same_pass():
    tables = PairedPass(LABELLED, {"x": cells_of(pa.array([1.0, 2.0]))})
    batch = _batch()

    found, leakage = pickle.loads(tables.update(batch.schema.names, [batch]))

    assert found.rows == 1
    assert (leakage.from_future, leakage.rows_from_future) == ({"x": 0}, 0)
    assert leakage.dependence["x"].counts.sum(axis=(0, 1)).tolist() == [[0, 0], [0, 1]]
