"""Lengths of descriptions, by hand: what happened, by how much, and what is left."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.description_length import (
    description_length,
    hypothesis_bits,
    lag_bits,
    literal_bits,
    number_bits,
    rows_bits,
)
from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, linear, score, small_columns

DIGIT = math.log2(10)
COLUMNS = small_columns()
ROWS = np.arange(40)


def lab(online=None, **given) -> CounterfactualReplay:
    """Three features, one family of two, another checkpoint: five units and two checkpoints are seven names."""
    online = score(COLUMNS) + 1.0 if online is None else online
    return counterfactual(COLUMNS, online, families={"ab": ("a", "b")}, others={"old": linear(3, 1, 1)}, **given)


WORD = math.log2(7)


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (0, 1.0),
        (7, DIGIT + 1),
        (-7, DIGIT + 2),
        (42.0, 2 * DIGIT + 1),
        (0.5, DIGIT + 2),  # one half: shorter than 5 times a tenth
        (0.25, DIGIT + 2),
        (1000, DIGIT + 5),  # a digit, and three places
        (1 / 3600, 1 + 2 * DIGIT + 3),  # the reciprocal of 36 and two places
        (3.141593, 7 * DIGIT + 5),
        (math.inf, 1.0),
    ],
)
def test_a_number_takes_its_digits_and_its_magnitude(value, bits):
    assert number_bits(value) == pytest.approx(bits)


def test_a_round_lag_is_short():
    assert lag_bits(timedelta(hours=3)) == pytest.approx(2 + DIGIT + 1)
    assert lag_bits(timedelta(minutes=90)) == lag_bits(timedelta(hours=1.5))
    assert lag_bits(timedelta(seconds=5_017)) > lag_bits(timedelta(minutes=90)) > lag_bits(timedelta(hours=1))


def test_every_name_takes_as_much_whatever_it_names():
    replay = lab()
    null = KINDS["null_features"].prior_bits
    assert hypothesis_bits(replay, replay.perturbed("null_features", ("c",), "nulls")) == pytest.approx(null + WORD)
    assert hypothesis_bits(replay, replay.perturbed("null_features", ("a", "b"), "nulls")) == pytest.approx(null + WORD)
    assert hypothesis_bits(replay, replay.perturbed("null_features", ("b", "c"), "nulls")) == pytest.approx(
        null + 2 * WORD
    )
    assert hypothesis_bits(replay, replay.hypothesis("checkpoint", checkpoint="old")) == pytest.approx(
        KINDS["checkpoint"].prior_bits + WORD
    )


def test_numbers_tables_and_recipes_are_counted():
    replay = lab()
    scale = replay.perturbed("scale", ("c",), "scale", factor=1000.0)
    assert hypothesis_bits(replay, scale) == pytest.approx(KINDS["scale"].prior_bits + WORD + DIGIT + 5)
    table = replay.hypothesis("map", ("c",), values=((1, 2), (2, 3), (3, None)))
    assert hypothesis_bits(replay, table) == pytest.approx(KINDS["map"].prior_bits + WORD + 3 * 2 * WORD)
    stale = replay.perturbed("stale_features", ("c",), "stale", lag=timedelta(days=1))
    assert hypothesis_bits(replay, stale) == pytest.approx(KINDS["stale_features"].prior_bits + WORD + 2 + DIGIT + 1)
    cast = replay.hypothesis(
        "precision", recipe=DerivedConfig.model_validate({"from": "prod", "cast": "int8"}), dtype="int8"
    )
    assert hypothesis_bits(replay, cast) == pytest.approx(KINDS["precision"].prior_bits + WORD + 1)
    globs = (("tower.*", "old"), ("*", "prod"))
    spliced = replay.hypothesis("splice", recipe=SpliceConfig(splice=dict(globs)), splice=globs)
    assert hypothesis_bits(replay, spliced) == pytest.approx(KINDS["splice"].prior_bits + WORD + 2 * 2 * WORD)


def test_a_row_takes_what_it_is_beyond_the_tolerance():
    """Nothing within, half of a literal score half a tolerance beyond, all of it from twice the tolerance on."""
    online, bounds = np.zeros(6), np.full(6, 0.5)
    scores = np.array([0.5, 0.75, -0.625, 1.0, 1e9, np.nan])

    assert rows_bits(scores, online, bounds, 10.0) == 0 + 5 + 2.5 + 10 + 10 + 10
    assert rows_bits(np.array([0.0, 0.1]), np.zeros(2), np.zeros(2), 5.0) == 5.0  # no tolerance: all or nothing


def test_a_score_is_worth_more_the_rarer_it_is():
    """Forty scores of which no two agree: 1 in the number of pairs. All alike: next to nothing."""
    assert literal_bits(lab(np.arange(40.0))) == pytest.approx(-math.log2(1 / (40 * 39 + 2)))
    assert literal_bits(lab(np.full(40, 9.0))) == pytest.approx(-math.log2((40 * 39 + 1) / (40 * 39 + 2)))


def test_the_whole_length_is_the_sum():
    """Thirty rows had no c, ten another score: these are said as they are."""
    online = score({**COLUMNS, "c": np.zeros(40)})
    online[30:] += 50.0
    replay = lab(online)
    (verdict,) = measure(replay, [replay.perturbed("null_features", ("c",), "nulls")], ROWS)

    expected = KINDS["null_features"].prior_bits + WORD + 10 * literal_bits(replay)
    assert (verdict.count, description_length(replay, verdict)) == (30, pytest.approx(expected))


def test_to_come_nearer_is_not_to_explain():
    """Null c explains ten rows of forty. Half of c comes to within three tolerances of all, and explains none."""
    c = np.full(40, 1.5)
    online = score({**COLUMNS, "c": c * 0.25})  # half of c: 1.5e-3 off
    online[:10] = score({**COLUMNS, "c": np.zeros(40)})[:10]
    replay = counterfactual({**COLUMNS, "c": c}, online, tolerance=5e-4)
    hypotheses = [
        replay.perturbed("null_features", ("c",), "nulls"),
        replay.perturbed("scale", ("c",), "scale", factor=0.5),
    ]
    null, half = measure(replay, hypotheses, ROWS)

    assert (null.count, half.count) == (10, 0)
    assert description_length(replay, half) - description_length(replay, null) > 9 * literal_bits(replay)


def test_a_row_at_the_edge_of_the_tolerance_does_not_decide():
    """Null c explains all but a row, which is a hair beyond; a factor with seven digits explains that one too."""
    online = score({**COLUMNS, "c": np.zeros(40)})
    online[7] += 1.05e-6
    replay = lab(online, tolerance=1e-6)
    factor = 1.1e-6 / (4 * COLUMNS["c"][7] / 1000)  # moves row 7 by 1.1e-6
    hypotheses = [
        replay.perturbed("null_features", ("c",), "nulls"),
        replay.perturbed("scale", ("c",), "scale", factor=float(f"{factor:.7g}")),
    ]
    null, scale = measure(replay, hypotheses, ROWS)

    assert not null.explained[7]
    assert scale.explained[7]
    assert description_length(replay, null) < description_length(replay, scale)
