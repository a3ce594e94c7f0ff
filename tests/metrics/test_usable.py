from __future__ import annotations

from dataclasses import astuple

import numpy as np

from replay.metrics.usable import Excluded, labelled_rows, usable_rows


def test_a_row_is_left_out_for_the_first_reason_that_applies():
    label = np.array([np.nan, 2.0, 1.0, 0.0, 1.0, 0.0, np.nan])
    weight = np.array([-1.0, -1.0, -1.0, np.nan, np.inf, 0.0, 1.0])
    found = labelled_rows(label, weight)
    assert found.mask.tolist() == [False] * 5 + [True, False]
    assert astuple(found.excluded) == (2, 1, 3, 0)


def test_columns_are_cut_to_the_rows_that_are_used():
    found = usable_rows(
        np.array([0.5, np.inf, 0.25], np.float32), np.array([1, 0, 0]), None, np.array([7, 8, 9], np.int32)
    )
    assert (found.score.tolist(), found.label.tolist(), found.weight) == ([0.5, 0.25], [1.0, 0.0], None)
    assert found.cluster.tolist() == [7, 9]
    assert (found.score.dtype, found.excluded) == (np.float64, Excluded(score_non_finite=1))
