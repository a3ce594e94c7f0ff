"""``minmax``: a range brought to 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

from replay.config.sections.model.transform import NumberByFeature
from replay.features.problems import EncodeError
from replay.features.transform import Floats, Pointwise, register


@register("minmax", rank=90)
class MinMax(Pointwise):
    """`(x - min) / (max - min)`; what lies outside of the range is not cut off."""

    min: NumberByFeature
    """minmax: the number that becomes 0."""
    max: NumberByFeature
    """minmax: the number that becomes 1."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        low, high = self.number("min", feature), self.number("max", feature)
        if low >= high:
            raise EncodeError(f"found min {low:g} and max {high:g} for `{feature}`, expected a smaller min")
        return lambda numbers: (numbers - low) / (high - low)
