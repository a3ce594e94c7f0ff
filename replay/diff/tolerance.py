"""When a replayed score agrees with a reference."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance


def allowed_difference(reference: NDArray[Any], tolerance: Tolerance) -> NDArray[np.float64]:
    """How far from a reference a score may be that agrees with it, ``(num_rows,)``.

    >>> allowed_difference(np.array([0.5, -4.0]), Tolerance(abs=0.25, rel=0.5)).tolist()
    [0.5, 2.25]
    """
    return cast("NDArray[np.float64]", tolerance.abs + tolerance.rel * np.abs(reference))


def agrees(replayed: NDArray[Any], reference: NDArray[Any], tolerance: Tolerance) -> NDArray[np.bool_]:
    """``|replayed - reference| <= abs + rel * |reference|``, inclusive, in float64.

    The bound is relative to the reference alone, so the two sides don't swap. Infinities agree when they are equal,
    sign and all, whatever the tolerance; no tolerance makes an infinity agree with a finite score. NaN agrees with
    nothing, not even NaN.

    Args:
        replayed: ``(num_rows,)``; float32 is widened, not the other rounded.
        reference: ``(num_rows,)``, what online answered, or the baseline's score.
        tolerance: The two bounds.

    Returns:
        ``(num_rows,)`` bool.

    >>> agrees(np.array([0.5, np.inf, np.nan]), np.array([0.25, np.inf, np.nan]), Tolerance(abs=0.25, rel=0)).tolist()
    [True, True, False]
    """
    left, right = replayed.astype(np.float64, copy=False), reference.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        close = np.abs(left - right) <= allowed_difference(right, tolerance)
        # An infinite reference makes the bound infinite; only equality can agree with it.
        return cast("NDArray[np.bool_]", (close & np.isfinite(left) & np.isfinite(right)) | (left == right))
