"""``abs``: the magnitude."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replay.features.transform import Floats, Pointwise, register


@register("abs", rank=40)
class Magnitude(Pointwise):
    """The number without its sign."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        return np.abs
