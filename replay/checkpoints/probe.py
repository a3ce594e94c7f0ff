"""Does a row's score depend on the rows beside it? Is it the same twice? Asked once per checkpoint, of a few rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from replay.checkpoints.scorer import Scorer, Tensors, count_rows

# Another batch size takes other BLAS kernels, which add in another order. Float noise is some units in the last place,
# grown by the depth of the network; a score that really sees its neighbours moves by orders more.
_NOISE = {torch.float64: (1e-10, 1e-8), torch.float32: (1e-5, 1e-3)}
_HALF_NOISE = (1e-2, 5e-2)


@dataclass(frozen=True)
class Probe:
    """What a few rows told.

    Attributes:
        output_dtype: ``torch.float32`` or ``torch.float64``.
        max_abs_difference: Furthest that a score moved in other company.
        depends_on_neighbours: It moved by more than float noise.
        nondeterministic: The same batch gave two answers.
    """

    output_dtype: torch.dtype
    max_abs_difference: float
    depends_on_neighbours: bool
    nondeterministic: bool


def probe(scorer: Scorer, tensors: Tensors, *, half_precision: bool = False) -> Probe:
    """Score some rows together, again, alone and in reverse halves, and compare.

    Args:
        scorer: To be asked.
        tensors: Some rows; fewer than two tell nothing of neighbours.
        half_precision: The model computes in float16 or bfloat16, whose noise is larger.

    Raises:
        CheckpointMismatch: The model does not take the tensors.
    """
    num_rows = count_rows(tensors)
    together = scorer.score(tensors)
    again = scorer.score(tensors)
    nondeterministic = not torch.equal(together.nan_to_num(), again.nan_to_num())
    orders = [[place] for place in range(min(num_rows, 8))]
    orders += [list(range(num_rows))[::-1][: num_rows // 2], list(range(num_rows // 2))] if num_rows >= 4 else []
    absolute, relative = _HALF_NOISE if half_precision else _NOISE[together.dtype]
    furthest, depends = 0.0, False
    for order in orders if num_rows > 1 else []:
        places = torch.tensor(order)
        other = scorer.score({name: tensor[places] for name, tensor in tensors.items()})
        expected = together[places]
        finite = expected.isfinite() & other.isfinite()
        difference = (other - expected).abs()[finite]
        if difference.numel():
            furthest = max(furthest, float(difference.max()))
        beyond = difference > absolute + relative * expected.abs()[finite]
        depends = depends or bool(beyond.any()) or not torch.equal(expected.isfinite(), other.isfinite())
    return Probe(together.dtype, furthest, depends and not nondeterministic, nondeterministic)
