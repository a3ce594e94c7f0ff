"""``cast``: the value went through a smaller type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import torch

from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.ops.numbers import Floats, map_numbers, require_numbers
from replay.scenarios.ops.registry import OpProblem, Site, register


def _through(dtype: torch.dtype) -> Callable[[Floats], Floats]:
    def round_trip(numbers: Floats) -> Floats:
        rounded: Floats = torch.from_numpy(numbers).to(dtype).to(torch.float64).numpy()
        return rounded

    return round_trip


def _through_int8(numbers: Floats) -> Floats:
    return np.clip(np.rint(numbers), -128, 127)


_ROUND_TRIPS: Final = {
    "float16": _through(torch.float16),
    "bfloat16": _through(torch.bfloat16),
    "int8": _through_int8,
}


@register("cast")
class Cast:
    """Round trip through ``float16`` or ``bfloat16`` as torch casts, or ``int8``.

    Through ``int8`` a value is rounded half to even and clamped to -128 .. 127, with a scale of 1; NaN stays NaN. An
    integer or decimal that is beyond ``float16`` comes back as the largest that its own type holds.
    """

    def __init__(self, site: Site) -> None:
        require_numbers(site)
        if site.step.dtype is None:
            raise OpProblem("`cast` needs a `dtype`", "dtype")
        self._round_trip = _ROUND_TRIPS[site.step.dtype]

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return map_elements(values, draw, lambda flat, _: map_numbers(flat, self._round_trip))
