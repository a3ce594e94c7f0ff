"""``scale``: the unit changed on one side only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from replay.config.sections.base import NotBool
from replay.scenarios.draw import map_elements
from replay.scenarios.numbers import Floats, map_numbers, require_numbers
from replay.scenarios.op import Apply, Op, Site, register

_FUNCTIONS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "log1p": lambda numbers: np.log1p(np.maximum(numbers, 0.0)),
    "expm1": np.expm1,
}


@register("scale", rank=40)
class Scale(Op):
    """Multiplies with a factor or applies a function, in float64; integers are rounded and clamped to their type."""

    exactly_one: ClassVar[tuple[str, ...]] = ("factor", "function")

    factor: Annotated[float, Field(allow_inf_nan=False), NotBool] | None = None
    """scale: what values are multiplied with."""
    function: Literal["log1p", "expm1"] | None = None
    """scale: instead of `factor`, the function that is applied: log1p (of 0 where a value is negative) or expm1."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        change = self._multiply if self.function is None else _FUNCTIONS[self.function]
        return lambda values, draw: map_elements(values, draw, lambda flat, _: map_numbers(flat, change))

    def _multiply(self, numbers: Floats) -> Floats:
        return numbers * np.float64(1.0 if self.factor is None else self.factor)
