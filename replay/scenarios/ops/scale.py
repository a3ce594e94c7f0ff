"""``scale``: the unit changed on one side only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa

from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.ops.numbers import Floats, map_numbers, require_numbers
from replay.scenarios.ops.registry import OpProblem, Site, register

_FUNCTIONS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "log1p": lambda numbers: np.log1p(np.maximum(numbers, 0.0)),
    "expm1": np.expm1,
}


@register("scale")
class Scale:
    """Multiplies with a factor or applies a function, in float64; integers are rounded and clamped to their type."""

    def __init__(self, site: Site) -> None:
        require_numbers(site)
        factor, function = site.step.factor, site.step.function
        if (factor is None) == (function is None):
            raise OpProblem("`scale` needs exactly one of `factor` and `function`", "factor")
        self._change = _FUNCTIONS[function] if function is not None else lambda numbers: numbers * factor

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return map_elements(values, draw, lambda flat, _: map_numbers(flat, self._change))
