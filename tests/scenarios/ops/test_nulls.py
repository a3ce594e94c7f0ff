"""nulls: of any type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tests.scenarios.making import changed, plan, rows
from tests.scenarios.test_forms import TRANSFERS


@pytest.mark.parametrize("array", TRANSFERS)
def test_nulls_of_any_type(array):
    nulls = changed(array, op="nulls")

    assert nulls.type == array.type
    assert nulls.to_pylist() == [None] * 4


def test_a_whole_list_is_null_and_not_its_elements():
    array = pa.array([[1, 2], [], None], pa.list_(pa.int32()))

    assert changed(array, op="nulls").to_pylist() == [None, None, None]


def test_rows_that_are_not_touched_keep_their_values():
    columns = {"x": pa.array(["a", "b", "c", "d"]), "y": pa.array([1, 2, 3, 4])}
    times = np.array([0, 1_000_000, 2_000_000, 3_000_000])
    window = {"start": "1970-01-01T00:00:02Z"}
    steps = ({"op": "nulls", "features": "x", "window": window}, {"op": "nulls", "features": "y"})

    touched = plan(columns, *steps).touch(rows(columns, time_us=times))

    assert touched.columns["x"].to_pylist() == ["a", "b", None, None]
    assert touched.columns["y"].to_pylist() == [None] * 4


def test_it_takes_no_arguments():
    with pytest.raises(ValidationError, match="is no argument of `nulls`: it takes no arguments"):
        changed(pa.array([1]), op="nulls", value=0)
