"""The rows of an incident, as they are and under its cause, by hand."""

from __future__ import annotations

import numpy as np

from replay.config import Tolerance
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.verification import agree_under, rows_of_incident

TOLERANCE = Tolerance(abs=0.125, rel=0.0)
ROWS = RowTable(
    time_us=np.array([0, 1, 2, 3, 4, 5]),
    online=np.array([0.5, 0.5, 0.5, 0.5, np.nan, 0.5]),
    replayed=np.array([1.0, 0.5, 1.0, 0.625, 0.5, 1.0]),
    segments={"surface": (np.array([0, 0, 1, 0, 0, 0], np.int32), ("home", "search"))},
)


def test_rows_are_those_of_time_and_slice_that_count():
    found = rows_of_incident(ROWS, [(0, 5)], {"surface": "home"}, TOLERANCE)
    assert found.mismatched.tolist() == [True, False, False, False, False, False]
    assert found.others.tolist() == [False, True, False, True, False, False]  # the bound is inclusive
    everyone = rows_of_incident(ROWS, [(0, 6)], {}, TOLERANCE)
    assert everyone.mismatched.tolist() == [True, False, True, False, False, True]


def test_rows_of_bursts_are_those_of_each_time():
    found = rows_of_incident(ROWS, [(0, 1), (2, 4)], {}, TOLERANCE)
    assert found.mismatched.tolist() == [True, False, True, False, False, False]
    assert found.others.tolist() == [False, False, False, True, False, False]


def test_a_row_agrees_within_the_tolerance_and_never_without_a_score():
    replayed = np.array([0.5, 0.75, 0.625, np.nan, 0.5, 0.375])
    assert agree_under(ROWS, replayed, TOLERANCE).tolist() == [True, False, True, False, False, True]
