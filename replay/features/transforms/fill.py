"""``fill``: what a null is from here on."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from replay.config.sections.model.transform import NumberByFeature
from replay.features.transform import Floats, Nulls, Step, Transform, register


@register("fill", rank=60)
class Fill(Transform):
    """A null becomes `value`, which the steps after it see like any other number. NaN is no null, and stays."""

    fills_nulls: ClassVar[bool] = True

    value: NumberByFeature
    """fill: the number that stands in for a null."""

    def bind(self, feature: str) -> Step:
        """See :meth:`replay.features.transform.Transform.bind`."""
        value = self.number("value", feature)

        def fill(numbers: Floats, nulls: Nulls | None) -> tuple[Floats, Nulls | None]:
            return (numbers if nulls is None else np.where(nulls, value, numbers)), None

        return fill
