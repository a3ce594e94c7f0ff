"""The state of ``calibration``."""

from __future__ import annotations

from typing import ClassVar

from replay.metrics.functional import calibration
from replay.metrics.ratio import RatioFormula
from replay.metrics.state import RatioMetric


class Calibration(RatioMetric):
    """Sum of scores over sum of labels, both weighted. Undefined where no label is positive.

    >>> import numpy as np
    >>> Calibration().update(np.array([0.5, 0.25]), np.array([0, 1])).compute().value
    0.75
    """

    formula: ClassVar[RatioFormula] = calibration
