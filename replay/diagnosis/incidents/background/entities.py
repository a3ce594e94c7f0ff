"""How few entities a window's mismatches come from: one user whose features are off is no incident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.cells import Slicing, TimeCells
from replay.diagnosis.incidents.clusters import cluster_sizes
from replay.diagnosis.incidents.likelihood import Model
from replay.diagnosis.incidents.rows import RowTable


def capped_count(entity: NDArray[Any], group: NDArray[Any] | None, typical: float) -> float:
    """Mismatched rows of a window, of which those of one entity count for no more than one group does.

    Rows of one entity share its features: however many are mismatched, they are one event, as the rows of a group are,
    for which the scan allows already.

    Args:
        entity: ``(num_mismatched,)`` of the mismatched rows.
        group: ``(num_mismatched,)`` of the same rows, or None where no group is known.
        typical: Rows of a whole group.

    >>> capped_count(np.array([5, 5, 5, 5, 6]), np.array([1, 1, 2, 2, 3]), 1.0)
    2.8
    """
    if not len(entity):
        return 0.0
    return capped(entity, _cap(group, typical))


def capped(entity: NDArray[Any], most: float) -> float:
    """How many rows there are, of each entity at most so many.

    >>> capped(np.array([5, 5, 5, 6]), 2.0)
    3.0
    """
    return float(np.minimum(cluster_sizes(entity), most).sum())


def most_of_an_entity(rows: RowTable, mismatched: NDArray[np.int64], typical: float) -> float:
    """Mismatched rows of one entity that count: those of a group."""
    return _cap(None if rows.group is None else rows.group[mismatched], typical)


def rows_that_hold(entity: NDArray[Any], of_mismatched: NDArray[Any], most: float) -> float:
    """Rows of a window of which an entity's mismatched ones count for at most so many: its others for as much less.

    Where all rows of all entities are mismatched, so are all that count.

    Args:
        entity: ``(num_rows,)`` of the window's rows.
        of_mismatched: ``(num_mismatched,)`` of those that are mismatched.
        most: Mismatched rows of one entity that count.

    >>> rows_that_hold(np.array([5, 5, 5, 5, 6, 6]), np.array([5, 5, 5, 5, 6]), 2.0)
    4.0
    """
    values, num = np.unique(entity, return_counts=True)
    found, bad = np.unique(of_mismatched, return_counts=True)
    part = np.ones(len(values))
    part[np.searchsorted(values, found)] = np.minimum(1.0, most / bad)
    return float((num * part).sum())


def share_of_an_entity(entity: NDArray[Any], of_mismatched: NDArray[Any]) -> float:
    """Part of the other rows of a mismatched row's entity that are mismatched; 0 where no entity has two rows.

    It is the rate of all rows where rows are mismatched on their own, and 1 where an entity's are all or none.

    Args:
        entity: ``(num_rows,)`` of all rows.
        of_mismatched: ``(num_mismatched,)`` of those that are mismatched.

    >>> share_of_an_entity(np.array([1, 1, 1, 2, 2]), np.array([1, 1, 2]))
    0.4
    """
    values, num = np.unique(entity, return_counts=True)
    found, bad = np.unique(of_mismatched, return_counts=True)
    num = num[np.searchsorted(values, found)]
    pairs = float((bad * (num - 1)).sum())
    return float((bad * (bad - 1)).sum()) / pairs if pairs else 0.0


def _cap(group: NDArray[Any] | None, typical: float) -> float:
    """Rows of the group that a random row is in, or of a whole one if that is more."""
    if group is None or not len(group):
        return typical
    sizes = cluster_sizes(group).astype(np.float64)
    return max(typical, float((sizes**2).sum() / sizes.sum()))


@dataclass(frozen=True)
class EntityCells:
    """Mismatched rows by cell of time, slice and entity, of which those of one entity count as in :func:`capped_count`.

    Attributes:
        cell: ``(num_mismatched,)``.
        which: ``(num_mismatched,)`` slice of each; ``num_slices`` for none.
        entity: ``(num_mismatched,)`` int64 codes.
        num_slices: How many slices there are.
        cap: Rows of one entity in a window that count.
    """

    cell: NDArray[np.int64]
    which: NDArray[np.int64]
    entity: NDArray[np.int64]
    num_slices: int
    cap: float

    @classmethod
    def of_rows(
        cls, rows: RowTable, mismatched: NDArray[np.int64], cells: TimeCells, slicing: Slicing, typical: float
    ) -> EntityCells:
        """From the positions of mismatched rows of a table that has an ``entity``."""
        assert rows.entity is not None
        codes = np.unique(rows.entity[mismatched], return_inverse=True)[1].astype(np.int64)
        group = None if rows.group is None else rows.group[mismatched]
        which = slicing.of_row[mismatched].astype(np.int64)
        return cls(cells.of_row[mismatched].astype(np.int64), which, codes, len(slicing.values), _cap(group, typical))

    def windows(self, length: int, num_windows: int) -> NDArray[np.float64]:
        """``(num_windows, num_slices)``: what the rows of windows of so many cells, side by side, count for."""
        entities = int(self.entity.max(initial=0)) + 1
        place = (self.cell // length) * (self.num_slices + 1) + self.which
        pairs, num = np.unique(place * entities + self.entity, return_counts=True)
        counted = np.minimum(num, self.cap)
        size = max(num_windows, int(self.cell.max(initial=0)) // length + 1)
        found = np.bincount(pairs // entities, weights=counted, minlength=size * (self.num_slices + 1))
        return np.asarray(found.reshape(size, -1)[:num_windows, : self.num_slices], dtype=np.float64)


def evidence_by_entity(
    rows: RowTable, mismatched: NDArray[np.int64], num: int, typical: float, model: Model, baseline: float
) -> float:
    """Evidence of some rows in nats, where the mismatched ones are counted as :func:`capped_count` does.

    Args:
        rows: All rows; without an ``entity`` each row counts.
        mismatched: ``(num_mismatched,)`` positions.
        num: How many rows they are of.
        typical: Rows of a whole group.
        model: Of the mismatched rows.
        baseline: The quiet level.
    """
    total = count_by_entity(rows, mismatched, typical)
    return float(model.exponent(np.array([float(num)]), np.array([total]), np.array([baseline]))[0])


def count_by_entity(rows: RowTable, mismatched: NDArray[np.int64], typical: float) -> float:
    """How many rows these count for, by :func:`capped_count`; each for one where there is no ``entity``."""
    if rows.entity is None:
        return float(len(mismatched))
    group = None if rows.group is None else rows.group[mismatched]
    return capped_count(rows.entity[mismatched], group, typical)
