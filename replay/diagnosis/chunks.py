"""Rows of several hypotheses scored in chunks of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.scoring.chunks import padded

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Job:
    """Rows of one hypothesis that are to be scored, ready for the model.

    Attributes:
        place: Of the hypothesis among those asked for.
        rows: ``(k,)`` int64, rows of the evidence.
        tensors: By input name, k rows each.
        accepted: ``(k,)``, rows that the model's contract accepts.
    """

    place: int
    rows: NDArray[np.int64]
    tensors: Tensors
    accepted: NDArray[np.bool_]


def score_jobs(scorer: Scorer, jobs: Sequence[Job], chunk_rows: int) -> list[NDArray[np.float64]]:
    """Score jobs in full chunks, the last one filled up with real rows.

    A row's bits depend on the size of its chunk, never on its neighbours: see :class:`replay.scoring.core.BatchScorer`.

    Returns:
        ``(k,)`` float64 for each job; NaN where a row was not accepted.
    """
    scores = np.empty(sum(len(job.rows) for job in jobs))
    done = 0
    for tensors in _joined(jobs):
        count = len(next(iter(tensors.values())))
        for start in range(0, count, chunk_rows):
            chunk = {name: tensor[start : start + chunk_rows] for name, tensor in tensors.items()}
            size = min(chunk_rows, count - start)
            if size < chunk_rows:
                chunk = {name: padded(tensor, chunk_rows) for name, tensor in chunk.items()}
            scores[done : done + size] = scorer.score(chunk)[:size].double().numpy()
            done += size
    cuts = np.cumsum([len(job.rows) for job in jobs])[:-1]
    return [np.where(job.accepted, part, np.nan) for job, part in zip(jobs, np.split(scores, cuts), strict=True)]


def _joined(jobs: Sequence[Job]) -> Iterator[Tensors]:
    """The tensors of consecutive jobs as one, as far as their shapes allow: ragged inputs differ in width."""
    start = 0
    shapes = [{name: tensor.shape[1:] for name, tensor in job.tensors.items()} for job in jobs]
    for end in range(1, len(jobs) + 1):
        if end < len(jobs) and shapes[end] == shapes[start]:
            continue
        some = jobs[start:end]
        yield (
            some[0].tensors
            if len(some) == 1
            else {name: torch.cat([job.tensors[name] for job in some]) for name in some[0].tensors}
        )
        start = end
