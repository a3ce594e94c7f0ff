"""``scale``: another unit."""

from __future__ import annotations

from collections.abc import Callable

from replay.config.sections.model.transform import NumberByFeature
from replay.features.transform import Floats, Pointwise, register


@register("scale", rank=70)
class ScaleTransform(Pointwise):
    """The number times `factor`."""

    factor: NumberByFeature
    """scale: what numbers are multiplied by."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        factor = self.number("factor", feature)
        return lambda numbers: numbers * factor
