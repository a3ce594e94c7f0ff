"""A row of the heat map, by hand."""

from __future__ import annotations

import pytest

from replay.report.buckets import BucketStep
from replay.report.charts.heat_map import LEVELS, heat_row, rate_level
from tests.report.sample import START


def step(mismatched: int, compared: int = 1_000) -> BucketStep:
    return BucketStep(START, compared, mismatched)


@pytest.mark.parametrize(
    ("rate", "label"),
    [
        (0.0, "0"),
        (1e-9, "under 0.1%"),
        (0.001, "under 1%"),
        (0.01, "under 10%"),
        (0.1, "under 50%"),
        (0.4999, "under 50%"),
        (0.5, "50% or more"),
        (1.0, "50% or more"),
    ],
)
def test_each_limit_belongs_to_the_level_above_it(rate, label):
    assert LEVELS[rate_level(rate)] == label


def test_a_row_has_a_path_for_each_level_that_occurs():
    row = heat_row("prod", [step(0), step(5), step(5), None])
    assert (row.variant, row.overall) == ("prod", "0.33%")  # 10 of 3,000
    assert row.paths == ((0, "M0 0H250V100H0Z"), (2, "M250 0H750V100H250Z"))


def test_without_any_row_nothing_is_drawn():
    assert heat_row("prod", [None, None]).paths == ()
