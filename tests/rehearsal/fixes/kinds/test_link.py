"""Functions between the model's answer and the logged score."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special


@pytest.mark.parametrize(
    ("own", "wanted", "function"),
    [
        ("none", "sigmoid", scipy.special.expit),
        ("sigmoid", "none", lambda x: x),
        ("sigmoid", ["sigmoid", "complement"], lambda x: 1 - scipy.special.expit(x)),
        ("none", "complement", lambda x: 1 - x),
        ("none", "exp", np.exp),
    ],
    ids=["sigmoid forgotten", "logits logged", "of the other class", "1 - x", "exp"],
)
def test_links_of_a_logit(world, mended, own, wanted, function):
    online = function(world.ctr(world.served()).double().numpy())
    fix = mended(world, world.rows(online, {"output": {"transform": own}}))

    assert fix.settings == {"model.output": {"transform": wanted}}
    assert fix.rows == 1500
    assert fix.agree > 1490
    assert fix.agree_before < 3


@pytest.mark.parametrize(("wanted", "function"), [("logit", scipy.special.logit), ("log", np.log)])
def test_links_of_a_probability(world, mended, wanted, function):
    online = function(world.ctr_probability(world.served()).double().numpy())
    fix = mended(world, world.rows(online, forward=world.ctr_probability))

    assert fix.settings["model.output"] == {"transform": wanted}
    assert "output: {transform: " + wanted + "}" in fix.yaml
