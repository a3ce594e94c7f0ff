"""``noise``: the value is near what it was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.ops.numbers import Floats, add_to_numbers, map_numbers, require_numbers
from replay.scenarios.ops.registry import OpProblem, Site, register


@register("noise")
class Noise:
    """Adds normal noise, of one size (``std``) or as a share of each value's size (``relative_std``).

    Integers get a rounded amount, and stay in their type's range. Each element of a list draws its own noise. NaN and
    infinity stay what they are.
    """

    def __init__(self, site: Site) -> None:
        require_numbers(site)
        step = site.step
        if (step.std is None) == (step.relative_std is None):
            raise OpProblem("`noise` needs exactly one of `std` and `relative_std`", "std")
        self._std, self._relative_std = step.std, step.relative_std

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return map_elements(values, draw, self._add)

    def _add(self, values: pa.Array, draw: Draw) -> pa.Array:
        if pa.types.is_null(values.type):
            return values
        if self._std is not None:
            return add_to_numbers(values, draw.normal() * self._std)
        share = draw.normal() * (self._relative_std or 0.0)
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
