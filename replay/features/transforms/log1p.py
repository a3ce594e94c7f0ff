"""``log1p``: counts and amounts on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replay.features.transform import Floats, Pointwise, register


@register("log1p", rank=10)
class LogOnePlus(Pointwise):
    """The natural logarithm of 1 + x; of less than -1 it is NaN, of -1 minus infinity."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        return np.log1p
