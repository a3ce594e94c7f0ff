"""Features of some rows in memory: what is read, what is written, and the way back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from replay.scenarios import PerturbedColumns

LOGGED = {"n": pa.array([10, 11, None, 13], pa.int16()), "t": pa.array(["a", "b", "a", None]).dictionary_encode()}
PAST = pa.array([None, "old1", "old2", "old3"]).dictionary_encode()
TYPES = {name: array.type for name, array in LOGGED.items()}


def columns(*taken: int) -> PerturbedColumns:
    return PerturbedColumns(LOGGED.__getitem__, lambda feature, lag: PAST, np.array(taken, np.int64), 4)


def test_values_of_the_rows_in_the_working_type():
    part = columns(3, 1)

    assert len(part) == 2
    assert part.get("n").equals(pa.array([13, 11], pa.int16()))
    assert part.get("t").equals(pa.array([None, "b"], pa.large_string()))
    assert part.some("n", np.array([1])).to_pylist() == [11]
    assert columns(0, 1, 2, 3).get("t").equals(pa.array(["a", "b", "a", None], pa.large_string()))


def test_a_feature_is_read_once():
    read = []
    part = PerturbedColumns(lambda name: read.append(name) or LOGGED[name], lambda feature, lag: PAST, np.arange(4), 4)
    part.get("n")
    part.some("n", np.array([0]))

    assert read == ["n"]


def test_older_values_are_those_of_the_places():
    assert (
        columns(3, 1, 0)
        .older("t", timedelta(hours=1), np.array([0, 2]))
        .equals(pa.array(["old3", None], pa.large_string()))
    )


def test_what_is_written_stands_in_the_place_of_what_was_logged():
    part = columns(0, 1, 3)
    part.put("n", np.array([2, 0]), pa.array([7, None], pa.int16()))
    assert part.get("n").to_pylist() == [None, 11, 7]
    part.put("n", np.array([1]), pa.array([5], pa.int16()))
    assert part.get("n").to_pylist() == [None, 5, 7]
    part.put("n", np.arange(3), pa.array([1, 2, 3], pa.int16()))
    assert part.get("n").to_pylist() == [1, 2, 3]
    assert LOGGED["n"].to_pylist() == [10, 11, None, 13]


def test_only_what_was_written_comes_back_in_the_logged_types_and_their_order():
    part = columns(0, 1)
    part.get("n")
    assert part.changed(TYPES) == {}

    part.put("t", np.array([1]), pa.array(["z"], pa.large_string()))
    assert part.changed(TYPES).keys() == {"t"}
    part.put("n", np.array([0]), pa.array([1], pa.int16()))
    changed = part.changed(TYPES)

    assert [(name, array.type, array.to_pylist()) for name, array in changed.items()] == [
        ("n", pa.int16(), [1, 11]),
        ("t", TYPES["t"], ["a", "z"]),
    ]
