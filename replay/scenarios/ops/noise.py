"""``noise``: the value is near what it was."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.base import NonNegativeFloat
from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.numbers import Floats, add_to_numbers, map_numbers, require_numbers
from replay.scenarios.op import Apply, Op, Site, register


@register("noise", rank=30)
class Noise(Op):
    """Adds normal noise, of one size (``std``) or as a share of each value's size (``relative_std``).

    Integers get a rounded amount, and stay in their type's range. Each element of a list draws its own noise. NaN and
    infinity stay what they are.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("std", "relative_std")

    std: NonNegativeFloat | None = None
    """noise: standard deviation of what is added."""
    relative_std: NonNegativeFloat | None = None
    """noise: standard deviation of what is added, as a share of each value's size."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        return lambda values, draw: map_elements(values, draw, self._add)

    def _add(self, values: pa.Array, draw: Draw) -> pa.Array:
        if pa.types.is_null(values.type):
            return values
        if self.std is not None:
            return add_to_numbers(values, draw.normal() * self.std)
        share = draw.normal() * (self.relative_std or 0.0)
        if pa.types.is_integer(values.type):
            return add_to_numbers(values, share * np.abs(_floats(values)))
        return map_numbers(
            values, lambda numbers: np.where(_still(share, numbers), numbers, numbers + share * np.abs(numbers))
        )


def _floats(values: pa.Array) -> Floats:
    numbers: Floats = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers


def _still(share: Floats, numbers: Floats) -> npt.NDArray[np.bool_]:
    """Where nothing is added; infinity plus a share of itself would be NaN."""
    still: npt.NDArray[np.bool_] = (share == 0) | ~np.isfinite(numbers)
    return still
