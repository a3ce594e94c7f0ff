"""Scores that were logged in half precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replay.diagnosis.noise.envelope import Envelope
from replay.diagnosis.noise.operation import ScoreOperation, ScorePair, register
from replay.scoring.digits import narrow_float, unit_roundoff

_LEAST_VALUES = 5
_SMALLEST = {"float16": 2.0**-25, "bfloat16": 0.0}  # half a step of the numbers below the smallest normal one
_MOST_EXACT = 0.5
_HALF_A_STEP = 0.4


@dataclass(frozen=True)
class FloatType(ScoreOperation):
    """Held as a float16 or bfloat16: half a unit in the last place is open.

    Attributes:
        name: Of the type.
    """

    name: str

    @property
    def tolerance(self) -> Envelope:
        """Half a unit in the last place of the smallest number of each power of two."""
        return Envelope(_SMALLEST[self.name], unit_roundoff(self.name))

    @property
    def words(self) -> str:
        """The type."""
        return f"held as {self.name}"


@register("float_type", rank=20)
def find_float_type(pair: ScorePair) -> FloatType | None:
    """The narrowest type that holds practically all of online's scores, but not the replayed ones.

    Steps that the type holds exactly, such as integers, say nothing of it.
    """
    name = narrow_float(pair.online)
    values = np.unique(pair.online)
    if name is None or len(values) < _LEAST_VALUES or narrow_float(pair.replayed) is not None:
        return None
    gaps = np.diff(values)
    step = float(gaps.min())
    exact = np.abs(gaps / step - np.rint(gaps / step)) < 1e-6
    # Arithmetic leaves more open than the last place of the smallest scores: a grid is one that was found.
    of_steps = pair.tolerance.abs - Envelope.of_arithmetic(pair.online).abs
    is_a_grid = of_steps >= _HALF_A_STEP * step and float(np.mean(exact)) > _MOST_EXACT
    return None if is_a_grid else FloatType(name)
