"""What a joined table knows too early, counted in the same pass as its differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.columns.cells import ValueCells
from replay.audit.compare import DIFFERS, NULL_HERE, NULL_THERE, Codes
from replay.audit.label_dependence import LabelDependence
from replay.audit.row_differences import CLUSTERS

Places = NDArray[np.int64]


class LeakageCounts:
    """Values from the future, and whether differing depends on the label; by feature. Mergeable.

    Args:
        cells: Of the traffic's values, by feature: rows are compared with rows of the same cell.

    Attributes:
        from_future: Values computed, or known, after the event, by feature.
        rows_from_future: Rows that could be known only after the event.
        dependence: By feature.
    """

    def __init__(self, cells: Mapping[str, ValueCells]) -> None:
        self.cells = dict(cells)
        self.from_future: dict[str, int] = {}
        self.rows_from_future = 0
        self.dependence: dict[str, LabelDependence] = {}

    def update_times(self, event: pa.Array, value_times: Mapping[str, pa.Array], known_at: pa.Array | None) -> None:
        """Count values that are later than the event: microseconds since 1970, ``(num_rows,)`` each."""
        moment = event.to_numpy(zero_copy_only=False).astype(np.float64)
        for name, column in value_times.items():
            computed = column.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
            self.from_future[name] = self.from_future.get(name, 0) + int((computed > moment).sum())
        if known_at is not None:
            known = known_at.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
            self.rows_from_future += int((known > moment).sum())

    def update_labels(self, name: str, here: pa.Array, codes: Codes, labels: Places, clusters: Places) -> None:
        """Count a feature's rows by label; labels other than 0 and 1 are left out."""
        cells = self.cells.get(name)
        if cells is None:
            return
        known = (labels == 0) | (labels == 1)
        differs = (codes == DIFFERS) | (codes == NULL_HERE) | (codes == NULL_THERE)
        state = self.dependence.setdefault(name, LabelDependence(CLUSTERS))
        state.update(cells.codes(here)[known], clusters[known], labels[known], differs[known])

    def merge(self, other: LeakageCounts) -> None:
        """Add another's rows."""
        self.rows_from_future += other.rows_from_future
        for name, count in other.from_future.items():
            self.from_future[name] = self.from_future.get(name, 0) + count
        for name, state in other.dependence.items():
            self.dependence.setdefault(name, LabelDependence(CLUSTERS)).merge(state)
