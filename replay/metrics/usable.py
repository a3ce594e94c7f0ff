"""Which rows a quality metric can use, and why it can't use the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(slots=True)
class Excluded:
    """Rows left out, each under the first reason that applies.

    Attributes:
        label_null: No label (NaN).
        label_invalid: A label other than 0 and 1.
        weight_invalid: A weight that is null, NaN, infinite or negative. A weight of 0 is valid.
        score_non_finite: A score that is null, NaN or infinite.
        label_lowest: Of the labels other than 0 and 1; infinite where there is none.
        label_highest: Of the same; infinite where there is none.
    """

    label_null: int = 0
    label_invalid: int = 0
    weight_invalid: int = 0
    score_non_finite: int = 0
    label_lowest: float = math.inf
    label_highest: float = -math.inf

    def add(self, other: Excluded) -> None:
        """Add another count."""
        self.label_null += other.label_null
        self.label_invalid += other.label_invalid
        self.weight_invalid += other.weight_invalid
        self.score_non_finite += other.score_non_finite
        self.label_lowest = min(self.label_lowest, other.label_lowest)
        self.label_highest = max(self.label_highest, other.label_highest)

    def label_note(self, label: str) -> str | None:
        """Why rows have no quality, where their labels are neither 0 nor 1; else None.

        Args:
            label: Name of the column.
        """
        if not self.label_invalid:
            return None
        low, high = f"{self.label_lowest:.4g}", f"{self.label_highest:.4g}"
        values = low if low == high else f"{low} to {high}"
        return (
            f"label {label!r} is not 0/1: found {values} in {self.label_invalid:,} rows, in no quality metric; "
            "name a column that is 0 or 1, or compute one by `traffic.columns`"
        )


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which rows have a label and a weight to be judged by; the score is not looked at.

    Attributes:
        mask: ``(num_rows,)`` bool.
        excluded: The others, counted.
    """

    mask: NDArray[np.bool_]
    excluded: Excluded


def labelled_rows(label: Array, weight: Array | None) -> Labelled:
    """Find the rows with a 0/1 label and a usable weight; NaN stands for null in both.

    Args:
        label: ``(num_rows,)``.
        weight: ``(num_rows,)``, or None for ones.
    """
    null = np.isnan(label)
    binary = (label == 0) | (label == 1)
    mask = binary
    invalid_weight = 0
    if weight is not None:
        with np.errstate(invalid="ignore"):
            mask = binary & (weight >= 0) & (weight < np.inf)
        invalid_weight = int(np.count_nonzero(binary)) - int(np.count_nonzero(mask))
    nulls = int(np.count_nonzero(null))
    excluded = Excluded(nulls, label.size - nulls - int(np.count_nonzero(binary)), invalid_weight)
    if excluded.label_invalid:
        others = label[~binary & ~null]
        excluded.label_lowest, excluded.label_highest = float(others.min()), float(others.max())
    return Labelled(mask, excluded)


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """The rows that a metric uses: float64 columns of one length, and what was left out."""

    score: Array
    label: Array
    weight: Array | None
    cluster: NDArray[Any] | None
    excluded: Excluded


def usable_rows(
    score: NDArray[Any],
    label: NDArray[Any],
    weight: NDArray[Any] | None = None,
    cluster: NDArray[Any] | None = None,
) -> LabelledScores:
    """Cast to float64 and keep the rows with a finite score, a 0/1 label and a usable weight.

    Args:
        score: ``(num_rows,)``, any float or integer type; NaN where there is none.
        label: ``(num_rows,)``, 0 or 1; NaN where there is none.
        weight: ``(num_rows,)``, or None for ones.
        cluster: ``(num_rows,)``, integer ids of what belongs together, or None.

    Raises:
        ValueError: The columns differ in length.
    """
    columns = [np.asarray(column) for column in (score, label, weight, cluster) if column is not None]
    if any(column.shape != (len(score),) for column in columns):
        raise ValueError(
            f"found columns of shapes {[column.shape for column in columns]}, expected one dimension and one length"
        )
    scores = np.asarray(score, dtype=np.float64)
    labels = np.asarray(label, dtype=np.float64)
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    found = labelled_rows(labels, weights)
    mask = found.mask & np.isfinite(scores)
    excluded = found.excluded
    excluded.score_non_finite = int(np.count_nonzero(found.mask)) - int(np.count_nonzero(mask))
    return LabelledScores(
        scores[mask],
        labels[mask],
        None if weights is None else weights[mask],
        None if cluster is None else np.asarray(cluster)[mask],
        excluded,
    )
