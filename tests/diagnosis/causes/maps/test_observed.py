"""Which values give the online score."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.diagnosis.causes.maps.observed import observe, spread
from tests.diagnosis.linear import counterfactual, score

COLUMNS = {"a": np.array([1.0, 2.0, 1.0, np.nan]), "b": np.array([3.0, 4.0, 5.0, 6.0]), "c": np.ones(4)}


def test_a_row_says_which_value_gives_its_score():
    columns = {**COLUMNS, "a": np.array([1.0, 2.0, 1.0, 1.0])}
    online = score({**columns, "a": np.array([7.0, 0.0, 9.0, 1.5])})
    found = observe(counterfactual(columns, online), "a", [7, 9, None], np.arange(4))

    assert found.hits.tolist() == [
        [True, False, False, False],
        [False, False, True, False],
        [False, True, False, False],
    ]
    assert (found.logged, found.rows.tolist(), found.hit_rate) == ([1.0, 2.0, 1.0, 1.0], [0, 1, 2, 3], 0.75)


def test_few_rows_of_each_value():
    lab = counterfactual({**COLUMNS, "a": np.array([1.0, 1.0, 1.0, 2.0])}, np.full(4, 9.0))

    assert spread(lab, "a", np.array([2, 0, 1, 3]), most=10, each=2).tolist() == [2, 0, 3]
    assert spread(lab, "a", np.array([2, 0, 1, 3]), most=2, each=2).tolist() == [2, 0]


@pytest.mark.parametrize("gap", [None, np.nan])
def test_rows_without_a_value_are_left_out(gap):
    columns = {**COLUMNS, "a": pa.array([1.0, gap, 2.0, 3.0], from_pandas=False)}
    online = score({**COLUMNS, "a": np.array([7.0, 7.0, 9.0, 7.0])})
    found = observe(counterfactual(columns, online), "a", [7, 9], np.arange(4))

    assert (found.rows.tolist(), found.logged) == ([0, 2, 3], [1.0, 2.0, 3.0])
    assert found.hits.tolist() == [[True, False, True], [False, True, False]]
