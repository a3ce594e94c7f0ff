"""A function as a scorer: its scores, by hand."""

from __future__ import annotations

import pytest
import torch

from replay.checkpoints.scorers.function_scorer import FunctionScorer
from replay.checkpoints.scorers.scorer import Scorer
from replay.config.sections.model.output import Output
from replay.errors import CheckpointMismatch


def test_the_double_is_a_scorer() -> None:
    double: Scorer = FunctionScorer(lambda t: t["a"] * 2, fingerprint="twice")
    assert (double.fingerprint, double.device, double.precision) == ("twice", "cpu", torch.float32)
    assert double.score({"a": torch.tensor([1.5])}).tolist() == [3.0]
    heads = FunctionScorer(lambda t: (t["a"], -t["a"]), output=Output(select=1))
    assert heads.score({"a": torch.tensor([1.5, 2.0])}).tolist() == [-1.5, -2.0]


def test_a_column_is_scores_as_well() -> None:
    scores = FunctionScorer(lambda t: t["a"].sum(1, keepdim=True)).score({"a": torch.tensor([[1.0, 2.0], [3.0, 4.0]])})
    assert scores.tolist() == [3.0, 7.0]


def test_an_output_transforms_its_answer() -> None:
    logits = torch.tensor([-2.0, 0.0, 3.0])
    scorer = FunctionScorer(lambda t: t["a"], output=Output(transform="sigmoid"))
    torch.testing.assert_close(scorer.score({"a": logits}), torch.sigmoid(logits))


def test_an_answer_without_a_score_a_row_is_refused() -> None:
    with pytest.raises(CheckpointMismatch, match="checkpoint 'function'"):
        FunctionScorer(lambda t: t["a"].sum()).score({"a": torch.ones(3)})
