"""One pass over two joined tables: small states come back from the tasks."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.columns.cells import ValueCells
from replay.audit.leakage import LeakageCounts
from replay.audit.row_differences import RowDifferences, cluster_of
from replay.features import feature_column
from replay.features.codecs.buffers import plain
from replay.flows.audit.pairing import TIME, PairedColumns, paired_rows, split_sides
from replay.scoring.core import to_utc
from replay.spark.tasks.arrow_mapping import ScannedBatches
from replay.traffic.read.batches import SplitBatches


@dataclass(frozen=True)
class PairedPass:
    """What a task does with its joined rows. Picklable.

    Attributes:
        columns: What is read of both tables.
        cells: Of the traffic's values, by feature, where leakage is looked for; else None.
    """

    columns: PairedColumns
    cells: Mapping[str, ValueCells] | None = None

    def run(
        self, rows: SplitBatches | ScannedBatches, names: Sequence[str]
    ) -> tuple[RowDifferences, LeakageCounts | None]:
        """Compare all joined rows.

        Args:
            rows: As :mod:`replay.flows.audit.pairing` has them.
            names: Of their columns.
        """
        return self._merged(rows.fold(names, lambda batches: self.update(names, batches), self.merge))

    def update(self, names: Iterable[str], batches: Iterable[pa.RecordBatch]) -> bytes:
        """Compare the rows of a task.

        Args:
            names: Of the columns.
            batches: Its rows.
        """
        differences = RowDifferences()
        leakage = None if self.cells is None else LeakageCounts(self.cells)
        for batch in batches:
            self._compare(batch.rename_columns(list(names)), differences, leakage)
        return pickle.dumps((differences, leakage), protocol=pickle.HIGHEST_PROTOCOL)

    def merge(self, states: Iterable[bytes]) -> bytes:
        """Several states as one."""
        return pickle.dumps(self._merged(states), protocol=pickle.HIGHEST_PROTOCOL)

    def _merged(self, states: Iterable[bytes]) -> tuple[RowDifferences, LeakageCounts | None]:
        differences = RowDifferences()
        leakage = None if self.cells is None else LeakageCounts(self.cells)
        for packed in states:
            # What the tasks of this very program answered; never bytes of another origin.
            found, leaked = pickle.loads(packed)
            differences.merge(found)
            if leakage is not None:
                leakage.merge(leaked)
        return differences, leakage

    def _compare(self, batch: pa.RecordBatch, differences: RowDifferences, leakage: LeakageCounts | None) -> None:
        rows = paired_rows(batch, self.columns)
        label = self.columns.traffic.label
        if leakage is None:
            differences.update(rows)
            return
        matched = pa.array(rows.matched)
        here, there = split_sides(batch.filter(matched))
        if TIME in rows.beside.schema.names:
            event = rows.beside.column(TIME).filter(matched)
            known_at = self.columns.known_at
            known = None if known_at is None else to_utc(feature_column(there, known_at), None)
            times = {name: column.filter(matched) for name, column in rows.value_times.items()}
            leakage.update_times(event, times, known)
        if label is None:
            differences.update(rows)
            return
        labels, clusters = _labels(feature_column(here, label)), cluster_of(rows.groups[rows.matched])
        differences.update(
            rows, lambda name, values, codes: leakage.update_labels(name, values, codes, labels, clusters)
        )


def _labels(column: pa.Array) -> NDArray[np.int64]:
    """Labels as integers, -1 where one is neither 0 nor 1."""
    values = plain(column).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(values == 1, 1, np.where(values == 0, 0, -1)).astype(np.int64)
