"""``log``: the natural logarithm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replay.features.transform import Floats, Pointwise, register


@register("log", rank=20)
class Logarithm(Pointwise):
    """The natural logarithm; of a negative number it is NaN, of 0 minus infinity."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        return np.log
