"""``clip``: what is too small or too large was cut off."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from replay.config.messages.finding import Finding
from replay.config.sections.base import NotBool
from replay.scenarios.draw import map_elements
from replay.scenarios.numbers import Floats, bounds, is_integral, map_numbers, require_numbers
from replay.scenarios.op import Apply, Op, OpProblem, Site, register


@register("clip", rank=110)
class Clip(Op):
    """Brings values into ``min`` .. ``max``; integers to the nearest integer that is inside. NaN stays NaN."""

    at_least_one: ClassVar[tuple[str, ...]] = ("min", "max")

    min: Annotated[float, Field(allow_inf_nan=False), NotBool] | None = None
    """clip: the smallest value that is left."""
    max: Annotated[float, Field(allow_inf_nan=False), NotBool] | None = None
    """clip: the largest value that is left."""

    @classmethod
    def check_step(cls, step: Mapping[str, Any]) -> Iterator[Finding]:
        """See :meth:`replay.config.sections.op_arguments.OpArguments.check_step`."""
        low, high = step.get("min"), step.get("max")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            yield Finding((), f"min {low:g} is above max {high:g}")

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        low, high = self._bounds(site)

        def clip(numbers: Floats) -> Floats:
            inside: Floats = np.clip(numbers, low, high)
            return inside

        return lambda values, draw: map_elements(values, draw, lambda flat, _: map_numbers(flat, clip))

    def _bounds(self, site: Site) -> tuple[float, float]:
        low = -np.inf if self.min is None else self.min
        high = np.inf if self.max is None else self.max
        if pa.types.is_null(site.scalar):
            return low, high
        if is_integral(site.scalar):
            low = low if self.min is None else math.ceil(low)
            high = high if self.max is None else math.floor(high)
        smallest, largest = bounds(site.scalar)
        if low > high or low > largest or high < smallest:
            raise OpProblem(
                f"`{site.feature}` is logged as {site.logged}, which has no value from {_shown(self.min)} to "
                f"{_shown(self.max)}: give bounds that hold one",
                "min" if self.max is None else "max",
            )
        return low, high


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"
