"""What of a file's weights does not fit a module, all of it in one message, and what that looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch.nn.parameter import is_lazy

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.modules.casting import cast_problems
from replay.checkpoints.safety.placeholders import Placeholder, describe
from replay.checkpoints.scorers.scorer import last_words
from replay.config.messages.wording import suggestion
from replay.config.names import nearest

_MOST_SHOWN: Final = 10
_LOOKS_LIKE: Final = (
    (
        ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"),
        "adapters (LoRA) that were not merged: build the module with them, or merge them before saving "
        "(peft: `model.merge_and_unload()`)",
    ),
    (
        ("parametrizations", "weight_g", "weight_v", "weight_orig"),
        "a parametrized module (weight norm, spectral norm, pruning): parametrize it in the factory too, or remove it "
        "before saving (`torch.nn.utils.parametrize.remove_parametrizations`, `torch.nn.utils.remove_weight_norm`)",
    ),
    (
        ("_packed_params", "zero_point", "SCB", "absmax", "quant_map", "qweight", "qzeros"),
        "quantized layers: quantize the module in the factory in the same way, save it dequantized, or export it whole "
        "with torch.export.save",
    ),
)
"""Parts of names, and what kind of module has them."""


def unread_states(own: Mapping[str, Any], states: Mapping[str, object]) -> dict[str, object]:
    """What the module takes back beside tensors, and is no plain data in the file."""
    return {
        name: value
        for name, value in states.items()
        if name in own and (isinstance(value, Placeholder) or describe(value).endswith(" tensor"))
    }


def misfit_message(
    own: Mapping[str, Any],
    state: Mapping[str, torch.Tensor],
    states: Mapping[str, object],
    checkpoint: Checkpoint,
    error: BaseException | None = None,
) -> str:
    """Say which parameters are missing, unknown, misshaped or of another kind.

    Args:
        own: The module's state dict.
        state: The file's tensors, by the module's names where they fit.
        states: What the file holds beside tensors, by name.
        checkpoint: Where they come from.
        error: What torch said; used where nothing else is found.
    """
    parts = _parts(own, state, states)
    if not parts:
        parts = [f"  {last_words(error)}"] if error is not None else []
    extra = [name for name in state if name not in own]
    return "\n".join(
        (
            f"checkpoint {checkpoint.name!r}: the weights in {checkpoint.path} do not fit the module that factory "
            f"{checkpoint.config.factory} builds",
            *parts,
            *_looks_like(extra, [name for name in own if name not in state]),
            "  check the factory's `kwargs`, or `weights`, which says where in the file they are",
        )
    )


def _parts(own: Mapping[str, Any], state: Mapping[str, torch.Tensor], states: Mapping[str, object]) -> list[str]:
    missing = [name for name in own if name not in state and name not in states]
    extra = [name for name in state if name not in own]
    misshaped = [
        f"`{name}`: the file has {tuple(state[name].shape)}, the module {tuple(value.shape)}"
        for name, value in own.items()
        if name in state and isinstance(value, torch.Tensor) and not is_lazy(value) and value.shape != state[name].shape
    ]
    unread = [f"`{name}`: {describe(value)}" for name, value in unread_states(own, states).items()]
    return [
        *_part("the file lacks", [f"`{name}`{suggestion(nearest(name, extra))}" for name in missing]),
        *_part("the module has no", [f"`{name}`{suggestion(nearest(name, missing))}" for name in extra]),
        *_part("other shapes:", misshaped),
        *_part("other types:", list(cast_problems(own, state))),
        *_part(
            "extra state that is not plain data (numbers, text, lists, dicts, tensors), so that it is not read; have "
            "get_extra_state() give such, or export the model with torch.export.save:",
            unread,
        ),
    ]


def _looks_like(extra: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    for who, names in (("the file looks like that of", extra), ("the factory's module has", missing)):
        parts = {part for name in names for part in name.split(".")}
        for marks, what in _LOOKS_LIKE:
            if not parts.isdisjoint(marks):
                yield f"  {who} {what}"


def _part(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    count = f" ({len(entries)})" if len(entries) > 1 else ""
    more = [f"    and {len(entries) - _MOST_SHOWN} more"] if len(entries) > _MOST_SHOWN else []
    return [f"  {title}{count}", *(f"    {entry}" for entry in entries[:_MOST_SHOWN]), *more]
