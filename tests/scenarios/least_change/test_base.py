from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.scenarios.least_change import summary_of
from replay.scenarios.least_change.base import random_share
from tests.scenarios.least_change.making import randoms, summarized

NUMBERS = pa.array([1.0, None, 3.0])


def test_rows_and_nulls_are_counted():
    summary = summarized(NUMBERS, "numbers")
    summary.merge(summarized(pa.array([None, None], pa.float64()), "numbers"))

    assert (summary.rows, summary.nulls) == (5, 3)


def test_a_column_of_another_type_is_refused():
    with pytest.raises(ValueError, match="found values of float in a summary of double: cast them first"):
        summarized(NUMBERS, "numbers").update(pa.array([1.0], pa.float32()))


@pytest.mark.parametrize("how", ["merge", "change_to"])
@pytest.mark.parametrize(
    "other",
    [
        summarized(pa.array([1]), "numbers"),
        summarized(NUMBERS, "values"),
        summarized(NUMBERS, "numbers", most=7),
    ],
)
def test_summaries_are_of_the_same_kind_type_and_bound(how, other):
    with pytest.raises(ValueError, match="summarize both columns alike"):
        getattr(summarized(NUMBERS, "numbers"), how)(other)


def test_no_rows_are_no_distribution():
    with pytest.raises(ValueError, match="leave out what has none"):
        summarized(NUMBERS, "numbers").change_to(summary_of("numbers", NUMBERS.type))


def test_numbers_of_other_tags_are_independent():
    one, other = (random_share(randoms(10_000), tag) for tag in ("leave", "where"))

    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / 100  # 4 standard errors
