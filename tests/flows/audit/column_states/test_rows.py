"""Statistics by side, slice, bucket and hour against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from replay.flows.audit.column_states.rows import EPOCH, hours_of, state_rows
from tests.audit.columns.planted_ages import HOUR, START, landed
from tests.flows.audit.column_states.counted import DAYS, ROWS, columns, counted, moments


@pytest.fixture(scope="module")
def found():
    return counted()


def _rows(found, feature, **options):
    return [row for row in state_rows(found, feature, **{"coverage": True, **options})]


def _of(rows, side, stat, label="all"):
    return [row for row in rows if (row.side, row.stat, row.slice) == (side, stat, label)]


def test_coverage_by_slice_and_by_bucket(found):
    rows, frame = _rows(found, "plain"), pd.DataFrame(columns(0))

    (whole, *days) = _of(rows, "here", "coverage")
    (home,) = _of(rows, "here", "coverage", "surface=home")

    assert (whole.value, whole.rows, whole.bucket) == (pytest.approx(frame.plain.notna().mean()), ROWS, None)
    assert home.value == pytest.approx(frame.plain[frame.surface == "home"].notna().mean())
    by_day = frame.plain.notna().groupby(moments(0) // (24 * HOUR)).agg(["mean", "size"])
    assert [row.value for row in days] == pytest.approx(by_day["mean"].tolist())
    assert [row.rows for row in days] == by_day["size"].tolist()
    assert [(row.bucket - EPOCH).days for row in days] == by_day.index.tolist()
    assert _of(_rows(found, "plain", coverage=False), "here", "coverage") == days


def test_values_by_side(found):
    rows = _rows(found, "daily")

    for side, seed in (("here", 0), ("there", 1)):
        values = columns(seed)["daily"]
        (mode,), (share,), (median,) = (_of(rows, side, stat) for stat in ("mode", "mode_share", "p50"))
        assert (mode.value, share.value) == (-1.0, pytest.approx((values == -1).mean()))
        assert median.value == pytest.approx(np.median(values), rel=0.02)


def test_ages_by_hour_and_statuses(found):
    rows = _rows(found, "daily")
    ages = pd.Series((moments(0) - landed(moments(0), 3)) / 1e6)
    by_hour = ages.groupby((moments(0) - START) // HOUR % 24).median()

    told = [_of(rows, "here", "age_p50", f"hour={hour:02d}")[0] for hour in range(24)]

    assert [row.value for row in told] == pytest.approx(by_hour.tolist(), abs=1800)
    assert all(row.low <= row.value <= row.high for row in told)
    assert _of(rows, "there", "age_p50", "hour=03") == []
    assert _of(rows, "here", "age_p50")[0].value == pytest.approx(ages.median(), rel=0.02)
    assert _of(_rows(found, "live"), "here", "status=ok")[0].value == 1.0
    assert np.argmin(hours_of(found.here, "daily")) == 3


def test_distances_are_of_both(found):
    (distance,), (index,) = (_of(_rows(found, "daily"), "both", stat) for stat in ("divergence", "stability_index"))

    assert 0 <= distance.value < 0.01
    assert 0 <= index.value < 0.05
    assert len({row.bucket for row in _rows(found, "daily")}) == DAYS + 1
