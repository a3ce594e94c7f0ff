"""From what forward() answers to one score a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from replay.config.model import Output
from replay.errors import CheckpointMismatch


def to_scores(answer: Any, output: Output, num_rows: int) -> torch.Tensor:
    """Select, check and transform.

    Args:
        answer: What the model answered: a tensor, a tuple, list, dict, named tuple or dataclass, nested or not.
        output: The config's section.
        num_rows: Rows of the batch.

    Returns:
        ``(num_rows,)`` float32, or float64 where the answer is float64. Half precisions and integers are widened.

    Raises:
        CheckpointMismatch: There is no such output, or it is not one score a row.
    """
    steps = output.select if isinstance(output.select, tuple) else () if output.select is None else (output.select,)
    for step in steps:
        answer = _select(answer, step)
    if not isinstance(answer, torch.Tensor):
        raise CheckpointMismatch(
            f"the model answers {_shape(answer)}, expected a tensor: say which with `model.output: {{select: ...}}`"
        )
    if answer.ndim == 2 and answer.shape[1] == 1:
        answer = answer.squeeze(1)
    if answer.shape != (num_rows,):
        hint = "`model.output: {select: N}` takes one head" if answer.ndim == 2 else "expected one score a row"
        raise CheckpointMismatch(
            f"the model answers {tuple(answer.shape)} for {num_rows} rows, expected ({num_rows},) or ({num_rows}, 1): "
            f"{hint}"
        )
    scores = answer.detach()
    scores = scores if scores.dtype in (torch.float32, torch.float64) else scores.float()
    if output.transform == "sigmoid":
        return torch.sigmoid(scores)
    return torch.exp(scores) if output.transform == "exp" else scores


def _select(answer: Any, step: int | str) -> Any:
    if isinstance(answer, Mapping):
        if step in answer:
            return answer[step]
    elif isinstance(step, str):
        if hasattr(answer, step):
            return getattr(answer, step)
    elif isinstance(answer, torch.Tensor):
        if answer.ndim >= 2 and -answer.shape[1] <= step < answer.shape[1]:
            return answer[:, step]
    elif isinstance(answer, Sequence) and -len(answer) <= step < len(answer):
        return answer[step]
    raise CheckpointMismatch(
        f"the model answers {_shape(answer)}: it has no output {step!r}, see `model.output.select`"
    )


def _shape(answer: Any) -> str:
    """Say what an answer looks like."""
    if isinstance(answer, torch.Tensor):
        return f"a tensor {tuple(answer.shape)}"
    if isinstance(answer, Mapping):
        return f"a dict with keys {', '.join(map(repr, list(answer)[:8]))}"
    if isinstance(answer, (tuple, list)):
        return f"a {type(answer).__name__} of {len(answer)} ({', '.join(_shape(one) for one in answer[:4])})"
    return f"a {type(answer).__name__}"
