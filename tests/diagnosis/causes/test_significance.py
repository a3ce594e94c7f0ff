"""Statistics against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.significance import (
    Significance,
    alike,
    binomial_tail,
    explains_more,
    fisher_tail,
    measure,
    measure_scores,
)
from tests.diagnosis.linear import counterfactual, score, small_columns
from tests.diagnosis.worlds import COUNTS, make_world, null_columns


@pytest.mark.parametrize(
    ("count", "trials", "chance"), [(5, 10, 0.3), (190, 2000, 0.05), (2000, 2000, 0.9), (1, 7, 1e-9)]
)
def test_binomial_tail(count, trials, chance):
    assert binomial_tail(count, trials, chance) == pytest.approx(binom.sf(count - 1, trials, chance), rel=1e-8)


def test_a_sign_test_takes_seven_rows_to_decide():
    rows = np.arange(100)

    assert explains_more(rows < 50, rows < 43)  # 2 ** -7 is below 0.01
    assert not explains_more(rows < 50, rows < 44)
    assert alike(rows < 50, rows < 46)
    assert not alike(rows < 50, (rows >= 50))  # as many, but others


def test_few_rows_are_no_evidence():
    verdict = Significance(Hypothesis("null_features", "prod"), np.arange(4), np.ones(4, bool), 1.0, 1e-6)

    assert not verdict.is_significant(1)


@pytest.mark.parametrize(
    ("near", "is_fitted", "expected"), [(0.1, True, True), (0.17, True, False), (0.17, False, True)]
)
def test_a_fitted_number_that_is_only_related_is_no_cause(near, is_fitted, expected):
    """620 of 1,000 rows: five times 10% is less, five times 17% is more, three times 17% is less."""
    hypothesis = Hypothesis("map", "prod", is_fitted=is_fitted)
    verdict = Significance(hypothesis, np.arange(1000), np.arange(1000) < 620, 0.5, near, True, near)

    assert verdict.is_significant(100) is expected


def test_rows_just_beyond_the_tolerance_tell_what_is_only_related():
    """a + 1 was served. By 0.9 a row is 0.1 of a off, within twice the tolerance; by 1 and by 0.96 none is beyond."""
    columns = small_columns(200)
    lab = counterfactual(columns, score({**columns, "a": columns["a"] + 1.0}), tolerance=0.05e-3)
    tried = [lab.perturbed("map", ("a",), "shift", by=by) for by in (1.0, 0.96, 0.9)]
    exact, close, related = measure(lab, tried, np.arange(200), with_chance=True)

    assert (exact.rate, close.rate, related.rate) == (1.0, 1.0, 0.0)
    assert exact.near == close.near == pytest.approx(1 / 200)
    assert related.near == pytest.approx((200 + np.sqrt(200)) / 2 / 200 + 1 / 200)


def test_what_a_hypothesis_does_not_change_it_does_not_explain():
    world = make_world(2)
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), world.bad)
    counterfactual = world.counterfactual(online, most=100, control=0)
    found = measure_scores(
        counterfactual,
        counterfactual.perturbed("null_features", COUNTS, "nulls"),
        counterfactual.bad,
        counterfactual.base_scores[counterfactual.bad],
    )

    assert (found.count, found.gain) == (0, 0.0)


def test_the_effect_of_a_wrong_row_explains_next_to_nothing():
    world = make_world(2)
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), world.bad)
    counterfactual = world.counterfactual(online, most=300, control=0)
    hypothesis = counterfactual.perturbed("null_features", COUNTS, "nulls")
    scores = counterfactual.predict([hypothesis], counterfactual.bad)[0]
    found = measure_scores(counterfactual, hypothesis, counterfactual.bad, scores, with_chance=True)

    assert found.rate == 1.0
    assert found.chance < 0.01
    assert found.is_significant(10_000)


def test_rows_that_a_hypothesis_was_learnt_from_prove_nothing():
    rows, explained = np.arange(10, 20), np.arange(10) < 6
    learnt = Significance(Hypothesis("map", "prod", learnt_from=tuple(range(10, 16))), rows, explained, 1.0)
    other = Significance(Hypothesis("map", "prod", learnt_from=tuple(range(16, 20))), rows, explained, 1.0)

    assert (learnt.count, learnt.held_out.count, learnt.held_out.rows.tolist()) == (6, 0, [16, 17, 18, 19])
    assert (other.held_out.count, other.held_out.rate) == (6, 1.0)
    assert not learnt.is_significant(1)
    assert other.is_significant(1)


@pytest.mark.parametrize(
    ("count", "trials", "others", "other_trials"), [(23, 23, 0, 7), (5, 9, 3, 8), (2, 40, 9, 10), (0, 3, 1, 2)]
)
def test_fishers_exact_test(count, trials, others, other_trials):
    table = [[count, trials - count], [others, other_trials - others]]
    expected = fisher_exact(table, alternative="greater").pvalue
    assert fisher_tail(count, trials, others, other_trials) == pytest.approx(expected)
