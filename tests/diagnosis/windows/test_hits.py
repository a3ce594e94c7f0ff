"""Which rows a cause hit, against what was planted."""

from __future__ import annotations

import numpy as np

from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.windows.hits import UNKNOWN, find_hits
from tests.diagnosis.linear import counterfactual, linear, score, small_columns

COLUMNS = small_columns()
NUM_ROWS = len(COLUMNS["a"])
ROWS = np.arange(NUM_ROWS)
THIRD = NUM_ROWS // 3
A, B = ROWS < 2 * THIRD, ROWS >= THIRD  # both hit the third in the middle


def without(name, hit):
    return {**COLUMNS, name: np.where(hit, 0, COLUMNS[name]).astype(COLUMNS[name].dtype)}


def replayed(online):
    return counterfactual(COLUMNS, online, others={"next": linear(1, 3, 4)})


def null(replay, *names):
    return replay.perturbed("null_features", names, "nulls")


def shown(replay, *hypotheses):
    """Rows whose score each of them changes: on the others nobody can see it."""
    return [replay.predict([one], ROWS)[0] != replay.base_scores for one in hypotheses]


def test_both_at_once_is_a_hit_of_each():
    replay = replayed(score({**without("a", A), "b": without("b", B)["b"]}))
    first, second = null(replay, "a"), null(replay, "b")
    hits = find_hits(replay, [first, second], list(KINDS["joint"].combine(replay, [first, second])))

    seen = np.isin(ROWS, replay.bad)
    for cause, hit, shows in zip(hits, (A, B), shown(replay, first, second), strict=True):
        np.testing.assert_array_equal(cause[seen & hit & shows], 1)
        np.testing.assert_array_equal(cause[seen & ~hit], 0)


def test_without_what_explains_both_the_overlap_is_of_neither():
    replay = replayed(score({**without("a", A), "b": without("b", B)["b"]}))
    hits = find_hits(replay, [null(replay, "a"), null(replay, "b")])
    alone = np.isin(ROWS, replay.bad) & (A != B)

    assert (hits[0][alone & A] == 1).mean() > 0.9
    assert (hits[:, A & B & np.isin(ROWS, replay.bad)] == 0).mean() > 0.9


def test_a_set_of_features_holds_each_of_them():
    """`a` was null throughout, `b` in the middle: the cause that names both is also one of `a`."""
    replay = replayed(score({**without("a", ROWS >= 0), "b": without("b", A & B)["b"]}))
    first, both = null(replay, "a"), null(replay, "a", "b")
    hits = find_hits(replay, [first, both])
    seen = np.isin(ROWS, replay.bad)
    shows = replay.predict([both], ROWS)[0] != replay.predict([first], ROWS)[0]

    assert (hits[0][seen] != 0).all()
    np.testing.assert_array_equal(hits[1][seen & ~(A & B) & shows], 0)
    np.testing.assert_array_equal(hits[1][seen & A & B & shows], 1)


def test_a_row_that_two_causes_explain_alike_is_known_for_neither():
    """Of features with the same effect nobody can say which was null."""
    columns = {**COLUMNS, "b": COLUMNS["a"] / 2}
    replay = counterfactual(columns, score({**columns, "a": 0 * columns["a"]}))
    hits = find_hits(replay, [null(replay, "a"), null(replay, "b")])

    assert set(hits[:, replay.bad].ravel().tolist()) == {UNKNOWN}


def test_another_model_and_features_under_it():
    replay = replayed(score(without("a", A & B), (1, 3, 4)))
    model = replay.hypothesis("checkpoint", checkpoint="next")
    (under,) = KINDS["joint"].combine(replay, [model, null(replay, "a")])
    hits = find_hits(replay, [model, under])
    seen = np.isin(ROWS, replay.bad)

    assert (hits[0][seen] == 1).all()
    assert (hits[1][seen & ~(A & B)] <= 0).all()
    assert (hits[1][seen & A & B] == 1).mean() > 0.9


def test_rows_that_agree_are_not_known():
    online = score(COLUMNS)
    online[:5] += 1.0
    replay = replayed(online)
    hits = find_hits(replay, [null(replay, "a")])

    assert (hits[0][5:] == UNKNOWN).all()
    assert (hits[0][:5] == 0).all()
