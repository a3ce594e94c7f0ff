"""``clip``: numbers brought into a range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from replay.config.messages.finding import Finding
from replay.config.sections.model.transform import NumberByFeature
from replay.features.transform import Floats, Pointwise, register


@register("clip", rank=50)
class ClipTransform(Pointwise):
    """What is below `min` becomes `min`, what is above `max` becomes `max`; NaN stays NaN."""

    at_least_one: ClassVar[tuple[str, ...]] = ("min", "max")

    min: NumberByFeature | None = None
    """clip: the smallest number that is left. minmax: the number that becomes 0."""
    max: NumberByFeature | None = None
    """clip: the largest number that is left. minmax: the number that becomes 1."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """The range is not empty."""
        low, high = data.get("min"), data.get("max")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            yield Finding((), f"min {low:g} is above max {high:g}")

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        low = -np.inf if self.min is None else self.number("min", feature)
        high = np.inf if self.max is None else self.number("max", feature)
        return lambda numbers: np.clip(numbers, low, high)
