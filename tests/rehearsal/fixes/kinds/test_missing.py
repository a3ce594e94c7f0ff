"""Another value in the place of a null."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.rehearsal.fixes.worlds import NAMES


def served_with(world, **values):
    """What online answers where nulls become these values; others 0."""
    stack = [world.filled(name, values.get(name, values.get("every", 0.0))) for name in NAMES]
    return world.ctr(world.served(np.stack(stack, axis=1)))


def nulls_of(world, *names):
    return int(np.any([[one is None for one in world.columns[name].to_pylist()] for name in names], axis=0).sum())


@pytest.mark.parametrize("value", [-1.0, 1.0, 0.5])
def test_one_value_for_a_whole_input(with_nulls, mended, value):
    fix = mended(with_nulls, with_nulls.rows(served_with(with_nulls, every=value)))

    assert fix.changes == (f"`missing: {value}` of `dense`",)
    assert fix.settings["model.inputs[0]"]["missing"] == value
    # Of a few rows no feature that was null matters to the last digit.
    assert nulls_of(with_nulls, "price", "age", "clicks") - 3 <= fix.agree <= fix.rows
    assert fix.agree_before == 0


def test_a_mean_is_found_from_the_scores(with_nulls, mended):
    mean = float(np.mean([one for one in with_nulls.columns["price"].to_pylist() if one is not None]))
    fix = mended(with_nulls, with_nulls.rows(served_with(with_nulls, price=mean)))

    missing = fix.settings["model.inputs[0]"]["missing"]
    assert missing["price"] == pytest.approx(mean, rel=1e-4)
    assert missing["*"] == 0.0
    assert fix.rows == fix.agree == nulls_of(with_nulls, "price")


def test_each_feature_has_its_own(with_nulls, mended):
    fix = mended(with_nulls, with_nulls.rows(served_with(with_nulls, price=3.3, age=2.0, clicks=4.0)))

    missing = fix.settings["model.inputs[0]"]["missing"]
    assert {name: pytest.approx(value, rel=1e-4) for name, value in missing.items()} == {
        "price": 3.3,
        "age": 2.0,
        "clicks": 4.0,
        "*": 0.0,
    }


def test_behind_a_forgotten_sigmoid(with_nulls, mended):
    fix = mended(with_nulls, with_nulls.rows(torch.sigmoid(served_with(with_nulls, every=-1.0))))

    assert fix.settings["model.inputs[0]"]["missing"] == -1.0
    assert fix.settings["model.output"] == {"transform": "sigmoid"}
