"""Another checkpoint answered, or parts of one."""

from __future__ import annotations

import numpy as np
import torch

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import BASELINE, CHECKPOINTS

OTHERS = tuple(name for name in CHECKPOINTS if name != BASELINE)
TOWERS = ("query_tower", "item_tower")


@cause("checkpoint", share=(1.0, 1.0))
def checkpoint(scene: Scene, rng: np.random.Generator) -> Cause:
    """Another checkpoint answered every row."""
    name = pick(rng, OTHERS)
    return Cause(scene, {"checkpoint": name}, run=scene.answered_by(scene.modules[name]))


@cause("route", share=(0.05, 0.8))
def route(scene: Scene, rng: np.random.Generator) -> Cause:
    """Another checkpoint answered a share of the rows."""
    return checkpoint(scene, rng)


@cause("splice")
def splice(scene: Scene, rng: np.random.Generator) -> Cause:
    """A tower of another checkpoint."""
    module, name = pick(rng, TOWERS), pick(rng, OTHERS)
    return Cause(
        scene, {"module": module, "checkpoint": name}, run=scene.answered_by(spliced(scene, {f"{module}.": name}))
    )


def spliced(scene: Scene, parts: dict[str, str]) -> TwoTower:
    """The baseline with parameters of other checkpoints: checkpoint by prefix of a name."""
    return scene.remade(
        {
            key: scene.modules[name].state_dict()[key]
            for prefix, name in parts.items()
            for key in scene.modules[name].state_dict()
            if key.startswith(prefix)
        }
    )


@cause("unlisted_checkpoint", has_name=False)
def unlisted_checkpoint(scene: Scene, rng: np.random.Generator) -> Cause:
    """A checkpoint that nobody listed."""
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 30)))
    changed = {
        name: (one + 0.15 * one.std() * torch.randn(one.shape, generator=generator)).detach()
        for name, one in scene.modules[BASELINE].named_parameters()
        if one.numel() > 1
    }
    return Cause(scene, {}, run=scene.answered_by(scene.remade(changed)))
