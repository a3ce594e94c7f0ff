"""A Python function as a scorer: the double for tests, and the shortest way to replay a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from replay.checkpoints.scorers.output import ScoreReader
from replay.checkpoints.scorers.scorer import ModelScorer, OpenedModel
from replay.config.sections.model.output import Output


class FunctionScorer(ModelScorer):
    """A :class:`~replay.checkpoints.scorers.scorer.Scorer` over a function.

    Args:
        function: From tensors by input name to (num_rows,) or (num_rows, 1). It must be deterministic, and a row's
            score must not depend on the other rows.
        fingerprint: Names what it computes.
        output: How its answer becomes scores; default: it is the scores.

    >>> scorer = FunctionScorer(lambda tensors: tensors["dense"].sum(1))
    >>> scorer.score({"dense": torch.tensor([[1.0, 2.0], [3.0, 4.0]])})
    tensor([3., 7.])
    """

    def __init__(
        self,
        function: Callable[[Mapping[str, torch.Tensor]], object],
        *,
        fingerprint: str = "function",
        output: Output | None = None,
    ) -> None:
        super().__init__("function", OpenedModel(function), ScoreReader(output or Output(), "function"), fingerprint)
