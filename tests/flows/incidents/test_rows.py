"""Collected columns as the incident search takes them, written out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from replay.flows.incidents.rows import collect_rows, rows_from_arrow

COLUMNS = {
    "time_us": pa.array([30, 10, 20, 10]),
    "online": pa.array([0.3, 0.1, 0.2, 0.15]),
    "replayed": pa.array([0.31, 0.11, 0.21, 0.16]),
    "identity": pa.array([3, 1, 2, -1]),
}


def test_rows_are_sorted_by_time_and_ties_stay_as_they_came():
    found = rows_from_arrow(pa.table(COLUMNS), ())

    assert found.table.time_us.tolist() == [10, 10, 20, 30]
    assert found.table.online.tolist() == [0.1, 0.15, 0.2, 0.3]
    assert found.table.replayed.tolist() == [0.11, 0.16, 0.21, 0.31]
    assert found.identity.tolist() == [1, -1, 2, 3]
    assert (found.table.label, found.table.weight, found.table.group, found.share) == (None, None, None, 1.0)


def test_what_else_is_there_is_sorted_with_them():
    more = {"label": pa.array([1.0, 0.0, None, 1.0]), "weight": pa.array([4.0, 1.0, 3.0, 2.0]), "group": [9, 7, 8, 7]}
    table = rows_from_arrow(pa.table({**COLUMNS, **more}), (), 0.25).table

    np.testing.assert_array_equal(table.label, [0.0, 1.0, np.nan, 1.0])
    assert table.weight.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert table.group.tolist() == [7, 7, 8, 9]


@pytest.mark.parametrize("is_dictionary", [False, True])
def test_segments_become_codes_and_a_null_is_below_zero(is_dictionary):
    surface = pa.array(["home", "feed", None, "home"])
    segments = {"segment 0": surface.dictionary_encode() if is_dictionary else surface, "segment 1": ["x"] * 4}
    table = rows_from_arrow(pa.table({**COLUMNS, **segments}), ("context.surface", "market")).table

    codes, values = table.segments["context.surface"]
    assert [None if code < 0 else values[code] for code in codes] == ["feed", "home", None, "home"]
    assert (codes.dtype, codes.min()) == (np.int32, -1)
    assert table.segments["market"][1] == ("x",)


@pytest.mark.parametrize(
    ("online", "replayed", "compared"),
    [
        (0.5, 0.5, True),
        (np.nan, 0.5, True),  # a score that is no number on one side is a difference
        (0.5, np.inf, True),
        (np.nan, -np.inf, False),  # on both sides it is none
        (None, 0.5, False),  # and without a score there is nothing to compare
        (0.5, None, False),
    ],
)
def test_scores_that_are_no_numbers(online, replayed, compared):
    row = {"time_us": [1], "online": pa.array([online], pa.float64()), "replayed": pa.array([replayed], pa.float64())}
    table = rows_from_arrow(pa.table({**row, "identity": [1]}), ()).table

    assert table.compared.tolist() == [compared]
    assert not np.isinf(table.online).any()
    assert not np.isinf(table.replayed).any()


def test_no_rows():
    empty = {name: column[:0] for name, column in COLUMNS.items()}
    found = rows_from_arrow(pa.table({**empty, "segment 0": pa.array([], pa.string())}), ("surface",))

    assert (len(found.table), len(found.identity), found.table.segments["surface"][1]) == (0, 0, ())


def test_traffic_without_a_time_is_refused():
    config = SimpleNamespace(traffic=SimpleNamespace(time=None))
    with pytest.raises(ValueError, match="found no time column"):
        collect_rows(cast("Any", None), cast("Any", config), 10)
