"""The features of the touched rows, as the steps of a scenario change them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.scenarios.forms import take_rows, to_working

Places = npt.NDArray[np.int64]


class Values:
    """Features of the rows that a scenario touches, in the working type; read when they are first asked for.

    Args:
        column: A feature's logged values, (n,).
        side: A side column, (n,).
        rows: (k,) of the rows that are touched.
        num_rows: n.
    """

    def __init__(
        self, column: Callable[[str], pa.Array], side: Callable[[str], pa.Array], rows: Places, num_rows: int
    ) -> None:
        self._column = column
        self._side = side
        self._rows = rows
        self._all = len(rows) == num_rows
        self._read: dict[str, pa.Array] = {}
        self._changed: dict[str, pa.Array] = {}

    def __contains__(self, feature: str) -> bool:
        """Whether a step changed it."""
        return feature in self._changed

    def get(self, feature: str) -> pa.Array:
        """Values after the steps so far, (k,)."""
        if feature in self._changed:
            return self._changed[feature]
        if feature not in self._read:
            self._read[feature] = self._take(self._column(feature))
        return self._read[feature]

    def some(self, feature: str, at: Places) -> pa.Array:
        """The same at some places of the touched rows, (m,)."""
        values = self.get(feature)
        return values if len(at) == len(self._rows) else values.take(pa.array(at))

    def put(self, feature: str, at: Places, values: pa.Array) -> None:
        """Write (m,) values at some places."""
        if len(at) == len(self._rows):
            self._changed[feature] = values
            return
        before = self.get(feature)
        order = np.arange(len(before))
        order[at] = len(before) + np.arange(len(at))
        self._changed[feature] = pa.concat_arrays([before, values]).take(pa.array(order))

    def reader(self, at: Places) -> Callable[[str], pa.Array]:
        """Reads features at some places, (m,) each."""
        return lambda feature: self.some(feature, at)

    def side_reader(self, at: Places) -> Callable[[str], pa.Array]:
        """Reads side columns at some places, (m,) each, in the working type."""
        return lambda name: take_rows(self._side(name), self._rows[at])

    def _take(self, column: pa.Array) -> pa.Array:
        return to_working(column) if self._all else take_rows(column, self._rows)
