"""How one score ranks the rows of every group of a chunk, against another: one value per group and metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.metrics.order import Groups, OrderMetric, Ranks, order_measures, rank

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Labels:
    """0/1 labels with the mask of the rows that have one; ``(num_rows,)`` each."""

    values: Array
    valid: Mask


@dataclass(frozen=True, slots=True)
class GroupValues:
    """What was found of each group.

    Attributes:
        rows: ``(num_groups,)``: rows that both sides score.
        off: ``(num_measures, num_groups)``: how far each of ``order_measures`` is from its value where the order is the
            same. NaN where a group does not define it.
    """

    rows: Codes
    off: Array

    def replaced(self, groups: Codes, others: GroupValues) -> GroupValues:
        """A copy in which some groups, ``(num_others,)``, have other values."""
        rows, off = self.rows.copy(), self.off.copy()
        rows[groups], off[:, groups] = others.rows, others.off
        return GroupValues(rows, off)


class Reference:
    """What scores are compared with: rows in groups that are neighbours, ranked once for all variants.

    Args:
        codes: ``(num_rows,)``, the group of each row, neighbours together.
        score: ``(num_rows,)``, without NaN.
        labels: Of the same rows, or None.
        top_k: Every k.
    """

    def __init__(self, codes: Codes, score: Array, labels: Labels | None, top_k: tuple[int, ...]) -> None:
        self.groups = _groups(codes)
        self.score = score
        self.labels = labels
        measures = order_measures(top_k, labelled=labels is not None)
        self.num_measures = len(measures)
        self._of_order = [measure for measure in measures if not measure[0].labelled]
        self._of_labels = [measure for measure in measures if measure[0].labelled]
        self._ranks = rank(score, self.groups)

    def itself(self) -> GroupValues:
        """Against itself: 0 wherever a group defines the metric."""
        return self._fill(np.arange(self.score.size), self.groups, self._ranks, self._ranks, self.score)

    def compare(self, score: Array, usable: Mask, touched: Mask | None = None) -> tuple[Codes, GroupValues]:
        """Compare a score.

        Args:
            score: ``(num_rows,)``.
            usable: ``(num_rows,)``: rows that have one that is not NaN.
            touched: ``(num_groups,)``: groups to look at; None for all.

        Returns:
            The groups that were looked at, and their values.
        """
        picked = np.arange(self.groups.sizes.size) if touched is None else np.flatnonzero(touched)
        inside = usable if touched is None else usable & touched[self.groups.of_row]
        rows = np.flatnonzero(inside)
        none = GroupValues(np.zeros(picked.size, dtype=np.int64), np.full((self.num_measures, picked.size), np.nan))
        if rows.size == 0:
            return picked, none
        of_row = self.groups.of_row[rows]
        groups = _groups(of_row)
        complete = rows.size == int(self.groups.sizes[picked].sum())
        right = self._ranks.take(rows) if complete else rank(self.score[rows], groups)
        left = rank(score[rows], groups)
        found = self._fill(rows, groups, left, right, score)
        return picked, none.replaced(np.searchsorted(picked, of_row[groups.offsets[:-1]]), found)

    def _fill(self, rows: Codes, groups: Groups, left: Ranks, right: Ranks, score: Array) -> GroupValues:
        sizes = groups.sizes
        off = _measure(self._of_order, left, right, groups, np.zeros(0))
        if self.labels is not None:
            off = np.concatenate((off, self._labelled(self.labels, rows, groups, (left, right), score)))
        off[:, sizes < 2] = np.nan
        return GroupValues(sizes, off)

    def _labelled(self, labels: Labels, rows: Codes, groups: Groups, ranks: tuple[Ranks, Ranks], score: Array) -> Array:
        """Measures that need labels, ``(num_labelled, num_groups)``; rows without one are left out of the ranking."""
        valid = labels.valid[rows]
        if valid.all():
            return _measure(self._of_labels, *ranks, groups, labels.values[rows])
        found = np.full((len(self._of_labels), groups.sizes.size), np.nan)
        if not valid.any():
            return found
        of_row, labelled = groups.of_row[valid], rows[valid]
        judged = _groups(of_row)
        sides = (rank(score[labelled], judged), rank(self.score[labelled], judged))
        changes = _measure(self._of_labels, *sides, judged, labels.values[labelled])
        changes[:, judged.sizes < 2] = np.nan
        found[:, of_row[judged.offsets[:-1]]] = changes
        return found


def _measure(
    measures: Sequence[tuple[type[OrderMetric], int]], left: Ranks, right: Ranks, groups: Groups, label: Array
) -> Array:
    """Each measure of each group, ``(num_measures, num_groups)``."""
    off = np.empty((len(measures), groups.sizes.size))
    for place, (metric, k) in enumerate(measures):
        off[place] = metric.off(left, right, groups, label, k)
    return off


def _groups(codes: Codes) -> Groups:
    """Groups of neighbours with the same code; at least one row."""
    first = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    return Groups.of_sizes(np.diff(np.append(first, codes.size)))
