"""Parameters that went through a narrower type."""

from __future__ import annotations

import numpy as np
import torch

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import BASELINE

DTYPES = ("float16", "bfloat16", "int8")
_MODULES = ("query_tower", "item_tower", "head", "query_tower.embeddings", "item_tower.embeddings")


@cause("precision")
def precision(scene: Scene, rng: np.random.Generator) -> Cause:
    """All parameters."""
    dtype = pick(rng, DTYPES)
    return Cause(scene, {"dtype": dtype}, run=scene.answered_by(cast_parameters(scene, dtype)))


@cause("partial_cast", has_name=False, by_host=True)
def partial_cast(scene: Scene, rng: np.random.Generator) -> Cause:
    """Parameters of one module, as where embeddings alone are quantized."""
    dtype, module = pick(rng, ("int8", "bfloat16")), pick(rng, _MODULES)
    made = cast_parameters(scene, dtype, f"{module}.")
    return Cause(scene, {"dtype": dtype, "module": module}, run=scene.answered_by(made))


def cast_parameters(scene: Scene, dtype: str, prefix: str = "") -> TwoTower:
    """The baseline with the parameters under a prefix cast."""
    state = scene.modules[BASELINE].state_dict()
    return scene.remade(
        {name: cast(one, dtype) for name, one in state.items() if name.startswith(prefix) and one.is_floating_point()}
    )


def cast(tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    """Round to a narrower type and back; int8 in equal steps up to the tensor's largest magnitude."""
    if dtype != "int8":
        return tensor.to(getattr(torch, dtype)).to(tensor.dtype)
    step = tensor.abs().max() / 127.0
    return torch.round(tensor / step) * step if step > 0 else tensor
