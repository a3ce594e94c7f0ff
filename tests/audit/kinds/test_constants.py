"""Nulls and defaults, planted by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.kinds.constants import default, null
from tests.audit.kinds.planted import amounts, differing, names


def test_a_null_is_told_with_the_status_that_most_have():
    rows = differing([1, 2, None, 4, 5], [None, None, 3, None, 6], statuses=pa.array([7, 3, 7, 7, 7]))

    found = null(rows)

    assert found.rows.tolist() == [True, True, False, True, False]
    assert found.details == {"status": 7}


def test_without_statuses_a_null_is_told_alone():
    assert null(differing([1, 2], [None, None])).details == {}
    assert null(differing([1], [2], statuses=pa.array([1]))).details == {}
    assert null(differing([1], [None], statuses=pa.array([None], pa.int8()))).details == {}


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_one_value_is_a_default(value):
    here = amounts() + 1.0

    found = default(differing(here, np.full(len(here), value)))

    assert found.rows.all()
    assert found.details == {"value": value}


def test_one_name_and_one_list_are_defaults():
    assert default(differing(names(), ["unknown"] * 400)).details == {"value": "unknown"}
    assert default(differing([[1], [2], [1]], [[], [], []])).rows.all()


def test_a_value_within_the_range_is_a_default_and_a_limit_is_none():
    here = amounts()

    assert default(differing(here, np.full(len(here), 50.0))).rows.all()
    above = here[here > 50]
    assert default(differing(above, np.full(len(above), 50.0))) is None


def test_of_one_value_here_nothing_is_said():
    assert default(differing([1, 1, 1], [0, 0, 0])) is None
    assert default(differing([1, 2], [None, None])) is None


def test_nan_is_a_default():
    assert default(differing([1.0, 2.0, 3.0], [float("nan")] * 3)).rows.all()


def test_a_value_beyond_all_others_is_a_default_and_what_is_infinite_may_be_an_overflow():
    here = amounts()
    for value in (-999.0, 1e9):
        rows = differing(here, np.full(len(here), value), equal=(0.0, float(here.max())))
        assert default(rows).details == {"value": value}
    assert default(differing(here, np.full(len(here), np.inf), equal=(0.0, 9.0))) is None


def test_a_limit_with_rows_on_its_other_side_is_none():
    above = amounts()[amounts() > 50]

    assert default(differing(above, np.full(len(above), 50.0), equal=(0.0, 50.0))) is None
    assert default(differing(above, np.full(len(above), 50.0), equal=(60.0, 70.0))).rows.all()
