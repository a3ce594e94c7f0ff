"""``scale``: the unit changed on one side only."""

from __future__ import annotations

import pyarrow as pa

from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.ops.numbers import map_numbers, require_numbers
from replay.scenarios.ops.registry import OpProblem, Site, register


@register("scale")
class Scale:
    """Multiplies with a factor, in float64; integers are rounded half to even and clamped to their type."""

    def __init__(self, site: Site) -> None:
        require_numbers(site)
        if site.step.factor is None:
            raise OpProblem("`scale` needs a `factor`", "factor")
        self._factor = site.step.factor

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return map_elements(values, draw, lambda flat, _: map_numbers(flat, lambda numbers: numbers * self._factor))
