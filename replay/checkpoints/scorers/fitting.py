"""Where a file's parameters and a module's do not fit, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.scorers.scorer import last_words
from replay.config.messages.wording import suggestion
from replay.config.names import nearest

_MOST_SHOWN = 10


def misfit_message(
    own: Mapping[str, Any], state: Mapping[str, torch.Tensor], checkpoint: Checkpoint, error: BaseException
) -> str:
    """Say which parameters are missing, unknown or misshaped.

    Args:
        own: The module's state dict.
        state: The file's.
        checkpoint: Where they come from.
        error: What torch said; used where names and shapes all fit.
    """
    missing = [name for name in own if name not in state]
    extra = [name for name in state if name not in own]
    misshaped = [
        f"`{name}`: the file has {tuple(state[name].shape)}, the module {tuple(value.shape)}"
        for name, value in own.items()
        if name in state and isinstance(value, torch.Tensor) and value.shape != state[name].shape
    ]
    parts = [
        *_part("the file lacks", [f"`{name}`{suggestion(nearest(name, extra))}" for name in missing]),
        *_part("the module has no", [f"`{name}`{suggestion(nearest(name, missing))}" for name in extra]),
        *_part("other shapes:", misshaped),
    ]
    if not parts:
        parts = [f"  {last_words(error)}"]
    return "\n".join(
        (
            f"checkpoint {checkpoint.name!r}: the weights in {checkpoint.path} do not fit the module that factory "
            f"{checkpoint.config.factory} builds",
            *parts,
            "  check the factory's `kwargs`, or `weights`, which says where in the file they are",
        )
    )


def _part(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    count = f" ({len(entries)})" if len(entries) > 1 else ""
    more = [f"    and {len(entries) - _MOST_SHOWN} more"] if len(entries) > _MOST_SHOWN else []
    return [f"  {title}{count}", *(f"    {entry}" for entry in entries[:_MOST_SHOWN]), *more]


def dtype_notes(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Say where the file holds parameters in another type than the factory builds them in.

    >>> dtype_notes({"w": torch.zeros(2)}, {"w": torch.zeros(2, dtype=torch.bfloat16)})
    ('the file holds 1 tensor as bfloat16 that the factory builds as float32 (`w`): the file is followed',)
    """
    found: Counter[tuple[torch.dtype, torch.dtype]] = Counter()
    example: dict[tuple[torch.dtype, torch.dtype], str] = {}
    for name, tensor in state.items():
        value = own.get(name)
        if isinstance(value, torch.Tensor) and value.dtype != tensor.dtype:
            found[tensor.dtype, value.dtype] += 1
            example.setdefault((tensor.dtype, value.dtype), name)
    return tuple(
        f"the file holds {count} tensor{'s' if count > 1 else ''} as {_short(held)} that the factory builds as "
        f"{_short(built)} (`{example[held, built]}`{', ...' if count > 1 else ''}): the file is followed"
        for (held, built), count in found.items()
    )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
