"""``sqrt``: the square root."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replay.features.transform import Floats, Pointwise, register


@register("sqrt", rank=30)
class SquareRoot(Pointwise):
    """The square root; of a negative number it is NaN."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        return np.sqrt
