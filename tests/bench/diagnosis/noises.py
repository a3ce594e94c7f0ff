"""How online logs its answers: the type, digits or range that they went through, at all times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tests.bench.diagnosis.causes.layers import through_layer
from tests.bench.diagnosis.world import Floats


@dataclass(frozen=True, eq=False)
class Noise:
    """What becomes of every answer before it is logged.

    Attributes:
        name: In the tables.
        apply: Answers ``(num_rows,)`` to what is logged.
        rel: Of a logged score, how far it may be from the answer.
        abs: The part that does not depend on the score.
        says: What the tool may say of it: each thing that it says holds one of these.
        has_layer: Whether answers go through another output layer.
    """

    name: str
    apply: Callable[[Floats], Floats]
    rel: float = 1e-5
    abs: float = 1e-7
    says: tuple[str, ...] = ()
    has_layer: bool = False

    def may_be(self, told: str) -> bool:
        """Whether that can be said of it."""
        return any(words in told for words in self.says)

    def slack(self, logged: Floats) -> Floats:
        """How far two logged scores may lie apart that are answers of the same model to the same features."""
        return np.asarray(self.abs + self.rel * np.abs(logged))

    def differ(self, some: Floats, others: Floats, times: float = 2.0) -> np.ndarray:
        """Where two answers, each as it is logged, are farther apart than that: ``(num_rows,)`` bool."""
        some, others = self.apply(some), self.apply(others)
        return np.asarray(np.abs(some - others) > times * self.slack(others))


def through_type(name: str, rel: float) -> Noise:
    """Logged in a float type."""

    def apply(scores: Floats) -> Floats:
        return np.asarray(torch.from_numpy(scores).to(getattr(torch, name)).double().numpy())

    return Noise(name, apply, rel, says=() if name == "float32" else (f"held as {name}",))


def rounded(decimals: int) -> Noise:
    """Rounded to decimals."""
    name, unit = f"rounded to {decimals} decimals", 10.0**-decimals
    return Noise(name, lambda scores: np.round(scores, decimals), abs=0.5 * unit, says=(name,))


def cut(decimals: int) -> Noise:
    """Digits cut off."""
    name, unit = f"cut to {decimals} decimals", 10.0**-decimals
    return Noise(name, lambda scores: np.round(np.floor(scores / unit) * unit, decimals), abs=unit, says=(name,))


def bounded(low: float, high: float) -> Noise:
    """Brought into a range; infinite: no bound on that side."""
    parts = {f"floor {low:.3g}": ("never below", low), f"cap {high:.3g}": ("never above", high)}
    known = {name: words for name, (words, bound) in parts.items() if np.isfinite(bound)}
    return Noise(", ".join(known), lambda scores: _float32(np.clip(scores, low, high)), says=tuple(known.values()))


def layered(offset: float, slope: float) -> Noise:
    """Through another output layer."""
    return Noise("calibrated", lambda scores: _float32(through_layer(scores, offset, slope)), has_layer=True)


def _float32(scores: Floats) -> Floats:
    return scores.astype(np.float32).astype(np.float64)


TYPES = (through_type("float32", 1e-5), through_type("float16", 2.0**-11), through_type("bfloat16", 2.0**-8))
