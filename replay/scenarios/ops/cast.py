"""``cast``: the value went through a smaller type."""

from __future__ import annotations

from typing import Literal

import numpy as np

from replay.scenarios.draw import map_elements
from replay.scenarios.numbers import Floats, map_numbers, require_numbers
from replay.scenarios.op import Apply, Op, Site, register


@register("cast", rank=100)
class Cast(Op):
    """Round trip through ``float16`` or ``bfloat16`` as torch casts, or ``int8``.

    Through ``int8`` a value is rounded half to even and clamped to -128 .. 127, with a scale of 1; NaN stays NaN. An
    integer or decimal that is beyond ``float16`` comes back as the largest that its own type holds.
    """

    dtype: Literal["float16", "bfloat16", "int8"]
    """cast: the type that values go through and come back from."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        return lambda values, draw: map_elements(values, draw, lambda flat, _: map_numbers(flat, self._round_trip))

    def _round_trip(self, numbers: Floats) -> Floats:
        if self.dtype == "int8":
            return np.clip(np.rint(numbers), -128, 127)
        import torch  # reading a config imports this file, and needs no torch

        rounded: Floats = torch.from_numpy(numbers).to(getattr(torch, self.dtype)).to(torch.float64).numpy()
        return rounded
