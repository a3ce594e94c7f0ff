"""Does a row's score depend on the rows that it is batched with, and is it the same twice? Asked once a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from replay.checkpoints.scorers.scorer import Scorer

_MOST_ALONE = 8
# Kernels for another number of rows add in another order. The last bits of a score differ, by more in a deeper model.
_NOISE_UNITS = {torch.float64: 1024, torch.float32: 128}
_NOISE_UNITS_COARSE = 8
_SMALLEST_SCALE = 0.1


@dataclass(frozen=True)
class Probe:
    """What scoring a few rows in different company tells.

    Attributes:
        output_dtype: Of the scores: float32 or float64.
        max_abs_difference: The largest difference between a row's scores in different batches, NaN and infinity aside.
        depends_on_neighbours: That difference is more than floating-point noise, or a score is finite in some only.
        nondeterministic: The same batch, scored again, gave other scores. Then nothing is said of neighbours.
    """

    output_dtype: torch.dtype
    max_abs_difference: float
    depends_on_neighbours: bool
    nondeterministic: bool = False


def probe(scorer: Scorer, tensors: Mapping[str, torch.Tensor]) -> Probe:
    """Score rows together, again, alone, in halves and in reverse order, and compare.

    Args:
        scorer: Any.
        tensors: A few dozen different rows, at least two. One row is only compared with itself.

    Raises:
        CheckpointMismatch: The model refuses the rows.
    """
    together = scorer.score(tensors)
    tolerance = noise(together, scorer.precision)
    repeated, differs = _compare(together, scorer.score(tensors), tolerance)
    if differs:
        return Probe(together.dtype, repeated, depends_on_neighbours=False, nondeterministic=True)
    furthest, depends = repeated, False
    for rows in _companies(len(together)):
        scores = scorer.score({name: tensor[rows] for name, tensor in tensors.items()})
        difference, differs = _compare(together[rows], scores, tolerance)
        furthest, depends = max(furthest, difference), depends or differs
    return Probe(together.dtype, furthest, depends)


def noise(scores: torch.Tensor, precision: torch.dtype) -> float:
    """The largest difference between two runs over the same row that is floating-point noise.

    Args:
        scores: Of a few dozen rows: noise grows with the largest of them.
        precision: What the model computes in.

    >>> noise(torch.tensor([0.5, -2.0]), torch.float32) < 1e-4 < noise(torch.tensor([0.5, -2.0]), torch.bfloat16)
    True
    """
    finite = scores[scores.isfinite()]
    scale = max(float(finite.abs().max()) if len(finite) else 0.0, _SMALLEST_SCALE)
    eps = max(torch.finfo(precision).eps, torch.finfo(scores.dtype).eps)
    units = next((units for dtype, units in _NOISE_UNITS.items() if torch.finfo(dtype).eps == eps), _NOISE_UNITS_COARSE)
    return units * eps * scale


def _companies(num_rows: int) -> Iterator[torch.Tensor]:
    """Rows to score together, as indices: alone, each half, all in reverse order."""
    everything = torch.arange(num_rows)
    step = max(1, num_rows // _MOST_ALONE)
    yield from (everything[row : row + 1] for row in range(0, num_rows, step))
    if num_rows > 1:
        yield from (everything[: num_rows // 2], everything[num_rows // 2 :], everything.flip(0))


def _compare(one: torch.Tensor, other: torch.Tensor, tolerance: float) -> tuple[float, bool]:
    """The largest finite difference, and whether any is beyond the tolerance. NaN equals NaN, infinity infinity."""
    same = (one == other) | (one.isnan() & other.isnan())
    finite = one.isfinite() & other.isfinite()
    difference = float((one[finite] - other[finite]).abs().max()) if bool(finite.any()) else 0.0
    return difference, difference > tolerance or not bool((same | finite).all())
