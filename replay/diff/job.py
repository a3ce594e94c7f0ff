"""The diff as a Spark job: mergeable states over the scores table, one pass for all variants, slices and buckets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from replay.config.sections.diff import Tolerance
from replay.diff.first_pass import FirstPass
from replay.diff.grid import DiffState
from replay.diff.influence import InfluencePlan, InfluenceState
from replay.diff.measure import measure
from replay.diff.ranking.rank_state import GROUP, RankState
from replay.diff.result import DiffResult
from replay.diff.spec import DiffSpec
from replay.diff.worst import RowDelta
from replay.metrics.order import RankChange
from replay.spark.sql import quoted
from replay.spark.tasks.arrow_mapping import Batches, ScannedBatches, Update, fold_batches

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class MergeableState(Protocol):
    """What a pass accumulates: updated with batches, merged, carried as bytes."""

    def update(self, batch: pa.RecordBatch) -> Self:
        """Add rows."""

    def merge(self, other: Self) -> Self:
        """Add another state; ``other`` stays as it is."""

    def to_bytes(self) -> bytes:
        """Pack it to travel between processes."""


S = TypeVar("S", bound=MergeableState)


@dataclass(frozen=True)
class Diff:
    """A diff of a whole scores table.

    Attributes:
        state: The merged sums, which can be asked for more than `result` shows.
        result: Comparisons, metrics and the rows of the metrics table.
        worst: The worst rows of each variant, worst first.
    """

    state: DiffState
    result: DiffResult
    worst: Mapping[str, tuple[RowDelta, ...]]


def diff_scores(
    scores: Callable[[], DataFrame],
    spec: DiffSpec,
    key: tuple[str, ...],
    worst_rows: int,
    batches: Batches | None = None,
    first: FirstPass | None = None,
) -> Diff:
    """Diff a scores table: one pass, and two lighter ones where intervals and the order within groups need them.

    Args:
        scores: Gives the scores table where Spark has to bring groups together, or is to read it.
        spec: What to read and how to judge.
        key: Columns that identify a row.
        worst_rows: Rows kept for each variant.
        batches: The same table, as its tasks get it; default: Spark reads it.
        first: The first pass, where it was made with the scores.
    """
    batches = batches or ScannedBatches(scores())
    if first is None:
        empty = FirstPass.empty(spec, key, worst_rows)
        columns = tuple(dict.fromkeys((*spec.columns, *key)))
        first = accumulate(batches, columns, empty, FirstPass.from_bytes)
    plan = InfluencePlan.of(first.sums)
    ranks = rank_effects(scores(), spec) if spec.group is not None and len(spec.variants) > 1 else None
    influence = None
    if plan.needed:
        influence = accumulate(batches, spec.columns, InfluenceState(plan), partial(InfluenceState.unpacked, plan=plan))
    return Diff(first.sums, measure(first.sums, influence, ranks), first.worst.compute())


def rank_effects(scores: DataFrame, spec: DiffSpec) -> dict[str, RankChange]:
    """What each variant does to the order within groups, against the baseline; of the baseline, against online.

    Groups may lie in any partitions: the columns that it takes are brought together by group, and nothing else is.
    Rejected rows and rows without a group are left out.

    Args:
        scores: The scores table.
        spec: What to read; it has a group.

    Raises:
        ValueError: The spec has no group.
    """
    if spec.group is None:
        raise ValueError("found no group in the spec, expected the column of what is ranked together")
    empty = RankState(spec)
    group = _column(spec.group)
    kept = scores.filter(group.isNotNull())
    if spec.rejected is not None:
        kept = kept.filter(_column(spec.rejected).isNull())
    # An integer tells groups apart as it is, and sorts fastest; of other types 64 bits of hash do.
    whole = isinstance(scores.select(group).schema[0].dataType, T.IntegralType)
    code = group.cast("bigint") if whole else F.xxhash64(group)
    columns = [_column(name) for name in empty.columns if name != GROUP]
    together = kept.select(code.alias(GROUP), *columns).repartition(_column(GROUP)).sortWithinPartitions(_column(GROUP))
    # Mapped as it is: to select columns again would let Spark forget the order.
    partials = fold_batches(together, _updating(empty, RankState.from_bytes)).collect()
    return _merged((RankState.from_bytes(bytes(row[0])) for row in partials), empty).compute()


def agreement(replayed: Column, reference: Column, tolerance: Tolerance) -> Column:
    """``tolerance.agrees`` of two double columns, as a boolean column; null where either is null."""
    close = F.abs(replayed - reference) <= F.lit(tolerance.abs) + F.lit(tolerance.rel) * F.abs(reference)
    infinity = F.lit(math.inf)
    # To Spark a NaN equals another, and is larger than infinity.
    return (
        F.when(replayed.isNull() | reference.isNull(), None)
        .when(replayed == reference, ~F.isnan(replayed))
        .otherwise(close & (F.abs(replayed) < infinity) & (F.abs(reference) < infinity))
    )


def accumulate(batches: Batches, columns: tuple[str, ...], empty: S, unpack: Callable[[bytes], S]) -> S:
    """Run a state over a table in parallel and merge what the tasks found.

    Args:
        batches: The scores table.
        columns: Columns that the state reads, and no others: what is selected is what is read.
        empty: A state that has seen nothing; every task starts from it.
        unpack: Undoes `to_bytes`.
    """
    update = _updating(empty, unpack)
    packed_empty = empty.to_bytes()

    def merge(states: Iterable[bytes]) -> bytes:
        return _merged(map(unpack, states), unpack(packed_empty)).to_bytes()

    return _merged(map(unpack, batches.fold(columns, update, merge)), unpack(packed_empty))


def _column(name: str) -> Column:
    return F.col(quoted(name))


def _updating(empty: S, unpack: Callable[[bytes], S]) -> Update:
    """From the batches of a task to its packed state."""
    packed_empty = empty.to_bytes()

    def update(batches: Iterable[pa.RecordBatch]) -> bytes:
        return reduce(lambda state, batch: state.update(batch), batches, unpack(packed_empty)).to_bytes()

    return update


def _merged(states: Iterable[S], empty: S) -> S:
    return reduce(lambda left, right: left.merge(right), states, empty)
