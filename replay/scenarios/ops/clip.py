"""``clip``: what is too small or too large was cut off."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.ops.numbers import Floats, bounds, is_integral, map_numbers, require_numbers
from replay.scenarios.ops.registry import OpProblem, Site, register


@register("clip")
class Clip:
    """Brings values into ``min`` .. ``max``; integers to the nearest integer that is inside. NaN stays NaN."""

    def __init__(self, site: Site) -> None:
        require_numbers(site)
        low, high = site.step.min, site.step.max
        if low is None and high is None:
            raise OpProblem("`clip` needs a `min` or a `max`", "min")
        self._low = -np.inf if low is None else low
        self._high = np.inf if high is None else high
        if pa.types.is_null(site.scalar):
            return
        if is_integral(site.scalar):
            self._low = self._low if low is None else math.ceil(low)
            self._high = self._high if high is None else math.floor(high)
        smallest, largest = bounds(site.scalar)
        if self._low > self._high or self._low > largest or self._high < smallest:
            raise OpProblem(
                f"`{site.feature}` is logged as {site.logged}, which has no value from {_shown(low)} to "
                f"{_shown(high)}: give bounds that hold one",
                "min" if high is None else "max",
            )

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return map_elements(values, draw, lambda flat, _: map_numbers(flat, self._clip))

    def _clip(self, numbers: Floats) -> Floats:
        inside: Floats = np.clip(numbers, self._low, self._high)
        return inside


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"
