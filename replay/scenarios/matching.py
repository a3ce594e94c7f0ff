"""Distributions of features in two tables, as far as tasks and the driver need no Spark to make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from replay.config.sections.model.contract import ModelConfig
from replay.features.reader import feature_column
from replay.scenarios.forms import to_working, working_type
from replay.scenarios.hashing import Keys, row_keys
from replay.scenarios.least_change import Kind, SlicedSummary, kind_of, summary_of
from replay.scenarios.outside import MatchTarget
from replay.scenarios.targets import inputs_of

_MOST_CELLS = 4_000_000
_LEAST, _MOST = 2_048, 65_536


@dataclass(frozen=True)
class SummarizedColumn:
    """A column whose distribution is taken.

    Attributes:
        column: In its table: a column or a path.
        by: Columns there whose values are the slices.
        kind: What its values are to a least change.
        form: The working type of the traffic's column, in which both are counted.
        most: Cells that are kept.
    """

    column: str
    by: tuple[str, ...]
    kind: Kind
    form: pa.DataType
    most: int

    def empty(self) -> SlicedSummary:
        """A summary of no rows."""
        return SlicedSummary(partial(summary_of, self.kind, self.form, self.most))


Summaries = dict[MatchTarget, SlicedSummary]


def summarized_columns(
    targets: Sequence[MatchTarget], model: ModelConfig, features: Mapping[str, pa.DataType]
) -> dict[MatchTarget, SummarizedColumn]:
    """How the traffic's columns are summarized; all summaries together hold a bounded number of cells a slice.

    Args:
        targets: Whose distributions are matched.
        model: The model's contract.
        features: Logged type of every feature that the model reads.
    """
    most = max(_LEAST, min(_MOST, _MOST_CELLS // max(len(targets), 1)))
    found = {}
    for target in targets:
        form = working_type(features[target.feature])
        kind = kind_of(form, inputs_of(target.feature, model, tuple(features)), target.feature)
        found[target] = SummarizedColumn(target.feature, target.by, kind, form, most)
    return found


def summarize(batches: Iterable[pa.RecordBatch], columns: Mapping[MatchTarget, SummarizedColumn]) -> Summaries:
    """Summarize rows.

    Args:
        batches: With the columns, and those of the slices.
        columns: By what they are for.
    """
    found = {target: column.empty() for target, column in columns.items()}
    for batch in batches:
        slices: dict[tuple[str, ...], Keys] = {}
        for target, column in columns.items():
            if column.by not in slices:
                slices[column.by] = slices_of(batch, column.by)
            values = to_working(feature_column(batch, column.column))
            if values.type != column.form:
                values = values.cast(column.form, safe=False)
            found[target].update(values, slices[column.by])
    return found


def merge_summaries(parts: Iterable[Summaries], columns: Mapping[MatchTarget, SummarizedColumn]) -> Summaries:
    """Summaries of all rows of several parts; those of no part are of no rows."""
    found = {target: column.empty() for target, column in columns.items()}
    for part in parts:
        for target, summary in part.items():
            found[target].merge(summary)
    return found


def slices_of(batch: pa.RecordBatch, by: Sequence[str]) -> Keys:
    """The slice of each row, (num_rows,), by its hash; rows of two tables with the same values are of one slice."""
    if not by:
        return np.zeros(batch.num_rows, np.uint64)
    return row_keys([feature_column(batch, name) for name in by])
