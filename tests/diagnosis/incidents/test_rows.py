import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diff.tolerance import agrees


def table(online, replayed, **columns):
    return RowTable(np.arange(len(online), dtype=np.int64), np.array(online), np.array(replayed), **columns)


def test_severity_over_one_is_a_mismatch():
    rng = np.random.default_rng(0)
    online = rng.normal(size=2000)
    rows = table(online, online + rng.normal(size=2000) * 1e-3)
    tolerance = Tolerance(abs=1e-4, rel=1e-3)

    assert ((severity(rows, tolerance) <= 1) == agrees(rows.replayed, rows.online, tolerance)).all()


def test_severity_without_a_tolerance():
    rows = table([0.5, 0.5], [0.5, 0.6])

    assert severity(rows, Tolerance(abs=0, rel=0)).tolist() == [0.0, np.inf]


def test_a_score_on_one_side_only():
    rows = table([0.5, np.nan], [np.nan, 0.5], compared=np.array([True, False]))

    assert severity(rows, Tolerance()).tolist() == [np.inf, np.inf]
    assert rows.counts.tolist() == [True, False]
    assert not table([0.5, np.nan], [np.nan, 0.5]).counts.any()


def test_values_of_segments_on_some_rows():
    rows = table([0.5] * 3, [0.5] * 3, segments={"country": (np.array([1, -1, 0], dtype=np.int32), ("DE", "US"))})

    assert rows.segment_values(np.array([2, 1, 0]))["country"].to_pylist() == ["DE", None, "US"]


def test_rows_of_a_slice():
    segments = {
        "surface": (np.array([0, 1, 0, -1], dtype=np.int32), ("home", "search")),
        "country": (np.array([0, 0, 1, 0], dtype=np.int32), ("DE", "US")),
    }
    rows = table([0.0] * 4, [0.0] * 4, segments=segments)

    assert rows.in_slice({"surface": "home"}).tolist() == [True, False, True, False]
    assert rows.in_slice({"surface": "home", "country": "US"}).tolist() == [False, False, True, False]
    assert rows.in_slice({}).all()


def test_times_that_go_back_are_refused():
    with pytest.raises(ValueError, match="sort every column"):
        RowTable(np.array([2, 1]), np.zeros(2), np.zeros(2))


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"group.*expected 2 rows"):
        table([0.0, 0.0], [0.0, 0.0], group=np.array([1]))
    with pytest.raises(ValueError, match=r"entity.*expected 2 rows"):
        table([0.0, 0.0], [0.0, 0.0], entity=np.array([1]))
