"""Statistics against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from replay.diagnosis.causes.hypotheses import Hypothesis, name_features
from replay.diagnosis.causes.prefixes import module_prefixes
from replay.diagnosis.causes.significance import Significance, alike, assess, binomial_tail, explains_more
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


def test_what_a_hypothesis_does_not_change_it_does_not_explain():
    world = make_world(2)
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), world.bad)
    laboratory = world.laboratory(online, most=100, control=0)
    found = assess(
        laboratory, laboratory.on("null_features", COUNTS), laboratory.bad, laboratory.base_scores[laboratory.bad]
    )

    assert (found.count, found.gain) == (0, 0.0)


def test_the_effect_of_a_wrong_row_explains_next_to_nothing():
    world = make_world(2)
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), world.bad)
    laboratory = world.laboratory(online, most=300, control=0)
    hypothesis = laboratory.on("null_features", COUNTS)
    scores = laboratory.predict([hypothesis], laboratory.bad)[0]
    found = assess(laboratory, hypothesis, laboratory.bad, scores, with_chance=True)

    assert found.rate == 1.0
    assert found.chance < 0.01
    assert found.is_significant(10_000)


def test_families_are_named_where_all_of_their_features_are_touched():
    families = {"ab": ("a", "b"), "abc": ("a", "b", "c"), "d": ("d",)}

    assert name_features(("a", "b", "d"), families) == (("ab", "d"), ())
    assert name_features(("a", "b", "c"), families) == (("abc",), ())
    assert name_features(("a", "c"), families) == ((), ("a", "c"))


def test_module_prefixes_go_past_a_common_root():
    names = ["module.query.0.weight", "module.query.0.bias", "module.query.1.weight", "module.item.weight"]

    assert module_prefixes(names) == ("module.query", "module.item", "module.query.0", "module.query.1")
    assert module_prefixes(["weight"]) == ()
