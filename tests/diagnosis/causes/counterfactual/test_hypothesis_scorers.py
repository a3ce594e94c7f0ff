"""Who answers under a hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

from replay.checkpoints import FunctionScorer, Scorer
from replay.config.sections.checkpoints import DerivedConfig
from replay.diagnosis.causes.counterfactual.altered_rows import Job
from replay.diagnosis.causes.counterfactual.hypothesis_scorers import _KEPT_SCORERS, HypothesisScorers
from replay.diagnosis.causes.counterfactual.routed_baseline import RoutedBaseline
from replay.diagnosis.causes.hypothesis import Hypothesis, Recipe


def times(factor: float) -> Scorer:
    def forward(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return tensors["x"] * factor

    return FunctionScorer(forward, fingerprint=str(factor))


def scorers(
    open_recipe: Callable[[Recipe], Scorer] | None = None, routed: RoutedBaseline | None = None
) -> HypothesisScorers:
    return HypothesisScorers({"prod": times(1.0), "next": times(10.0)}, "prod", open_recipe, 4, routed)


def job(hypothesis: Hypothesis, values: list[float], accepted: list[bool] | None = None) -> Job:
    of = np.ones(len(values), bool) if accepted is None else np.array(accepted)
    return Job(np.arange(len(values)), {"x": torch.tensor(values)}, of, hypothesis)


def cast(dtype: str, name: str = "prod") -> Hypothesis:
    recipe = DerivedConfig.model_validate({"from": name, "cast": dtype, "params": ["*"]})
    return Hypothesis("precision", name, (), (("dtype", dtype),), recipe=recipe)


def test_jobs_of_one_checkpoint_share_chunks_and_keep_their_rows() -> None:
    other = Hypothesis("checkpoint", "next")
    found = scorers().score([job(other, [1.0, 2.0, 3.0]), job(other, [4.0, 5.0], [True, False])])
    assert found[0].tolist() == [10.0, 20.0, 30.0]
    assert found[1][0] == 40.0
    assert np.isnan(found[1][1])


def test_a_baseline_that_is_a_route_answers_row_by_row() -> None:
    routed = RoutedBaseline(("next", "prod"), np.array([0, 1, 0]), as_logged=True)
    of = scorers(routed=routed)
    assert of.score([job(Hypothesis("", "prod"), [1.0, 2.0, 3.0])])[0].tolist() == [10.0, 2.0, 30.0]
    assert of.score([job(Hypothesis("checkpoint", "next"), [1.0, 2.0, 3.0])])[0].tolist() == [10.0, 20.0, 30.0]


def test_a_made_checkpoint_is_opened_once_while_few_others_are() -> None:
    opened: list[Recipe] = []

    def open_recipe(recipe: Recipe) -> Scorer:
        opened.append(recipe)
        return times(100.0)

    of, kinds = scorers(open_recipe), ["bfloat16", "float16", "int8"]
    hypotheses = [cast(dtype, name) for name in ("prod", "next") for dtype in kinds]
    few = hypotheses[:_KEPT_SCORERS]
    for one in [*few, *few]:
        assert of.score([job(one, [2.0])])[0].tolist() == [200.0]
    assert opened == [one.recipe for one in few]

    for one in [hypotheses[_KEPT_SCORERS], few[-1], few[0]]:  # the oldest had to make room
        of.score([job(one, [2.0])])
    assert opened[_KEPT_SCORERS:] == [hypotheses[_KEPT_SCORERS].recipe, few[0].recipe]


def test_a_recipe_needs_a_way_to_open_it() -> None:
    with pytest.raises(ValueError, match="no way to open it"):
        scorers().score([job(cast("int8"), [1.0])])
