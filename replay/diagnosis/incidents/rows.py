"""The rows that incidents are searched in: one number per column and row, on the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diff.tolerance import allowed_difference

Segments = Mapping[str, tuple[NDArray[np.int32], tuple[str, ...]]]


@dataclass(frozen=True)
class RowTable:
    """Compact columns of one variant, sorted by time.

    Attributes:
        time_us: ``(num_rows,)`` int64, microseconds since 1970 in UTC, ascending. Rows without a time are left out.
        online: ``(num_rows,)`` float64, what online answered; NaN where missing or not finite.
        replayed: ``(num_rows,)`` float64, the replayed score; NaN where missing or not finite.
        segments: Per segment column ``(num_rows,)`` int32 codes into its values; a negative code is a null.
        label: ``(num_rows,)``, or None.
        weight: ``(num_rows,)``, or None.
        group: ``(num_rows,)`` of any dtype that sorts, rows ranked together. Mismatches cluster in groups; with it, the
            search knows how much.
        entity: ``(num_rows,)`` of any dtype that sorts, whose rows they are. What differs for one entity alone says
            little of all.
        compared: ``(num_rows,)`` bool, rows that count. Default: both scores are finite. Set it to count a score that
            is not finite on one side as a mismatch.

    Raises:
        ValueError: The lengths differ, or the times are not sorted.
    """

    time_us: NDArray[np.int64]
    online: NDArray[np.float64]
    replayed: NDArray[np.float64]
    segments: Segments = field(default_factory=dict)
    label: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None
    group: NDArray[Any] | None = None
    compared: NDArray[np.bool_] | None = None
    entity: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self._columns().items()}
        wrong = {name: length for name, length in lengths.items() if length != len(self.time_us)}
        if wrong:
            raise ValueError(f"found {wrong}, expected {len(self.time_us)} rows in every column as in time_us")
        if np.any(self.time_us[1:] < self.time_us[:-1]):
            raise ValueError("found times that go back, expected rows sorted by time_us; sort every column by it")

    def __len__(self) -> int:
        return len(self.time_us)

    def _columns(self) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {"online": self.online, "replayed": self.replayed}
        columns |= {f"segments[{name!r}]": codes for name, (codes, _) in self.segments.items()}
        optional = {"label": self.label, "weight": self.weight, "group": self.group, "compared": self.compared}
        optional["entity"] = self.entity
        return columns | {name: column for name, column in optional.items() if column is not None}

    @property
    def counts(self) -> NDArray[np.bool_]:
        """``(num_rows,)`` bool: the rows that are compared."""
        if self.compared is not None:
            return self.compared
        return np.isfinite(self.online) & np.isfinite(self.replayed)

    def segment_values(self, rows: NDArray[np.int64]) -> dict[str, pa.Array]:
        """``(k,)`` values of each segment on some rows, as text; null where there is none."""
        return {
            name: pa.array([values[code] if code >= 0 else None for code in codes[rows]], pa.string())
            for name, (codes, values) in self.segments.items()
        }

    def in_slice(self, segments: Mapping[str, str]) -> NDArray[np.bool_]:
        """``(num_rows,)`` bool: rows that have all these segment values; all rows for none."""
        inside = np.ones(len(self), dtype=np.bool_)
        for name, value in segments.items():
            codes, values = self.segments[name]
            inside &= codes == values.index(value)
        return inside


def severity(rows: RowTable, tolerance: Tolerance) -> NDArray[np.float64]:
    """``|replayed - online| / (abs + rel * |online|)``: above 1 is a mismatch.

    Infinite where only one side is a finite score, or where the tolerance is 0 and the scores differ.

    Returns:
        ``(num_rows,)`` float64, at least 0, never NaN.

    >>> zeros = np.zeros(2, dtype=np.int64)
    >>> table = RowTable(zeros, np.array([0.0, 0.5]), np.array([0.25, 0.5]))
    >>> severity(table, Tolerance(abs=0.125, rel=0)).tolist()
    [2.0, 0.0]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.abs(rows.replayed - rows.online)
        found = away / allowed_difference(rows.online, tolerance)
    found[away == 0.0] = 0.0
    found[np.isnan(found)] = np.inf
    return found
