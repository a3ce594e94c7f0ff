"""One value per group and metric, against scipy and scikit-learn on groups small enough to list."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from replay.diff.ranking.group_values import GroupValues, Labels, Reference

TOP_K = (1, 2)
#                 three rows        two rows    one    four rows
CODES = np.array([4, 4, 4, 7, 7, 9, 2, 2, 2, 2])
GROUPS = [slice(0, 3), slice(3, 5), slice(6, 10)]
"""Those of more than one row."""
BASE = np.array([0.3, 0.2, 0.1, 0.5, 0.5, 0.9, 0.1, 0.2, 0.3, 0.4])
SCORE = np.array([0.1, 0.3, 0.2, 0.4, 0.6, 0.1, 0.1, 0.3, 0.2, 0.2])
LABEL = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
ALL = np.ones(10, dtype=bool)
TAU, TOP_1, TOP_2, NDCG_1, NDCG_2 = range(5)


def test_kendall_s_tau_is_scipy_s():
    picked, found = Reference(CODES, BASE, None, TOP_K).compare(SCORE, ALL)
    first, tied, last = (stats.kendalltau(SCORE[rows], BASE[rows]).statistic for rows in GROUPS)
    assert np.isnan(tied)
    assert picked.tolist() == [0, 1, 2, 3]
    assert found.rows.tolist() == [3, 2, 1, 4]
    assert found.off.shape == (3, 4)
    assert found.off[TAU] + 1 == pytest.approx([first, tied, np.nan, last], nan_ok=True)


def test_the_highest_rows_that_stay_by_hand():
    _, found = Reference(CODES, BASE, None, TOP_K).compare(SCORE, ALL)
    # Of four rows the highest two were 3 and 2; now it is 1, and 2 and 3 share the other place: half a row of two each.
    assert found.off[TOP_1] + 1 == pytest.approx([0, 0.5, np.nan, 0], nan_ok=True)
    assert found.off[TOP_2] + 1 == pytest.approx([0.5, np.nan, np.nan, 0.5], nan_ok=True)


def test_a_change_of_ndcg_is_scikit_learn_s_over_the_labelled_rows():
    labelled = ALL.copy()
    labelled[1] = False
    _, found = Reference(CODES, BASE, Labels(LABEL, labelled), TOP_K).compare(SCORE, ALL)
    for place, k in ((NDCG_1, 1), (NDCG_2, 2)):
        sides = [[ndcg_score([LABEL[rows]], [side[rows]], k=k) for side in (SCORE, BASE)] for rows in ([0, 2], [3, 4])]
        changes = [after - before for after, before in sides]
        assert found.off[place] == pytest.approx([*changes, np.nan, np.nan], nan_ok=True)  # one row, and no positive
    assert found.rows.tolist() == [3, 2, 1, 4], "the labels take no row from the other metrics"


def test_without_a_labelled_row_only_the_change_of_ndcg_is_undefined():
    _, found = Reference(CODES, BASE, Labels(LABEL, ~ALL), TOP_K).compare(SCORE, ALL)
    assert np.isnan(found.off[NDCG_1:]).all()
    assert found.off[TAU] == pytest.approx(
        Reference(CODES, BASE, None, TOP_K).compare(SCORE, ALL)[1].off[0], nan_ok=True
    )


def test_against_itself_nothing_changes_where_it_is_defined():
    found = Reference(CODES, BASE, Labels(LABEL, ALL), TOP_K).itself()
    undefined = np.isnan(found.off)
    assert (found.off[~undefined] == 0).all()
    # By group: all; all but tau (tied) and the top 2 of 2; nothing; all but NDCG.
    assert (~undefined).sum(axis=0).tolist() == [5, 3, 0, 3]


def test_rows_without_a_score_are_left_out_of_both_sides():
    usable = ALL.copy()
    usable[[2, 5, 9]] = False
    _, found = Reference(CODES, BASE, None, TOP_K).compare(SCORE, usable)
    expected = [stats.kendalltau(SCORE[rows], BASE[rows]).statistic for rows in ([0, 1], [3, 4])]
    last = stats.kendalltau(SCORE[6:9], BASE[6:9]).statistic
    assert found.rows.tolist() == [2, 2, 0, 3]
    assert found.off[TAU] + 1 == pytest.approx([*expected, np.nan, last], nan_ok=True)


def test_only_touched_groups_are_looked_at():
    reference = Reference(CODES, BASE, None, TOP_K)
    _, whole = reference.compare(SCORE, ALL)
    picked, some = reference.compare(SCORE, ALL, np.array([True, False, False, True]))
    assert picked.tolist() == [0, 3]
    assert some.rows.tolist() == [3, 4]
    assert some.off == pytest.approx(whole.off[:, [0, 3]], nan_ok=True)
    picked, none = reference.compare(SCORE, ~ALL, np.array([False, True, False, False]))
    assert (picked.tolist(), none.rows.tolist()) == ([1], [0])
    assert np.isnan(none.off).all()


def test_some_groups_are_replaced_in_a_copy():
    before = GroupValues(np.array([3, 2]), np.array([[0.0, -1.0]]))
    after = before.replaced(np.array([1]), GroupValues(np.array([4]), np.array([[-0.5]])))
    assert (after.rows.tolist(), after.off.tolist()) == ([3, 4], [[0.0, -0.5]])
    assert (before.rows.tolist(), before.off.tolist()) == ([3, 2], [[0.0, -1.0]])
