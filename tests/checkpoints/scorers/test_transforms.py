"""Functions of ``model.output``, against scipy."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import scipy.special
import torch

from replay.checkpoints.scorers.transforms import TRANSFORMS, amplifies_noise, transform_scores
from replay.config.sections.model.output import Output, TransformName

P = np.array([1e-6, 0.02, 0.25, 0.5, 0.75, 0.999])


def transformed(scores: Any, **output: Any) -> np.ndarray:
    return transform_scores(torch.from_numpy(np.asarray(scores)), Output.model_validate(output)).numpy()


def test_every_name_of_the_config_has_its_function():
    assert set(TRANSFORMS) == set(get_args(TransformName)) - {"none", "softmax"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", P),
        ("sigmoid", scipy.special.expit(P)),
        ("logit", scipy.special.logit(P)),
        ("exp", np.exp(P)),
        ("log", np.log(P)),
        ("complement", 1.0 - P),
    ],
)
def test_transforms_follow_their_formulas(name, expected):
    np.testing.assert_allclose(transformed(P, transform=name), expected, rtol=1e-12)


def test_a_list_is_applied_in_order():
    np.testing.assert_allclose(
        transformed(P, transform=["complement", "logit"]), scipy.special.logit(1.0 - P), rtol=1e-12
    )


def test_scale_and_then_clip():
    got = transformed(np.array([-9.0, 0.0, 9.0]), transform="sigmoid", scale=100, clip={"min": 5, "max": 60})
    np.testing.assert_allclose(got, [5.0, 50.0, 60.0], rtol=1e-12)


def test_nan_stays_nan_whatever_the_clip():
    assert np.isnan(transformed(np.array([np.nan]), clip={"min": 0})).all()


def test_float32_stays():
    scores = transform_scores(torch.tensor([0.25]), Output.model_validate({"transform": "logit", "scale": 1000}))
    assert scores.dtype == torch.float32


@pytest.mark.parametrize(
    ("transform", "expected"), [("none", False), ("sigmoid", False), ("logit", True), (["complement", "log"], True)]
)
def test_logarithms_amplify_noise(transform, expected):
    assert amplifies_noise(Output(transform=transform)) is expected
