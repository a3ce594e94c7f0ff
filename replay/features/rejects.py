"""Why a row is rejected, and how reasons of many inputs become one per row."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

REJECT_REASONS: Final[tuple[str, ...]] = (
    "",
    "null_without_default",
    "not_representable",
    "unknown_vocabulary",
    "wrong_length",
    "unknown_version",
    "model_failed",
)
"""Reasons by code; code 0 is an accepted row."""

NULL: Final = 1
NOT_REPRESENTABLE: Final = 2
UNKNOWN: Final = 3
WRONG_LENGTH: Final = 4
UNKNOWN_VERSION: Final = 5
"""Online names no checkpoint that is here; of a whole row, not of one of its features."""

MODEL_FAILED: Final = 6
"""A model raises for it; of a whole row, not of one of its features."""

Reasons = npt.NDArray[np.int8]
"""Codes, (num_values,) or (num_rows,); ``None`` in its place says that everything was accepted."""


def reasons_of(null: npt.NDArray[np.bool_] | None, unfit: npt.NDArray[np.bool_] | None) -> Reasons | None:
    """Codes of values that are null without a default, or that the dtype cannot hold.

    Args:
        null: (num_values,), True where a null has no default; None where there is none.
        unfit: (num_values,), True where the value is not representable; what it says of a null does not count.
    """
    if null is None and unfit is None:
        return None
    reasons = np.zeros(len(null if null is not None else unfit), np.int8)  # type: ignore[arg-type]
    if unfit is not None:
        reasons[unfit] = NOT_REPRESENTABLE
    if null is not None:
        reasons[null] = NULL
    return reasons


def first_reason(before: Reasons | None, after: Reasons | None) -> Reasons | None:
    """Merge two sets of reasons: the first one that a row met stays. May write into ``before``."""
    if before is None or after is None:
        return after if before is None else before
    np.copyto(before, after, where=before == 0)
    return before
