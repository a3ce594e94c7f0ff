"""Rows of several hypotheses scored in chunks of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.scoring.chunks import ChunkedScorer

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
    """Score jobs in full chunks that they share; see :class:`replay.scoring.chunks.ChunkedScorer`.

    Returns:
        ``(k,)`` float64 for each job; NaN where a row was not accepted.
    """
    scores = ChunkedScorer(scorer, chunk_rows, np.float64).score([job.tensors for job in jobs])
    return [np.where(job.accepted, found, np.nan) for job, found in zip(jobs, scores, strict=True)]
