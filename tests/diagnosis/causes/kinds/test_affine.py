"""Another output layer, against the least squares of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import linregress

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.description_length import hypothesis_bits
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.affine import affine, fit_layers, round_layer
from replay.diagnosis.causes.significance import measure
from replay.diagnosis.noise.calibration_layer import CalibrationLayer
from tests.diagnosis.linear import counterfactual, score, settings, small_columns
from tests.diagnosis.worlds import diagnose

COLUMNS = small_columns()
BASE = score(COLUMNS)
ROWS = np.arange(len(BASE))


def layers(online, tolerance=1e-9):
    """Fits on the score: an offset alone, a slope alone, both, as far as they agree with any rows."""
    found = fit_layers(counterfactual(COLUMNS, online, tolerance=tolerance), ROWS)
    return [layer for layer in found if not layer.logit]


def test_a_line_is_that_of_least_squares():
    online = 0.1 + 0.5 * BASE + np.random.default_rng(1).normal(0, 1e-3, len(BASE))
    expected = linregress(BASE, online)
    found = layers(online, tolerance=0.01)[-1]

    assert (found.offset, found.scale) == pytest.approx((expected.intercept, expected.slope))


def test_rows_with_another_cause_do_no_harm():
    online = 0.1 + 0.5 * BASE
    online[::3] = 0.7
    found = layers(online)[-1]

    assert (found.offset, found.scale) == pytest.approx((0.1, 0.5))


def test_an_offset_alone_and_a_slope_alone_are_fitted_too():
    assert (layers(BASE + 0.2)[0].offset, layers(BASE + 0.2)[0].scale) == (pytest.approx(0.2), 1.0)
    assert any((one.offset, one.scale) == (0.0, pytest.approx(1.5)) for one in layers(BASE * 1.5))


def test_a_probability_that_was_rounded_to_1_does_not_hide_a_layer_on_the_logit():
    online = expit(3.0 + 2.0 * logit(BASE))
    online[np.argmax(online)] = 1.0
    replay = counterfactual(COLUMNS, online)
    found = [layer for layer in fit_layers(replay, ROWS) if layer.logit]

    assert [(layer.offset, layer.scale) for layer in found][-1] == pytest.approx((3.0, 2.0))


def test_few_rows_are_no_fit():
    replay = counterfactual(COLUMNS, BASE + 0.2)

    assert fit_layers(replay, ROWS[:9]) == []
    assert fit_layers(replay, ROWS[:10]) != []


def test_a_fit_is_tested_on_the_other_half_of_the_rows():
    replay = counterfactual(COLUMNS, 0.1 + 0.5 * BASE)
    best = max(KINDS["affine"].refine(replay, [], ROWS, ROWS), key=lambda verdict: verdict.count)

    assert (best.count, len(best.rows), best.has_chance) == (20, 20, True)
    assert (best.hypothesis.get("offset"), best.hypothesis.get("slope")) == pytest.approx((0.1, 0.5))


def test_what_it_is_called_and_that_it_is_no_scenario():
    replay = counterfactual(COLUMNS, BASE + 0.2)
    on_score = affine(replay, CalibrationLayer(0.1, 0.5))
    on_logit = affine(replay, CalibrationLayer(0.1, 0.5, logit=True))

    assert describe(on_score) == "score = 0.1 + 0.5 * replayed"
    assert describe(on_logit) == "logit = 0.1 + 0.5 * replayed"
    assert KINDS["affine"].fields(on_logit) == {"parameters": {"offset": 0.1, "slope": 0.5, "space": "logit"}}
    words = KINDS["affine"].words(Cause("affine", 1.0, 20, parameters={"space": "logit"}))
    assert words.short == "another output layer: logit = {offset} + {slope} x the model's"
    assert settings(on_score) is None


@pytest.mark.parametrize("is_logit", [False, True])
def test_an_affine_change_of_the_output(world, is_logit):
    logits = np.log(world.base) - np.log1p(-world.base)
    changed = 1 / (1 + np.exp(-(0.2 + 1.1 * logits))) if is_logit else 0.9 * world.base + 0.01
    cause = diagnose(world, changed).causes[0]

    assert (cause.kind, cause.parameters.get("space")) == ("affine", "logit" if is_logit else None)
    expected = (0.2, 1.1) if is_logit else (0.01, 0.9)
    assert (cause.parameters["offset"], cause.parameters["slope"]) == pytest.approx(expected, abs=1e-3)


def test_a_layer_on_the_logit_comes_before_one_on_probabilities_unless_that_is_much_shorter():
    """Within a narrow range of scores both are a line, and a digit more or less is chance."""
    replay = counterfactual(COLUMNS, BASE + 1.0)

    def bits(offset, slope, *, logit):
        return hypothesis_bits(replay, affine(replay, CalibrationLayer(offset, slope, logit)))

    assert bits(0.2268, 1.221, logit=True) < bits(-0.0593, 1.225, logit=False)
    assert bits(0.0, 0.5, logit=False) < bits(-0.6741, 0.9683, logit=True)


def test_numbers_have_no_digit_that_the_rows_do_not_need():
    """A line within 1e-3 of 0.1 + 0.5 x: digits beyond are those of the noise. Within 1e-9 all of them count."""
    fitted = CalibrationLayer(0.10012, 0.49991, logit=False)
    online = fitted.apply(BASE)

    rounder = round_layer(counterfactual(COLUMNS, online, tolerance=1e-3), fitted, ROWS)
    assert (rounder.offset, rounder.scale) == (0.1, 0.5)
    exact = round_layer(counterfactual(COLUMNS, online), fitted, ROWS)
    assert (exact.offset, exact.scale) == (0.10012, 0.49991)


def refuted(layer, online, tolerance=1e-9):
    replay = counterfactual(COLUMNS, online, tolerance=tolerance)
    (verdict,) = measure(replay, [affine(replay, layer)], ROWS)
    return KINDS["affine"].refutes(replay, verdict)


def test_one_answer_for_all_rows_is_no_layer():
    assert refuted(CalibrationLayer(0.8, 1e-17), np.full(len(BASE), 0.8))
    assert not refuted(CalibrationLayer(0.1, 0.5), 0.1 + 0.5 * BASE)


def test_steps_of_a_few_tolerances_must_explain_nearly_all():
    """Of any small differences some agree with some line."""
    layer = CalibrationLayer(0.004, 1.0)
    most, half = BASE + 0.004, BASE + 0.004
    half[::2] = BASE[::2] - 0.004

    assert refuted(layer, half, tolerance=0.001)
    assert not refuted(layer, most, tolerance=0.001)
    assert not refuted(layer, half, tolerance=0.0001)  # forty tolerances
