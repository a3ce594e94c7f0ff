"""``standardize``: distance from the mean in standard deviations."""

from __future__ import annotations

from collections.abc import Callable

from replay.config.sections.model.transform import NumberByFeature
from replay.features.problems import EncodeError
from replay.features.transform import Floats, Pointwise, register


@register("standardize", rank=80)
class Standardize(Pointwise):
    """`(x - mean) / std`, with the mean and the standard deviation of the training data."""

    mean: NumberByFeature
    """standardize: the mean."""
    std: NumberByFeature
    """standardize: the standard deviation, more than 0."""

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        mean, std = self.number("mean", feature), self.number("std", feature)
        if std <= 0:
            raise EncodeError(f"found std {std:g} for `{feature}`, expected more than 0")
        return lambda numbers: (numbers - mean) / std
