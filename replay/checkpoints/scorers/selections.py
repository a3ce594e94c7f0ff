"""Every part of a model's answer that could be its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from replay.checkpoints.scorers.output import field_names

Selection = int | str | tuple[int | str, ...] | None
"""As ``model.output.select`` has it."""

_MOST_HEADS = 64
_DEEPEST = 4


def selections(answer: Any, num_rows: int) -> tuple[Selection, ...]:
    """Find all that gives one floating-point number a row.

    Args:
        answer: Tensors; or tuples, lists, dicts, dataclasses, named tuples or objects of such.
        num_rows: Rows of the batch that was scored.

    Returns:
        What ``select`` could be, in the order of the answer; of a tensor with more than 64 heads the first 64.

    >>> selections({"ctr": torch.zeros(4, 2), "aux": (torch.zeros(4, 1), torch.zeros(7))}, 4)
    (('ctr', 0), ('ctr', 1), ('aux', 0))
    """
    return tuple(_as_select(steps) for steps in _parts(answer, num_rows, ()))


def _as_select(steps: tuple[int | str, ...]) -> Selection:
    return None if not steps else steps[0] if len(steps) == 1 else steps


def _parts(value: Any, num_rows: int, steps: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    if isinstance(value, torch.Tensor):
        yield from _heads(value, num_rows, steps)
        return
    if len(steps) >= _DEEPEST:
        return
    for step, part in _entries(value):
        yield from _parts(part, num_rows, (*steps, step))


def _heads(value: torch.Tensor, num_rows: int, steps: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    if not value.is_floating_point() or value.dim() not in (1, 2) or value.shape[0] != num_rows:
        return
    if value.dim() == 1 or value.shape[1] == 1:
        yield steps
    else:
        yield from ((*steps, head) for head in range(min(value.shape[1], _MOST_HEADS)))


def _entries(value: Any) -> Iterator[tuple[int | str, Any]]:
    if isinstance(value, Mapping):
        yield from ((key, part) for key, part in value.items() if type(key) in (int, str))
    elif names := field_names(value):
        yield from ((name, getattr(value, name)) for name in names)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from enumerate(value)
