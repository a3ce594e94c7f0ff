"""Features that went through another type: whole numbers, 16 bits, integers that wrap around, a range, few decimals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.world import Floats, Served

_WRAPS = {"int8": (-128, 256), "uint8": (0, 256)}


@cause("whole_numbers")
def whole_numbers(scene: Scene, rng: np.random.Generator) -> Cause:
    """Fractions cut or rounded."""
    how = pick(rng, ("cut", "rounded"))
    return _through(scene, rng, _fractions(scene), how, np.trunc if how == "cut" else np.rint)


@cause("half_precision")
def half_precision(scene: Scene, rng: np.random.Generator) -> Cause:
    """All numbers of a tower through a type of 16 bits; what is beyond float16 becomes its largest."""
    names, dtype = pick(rng, (scene.layout.query, scene.layout.item)), pick(rng, ("float16", "bfloat16"))
    kind = getattr(torch, dtype)
    most = torch.finfo(kind).max

    def change(served: Served) -> Served:
        return {name: torch.tensor(served[name]).clamp(-most, most).to(kind).float().numpy() for name in names}

    return Cause(scene, {"touched": names, "type": dtype}, change)


@cause("wrapped_integer")
def wrapped_integer(scene: Scene, rng: np.random.Generator) -> Cause:
    """Large numbers wrap around in a small integer."""
    kind = pick(rng, tuple(_WRAPS))
    low, length = _WRAPS[kind]
    return _through(scene, rng, _large(scene), kind, lambda values: low + np.mod(np.trunc(values) - low, length))


@cause("clipped_feature", has_name=False)
def clipped_feature(scene: Scene, rng: np.random.Generator) -> Cause:
    """Large numbers end at the largest of a byte, or at a cap that a pipeline has."""
    most = pick(rng, (50.0, 100.0, 127.0, 255.0))
    return _through(scene, rng, _large(scene), f"0 to {most:g}", lambda values: np.clip(values, 0.0, most))


@cause("few_decimals")
def few_decimals(scene: Scene, rng: np.random.Generator) -> Cause:
    """Fractions with one decimal."""
    return _through(scene, rng, _fractions(scene), "1 decimal", lambda values: np.round(values, 1))


def _through(
    scene: Scene, rng: np.random.Generator, names: list[str], how: str, function: Callable[[Floats], Floats]
) -> Cause:
    name = pick(rng, names)

    def change(served: Served) -> Served:
        changed = function(served[name].astype(np.float64)).astype(np.float32)
        null = scene.traffic.null.get(name)
        return {name: changed if null is None else np.where(null, served[name], changed)}

    return Cause(scene, {"touched": (name,), "type": how}, change)


def _fractions(scene: Scene) -> list[str]:
    """Numbers that are often no whole ones."""
    served = scene.traffic.served
    return [name for name in _numbers(scene) if np.mean(served[name] % 1.0 != 0.0) > 0.2]


def _large(scene: Scene) -> list[str]:
    """Numbers that are often beyond 127."""
    served = scene.traffic.served
    return [name for name in _numbers(scene) if np.mean(served[name] > 127.0) > 0.05]


def _numbers(scene: Scene) -> tuple[str, ...]:
    return (*scene.layout.query, *scene.layout.item)
