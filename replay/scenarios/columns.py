"""Features of some rows, in memory, as the steps of a scenario change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.scenarios.forms import take_rows, to_logged, to_working
from replay.scenarios.hashing import Keys

Places = npt.NDArray[np.int64]


class PerturbedColumns:
    """Features of some rows of a batch, read when they are first asked for; what steps change is kept.

    Args:
        column: A feature's logged values, (n,).
        older: A feature's values at least so old, of the same entities, (n,); null where there is none.
        rows: (k,) of the batch's n rows.
        num_rows: n.
        joined: What another table holds of a feature for the same keys, in its own type, (n,); null where it has none.
        slices: The slice of each row by some columns of the traffic, (n,), see :func:`replay.scenarios.row_keys`.
    """

    def __init__(
        self,
        column: Callable[[str], pa.Array],
        older: Callable[[str, timedelta], pa.Array],
        rows: Places,
        num_rows: int,
        joined: Callable[[str, str], pa.Array] | None = None,
        slices: Callable[[tuple[str, ...]], Keys] | None = None,
    ) -> None:
        self._column = column
        self._older = older
        self._joined = joined
        self._slices = slices
        self._rows = rows
        self._all = len(rows) == num_rows
        self._read: dict[str, pa.Array] = {}
        self._changed: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        """Number of rows, k."""
        return len(self._rows)

    def get(self, feature: str) -> pa.Array:
        """Values after the steps so far, in the working type, (k,)."""
        if feature in self._changed:
            return self._changed[feature]
        if feature not in self._read:
            self._read[feature] = self._take(self._column(feature))
        return self._read[feature]

    def some(self, feature: str, at: Places) -> pa.Array:
        """The same at some places of the k rows, (m,)."""
        values = self.get(feature)
        return values if len(at) == len(self._rows) else values.take(pa.array(at))

    def older(self, feature: str, lag: timedelta, at: Places) -> pa.Array:
        """Older values at some places, in the working type, (m,)."""
        return take_rows(self._older(feature, lag), self._rows[at])

    def joined(self, feature: str, source: str, at: Places) -> pa.Array:
        """Another table's values at some places, in the working type of that table's, (m,).

        Raises:
            ValueError: No other table is at hand.
        """
        if self._joined is None:
            raise ValueError(f"found no table beside the rows, expected the source `{source}`")
        return take_rows(self._joined(feature, source), self._rows[at])

    def slices(self, by: tuple[str, ...], at: Places) -> Keys:
        """The slice of the rows at some places, (m,).

        Raises:
            ValueError: The columns are not at hand.
        """
        if self._slices is None:
            raise ValueError(f"found no columns beside the features, expected those of the slices ({', '.join(by)})")
        return self._slices(by)[self._rows[at]]

    def put(self, feature: str, at: Places, values: pa.Array) -> None:
        """Write (m,) values at some places."""
        if len(at) == len(self._rows):
            self._changed[feature] = values
            return
        before = self.get(feature)
        order = np.arange(len(before))
        order[at] = len(before) + np.arange(len(at))
        self._changed[feature] = pa.concat_arrays([before, values]).take(pa.array(order))

    def changed(self, types: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
        """The features that steps have changed, in their logged types, (k,) each.

        Args:
            types: The logged types; in their order.
        """
        return {name: to_logged(self._changed[name], logged) for name, logged in types.items() if name in self._changed}

    def _take(self, column: pa.Array) -> pa.Array:
        return to_working(column) if self._all else take_rows(column, self._rows)
