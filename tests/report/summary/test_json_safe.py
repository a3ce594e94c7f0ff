from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest

from replay.metrics.value import MetricValue
from replay.report.summary.json_safe import iso, plain


def test_times_become_utc_with_a_z():
    berlin = timezone(timedelta(hours=2))
    assert iso(datetime(2026, 7, 1, 1, 30, tzinfo=berlin)) == "2026-06-30T23:30:00Z"
    assert iso(datetime(2026, 7, 1, 1, 30, 0, 5, tzinfo=UTC)) == "2026-07-01T01:30:00.000005Z"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan")])
def test_what_is_not_finite_is_null(value):
    assert plain({"a": [value]}) == {"a": [None]}


def test_a_metric_that_is_null_always_has_its_reason():
    assert plain(MetricValue(None, None, None, 0, "one class")) == {
        "value": None,
        "low": None,
        "high": None,
        "rows": 0,
        "reason": "one class",
    }
    assert plain(MetricValue(float("nan"), None, None, 3))["reason"] == "it is not a finite number"
    assert "reason" not in plain(MetricValue(0.5, None, None, 3))


def test_what_a_table_may_hold_can_be_written():
    values = [Decimal("1.50"), date(2026, 1, 2), b"\x00\xff", np.int64(7), np.array([1.5, np.nan]), {1: 2}, True, None]
    assert json.loads(json.dumps(plain(values), allow_nan=False)) == [
        "1.50",
        "2026-01-02",
        "00ff",
        7,
        [1.5, None],
        {"1": 2},
        True,
        None,
    ]
