"""Who answers under a hypothesis: the baseline, another checkpoint, or one that is made for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.diagnosis.causes.counterfactual.altered_rows import Job
from replay.diagnosis.causes.counterfactual.routed_baseline import RoutedBaseline
from replay.diagnosis.causes.hypothesis import Hypothesis, Recipe
from replay.scoring.chunks import ChunkedScorer

Floats = NDArray[np.float64]

_KEPT_SCORERS = 4  # spliced and cast checkpoints that stay open at once


class HypothesisScorers:
    """Scores rows of hypotheses in full chunks.

    Args:
        scorers: An opened scorer by checkpoint name.
        baseline: The checkpoint that should have answered.
        open_recipe: Opens a checkpoint that is made of others; None: no hypothesis needs one.
        chunk_rows: Rows given to a scorer at once; fewer are filled up, so that bits depend on no neighbour.
        routed: Which checkpoint answers which row, where the baseline is a route.
    """

    def __init__(
        self,
        scorers: Mapping[str, Scorer],
        baseline: str,
        open_recipe: Callable[[Recipe], Scorer] | None,
        chunk_rows: int,
        routed: RoutedBaseline | None,
    ) -> None:
        self._scorers = scorers
        self._baseline = baseline
        self._open_recipe = open_recipe
        self._chunk_rows = chunk_rows
        self._routed = routed
        self._opened: OrderedDict[str, Scorer] = OrderedDict()

    def score(self, jobs: Sequence[Job]) -> list[Floats]:
        """Score jobs of one scorer in chunks that they share: ``(k,)`` each, NaN where a row was not accepted."""
        hypothesis = jobs[0].hypothesis
        if self._routed is None or hypothesis.recipe is not None or hypothesis.checkpoint != self._baseline:
            return self._score_with(self._scorer(hypothesis), jobs)
        found = [np.full(len(job.rows), np.nan) for job in jobs]
        for scores, job in zip(found, jobs, strict=True):
            for name, chosen in self._routed.parts(job.rows):
                index = torch.from_numpy(chosen)
                tensors = {entry: tensor[index] for entry, tensor in job.tensors.items()}
                part = replace(job, rows=job.rows[chosen], tensors=tensors, accepted=job.accepted[chosen])
                scores[chosen] = self._score_with(self._scorers[name], [part])[0]
        return found

    def _score_with(self, scorer: Scorer, jobs: Sequence[Job]) -> list[Floats]:
        found = ChunkedScorer(scorer, self._chunk_rows, np.float64).score([job.tensors for job in jobs])
        return [np.where(job.accepted, scores, np.nan) for job, scores in zip(jobs, found, strict=True)]

    def _scorer(self, hypothesis: Hypothesis) -> Scorer:
        if hypothesis.recipe is None:
            return self._scorers[hypothesis.checkpoint]
        if self._open_recipe is None:
            raise ValueError(f"found {hypothesis.recipe}, but was given no way to open it")
        key = hypothesis.scorer
        if key not in self._opened:
            self._opened[key] = self._open_recipe(hypothesis.recipe)
            if len(self._opened) > _KEPT_SCORERS:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return self._opened[key]
