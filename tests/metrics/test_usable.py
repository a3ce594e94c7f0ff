from __future__ import annotations

from dataclasses import astuple

import numpy as np

from replay.metrics.usable import Excluded, labelled_rows, usable_rows


def test_a_row_is_left_out_for_the_first_reason_that_applies():
    label = np.array([np.nan, 2.0, 1.0, 0.0, 1.0, 0.0, np.nan])
    weight = np.array([-1.0, -1.0, -1.0, np.nan, np.inf, 0.0, 1.0])
    found = labelled_rows(label, weight)
    assert found.mask.tolist() == [False] * 5 + [True, False]
    assert astuple(found.excluded) == (2, 1, 3, 0, 2.0, 2.0)


def test_columns_are_cut_to_the_rows_that_are_used():
    found = usable_rows(
        np.array([0.5, np.inf, 0.25], np.float32), np.array([1, 0, 0]), None, np.array([7, 8, 9], np.int32)
    )
    assert (found.score.tolist(), found.label.tolist(), found.weight) == ([0.5, 0.25], [1.0, 0.0], None)
    assert found.cluster.tolist() == [7, 9]
    assert (found.score.dtype, found.excluded) == (np.float64, Excluded(score_non_finite=1))


def test_labels_that_are_neither_are_told_with_their_range():
    found = labelled_rows(np.array([1.0, 5.0, 3.0, np.nan]), None).excluded
    found.add(labelled_rows(np.array([2.0, 0.0]), None).excluded)
    assert found.label_note("rating") == (
        "label 'rating' is not 0/1: found 2 to 5 in 3 rows, in no quality metric; name a column that is 0 or 1, "
        "or compute one by `traffic.columns`"
    )
    one = labelled_rows(np.array([2.0]), None).excluded.label_note("a")
    assert one is not None
    assert one.startswith("label 'a' is not 0/1: found 2 in 1 rows")
    assert labelled_rows(np.array([1.0, np.nan]), None).excluded.label_note("rating") is None
