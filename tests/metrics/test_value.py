"""A measured metric, or the reason why there is none."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, astuple

import numpy as np
import pytest

from replay.metrics.value import ClassCounts, MetricValue, finite, undefined


def test_a_measured_value_needs_no_reason():
    assert astuple(MetricValue(0.5, 0.25, 0.75, 8)) == (0.5, 0.25, 0.75, 8, None, None)


def test_what_is_not_defined_has_rows_and_a_reason_and_nothing_else():
    assert undefined(3, "one class") == MetricValue(value=None, low=None, high=None, rows=3, reason="one class")


def test_it_is_frozen_small_and_travels_between_processes():
    found = undefined(3, "one class")
    with pytest.raises(FrozenInstanceError):
        found.rows = 4  # type: ignore[misc]
    assert not hasattr(found, "__dict__")
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (ClassCounts(5.0, 100.0, 5.0), None),
        (ClassCounts(4.96, 100.0, 4.96), "no interval: 4.96 positives, and it takes 5"),
        (ClassCounts(100.0, 0.0, 0.0), "no interval: 0 negatives, and it takes 5"),
        (ClassCounts(np.nan, np.nan, np.nan), "no interval: 0 negatives, and it takes 5"),
        (
            ClassCounts(50.0, 80.0, 3.14, 20.0),
            "no interval: 50 positives, which count as 3.1 since rows are grouped, and it takes 5",
        ),
        (ClassCounts(50.0, 80.0, 4.0, 4.0), "no interval: 4 groups with labels, and it takes 5"),
        (ClassCounts(50.0, 80.0, 30.0, 5.0), None),
    ],
)
def test_an_interval_takes_some_rows_of_either_class_and_some_groups(evidence: ClassCounts, reason: str | None):
    assert evidence.why_no_interval(5) == reason


def test_a_rate_varies_as_a_binomial_one_does():
    # 20 of 100: variance of the number 16, over its square.
    assert ClassCounts(20.0, 80.0, 20.0).variation_of_rate() == pytest.approx(16 / 20**2)
    assert ClassCounts(20.0, 80.0, 5.0).variation_of_rate() == pytest.approx(4 * 16 / 20**2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_no_number_is_none(value: float):
    assert finite(value) is None


@pytest.mark.parametrize("value", [np.float64(0.5), np.float32(0.5), 0.5])
def test_a_number_is_a_plain_float(value: float):
    found = finite(value)
    assert found == 0.5
    assert type(found) is float


def test_zero_and_whole_numbers_are_numbers():
    assert (finite(0.0), finite(3)) == (0.0, 3.0)
