"""Two causes on the same rows: the steps of both, one model, the layers of both in turn."""

from __future__ import annotations

import numpy as np

from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.affine import affine
from replay.diagnosis.noise.calibration_layer import CalibrationLayer
from tests.diagnosis.linear import WINDOW, counterfactual, linear, score, settings, small_columns
from tests.diagnosis.worlds import COUNTS, null_columns

COLUMNS = small_columns()
ROWS = np.arange(len(COLUMNS["a"]))
REPLAY = counterfactual(COLUMNS, score(COLUMNS) + 1.0, others={"next": linear(1, 3, 4)})
NULL = REPLAY.perturbed("null_features", ("a",), "nulls")
SCALED = REPLAY.perturbed("scale", ("b",), "scale", factor=3.0)
NEXT = REPLAY.hypothesis("checkpoint", checkpoint="next")


def combined(*causes):
    return list(KINDS["joint"].combine(REPLAY, causes))


def test_every_pair_is_tried():
    assert [describe(one) for one in combined(NULL, SCALED, NEXT)] == [
        "a null and b multiplied by 3",
        "a null and checkpoint next",
        "b multiplied by 3 and checkpoint next",
    ]
    assert combined(NULL) == []


def test_the_steps_of_both_are_replayed():
    (both,) = combined(NULL, SCALED)
    expected = score({**COLUMNS, "a": 0 * COLUMNS["a"], "b": 3 * COLUMNS["b"]})

    np.testing.assert_allclose(REPLAY.predict([both], ROWS)[0], expected)
    assert settings(both) == {
        "variant": "prod/verify",
        "checkpoint": "prod",
        "scenarios": {
            "verify": [
                {"op": "nulls", "features": ["a"], "window": WINDOW},
                {"op": "scale", "factor": 3.0, "features": ["b"], "window": WINDOW},
            ]
        },
    }


def test_the_model_that_is_not_the_baseline_scores():
    (both,) = combined(NULL, NEXT)

    assert both.checkpoint == "next"
    expected = score({**COLUMNS, "a": 0 * COLUMNS["a"]}, (1, 3, 4))
    np.testing.assert_allclose(REPLAY.predict([both], ROWS)[0], expected)


def test_layers_follow_each_other():
    first, second = (affine(REPLAY, CalibrationLayer(*line)) for line in ((0.1, 2.0), (0.3, 0.5)))
    (both,) = combined(first, second)

    np.testing.assert_allclose(REPLAY.predict([both], ROWS)[0], 0.3 + 0.5 * (0.1 + 2.0 * score(COLUMNS)))
    assert combined(NULL, SCALED)[0].layer is None


def test_rows_that_two_causes_hit_at_once_are_not_left_over(world):
    first, second = np.zeros((2, len(world.base)), bool)
    first[world.some(0.5)], second[world.some(0.5)] = True, True
    nulls = null_columns(world.columns, COUNTS)
    online = world.online_if(world.score(nulls), np.flatnonzero(first))
    online[second] = world.score(world.columns, "next")[second]
    online[first & second] = world.score(nulls, "next")[first & second]
    found = find_causes(world.counterfactual(online, most=800, control=200))

    assert {one.kind for one in found.causes} == {"null_features", "route"}
