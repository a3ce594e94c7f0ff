"""The diff in tasks: mergeable states over the scores table, one pass for all variants, slices and buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Protocol, Self, TypeVar

import pyarrow as pa

from replay.diff.first_pass import FirstPass
from replay.diff.grid import DiffState
from replay.diff.influence import InfluencePlan, InfluenceState
from replay.diff.measure import measure
from replay.diff.ranking.rank_state import GROUP, RankState
from replay.diff.result import DiffResult
from replay.diff.spec import DiffSpec
from replay.diff.worst import RowDelta
from replay.metrics.order import RankChange
from replay.spark.tasks.arrow_mapping import Batches, Update
from replay.spark.tasks.grouping import Grouping


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
    scores: Batches,
    spec: DiffSpec,
    key: tuple[str, ...],
    worst_rows: int,
    first: FirstPass | None = None,
) -> Diff:
    """Diff a scores table: one pass, and two lighter ones where intervals and the order within groups need them.

    Args:
        scores: The table.
        spec: What to read and how to judge.
        key: Columns that identify a row.
        worst_rows: Rows kept for each variant.
        first: The first pass, where it was made with the scores.
    """
    if first is None:
        empty = FirstPass.empty(spec, key, worst_rows)
        columns = tuple(dict.fromkeys((*spec.columns, *key)))
        first = accumulate(scores, columns, empty, FirstPass.from_bytes)
    plan = InfluencePlan.of(first.sums)
    ranks = rank_effects(scores, spec) if spec.group is not None and len(spec.variants) > 1 else None
    influence = None
    if plan.needed:
        influence = accumulate(scores, spec.columns, InfluenceState(plan), partial(InfluenceState.unpacked, plan=plan))
    return Diff(first.sums, measure(first.sums, influence, ranks), first.worst.compute())


def rank_effects(scores: Batches, spec: DiffSpec) -> dict[str, RankChange]:
    """What each variant does to the order within groups, against the baseline; of the baseline, against online.

    Groups may lie in any files: the columns that it takes are brought together by group, and nothing else is.
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
    columns = tuple(name for name in empty.columns if name != GROUP)
    grouping = Grouping(spec.group, GROUP, spec.rejected)
    partials = scores.fold_groups(columns, grouping, _updating(empty, RankState.from_bytes))
    return _merged(map(RankState.from_bytes, partials), empty).compute()


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


def _updating(empty: S, unpack: Callable[[bytes], S]) -> Update:
    """From the batches of a task to its packed state."""
    packed_empty = empty.to_bytes()

    def update(batches: Iterable[pa.RecordBatch]) -> bytes:
        return reduce(lambda state, batch: state.update(batch), batches, unpack(packed_empty)).to_bytes()

    return update


def _merged(states: Iterable[S], empty: S) -> S:
    return reduce(lambda left, right: left.merge(right), states, empty)
