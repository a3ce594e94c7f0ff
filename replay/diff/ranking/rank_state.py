"""Change of the order within groups, for all variants: a mergeable state over scores sorted by group."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.diff.chunk import CHUNK_ROWS, Column, read_numbers
from replay.diff.chunked_state import Packed
from replay.diff.ranking.group_values import GroupValues, Labels, Reference
from replay.diff.spec import DiffSpec
from replay.metrics.interval import NO_INTERVAL, Interval, bounded_mean, wald
from replay.metrics.order import ORDER_METRICS, GroupMean, OrderMetric, RankChange, order_measures
from replay.metrics.value import FEWEST

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

GROUP = "(group)"
"""Column with the integer code of a row's group; rows of a group are neighbours."""

_GROUPS, _ROWS, _SUM, _SQUARES = range(4)

FEW_ROWS = "no group has two rows that both sides score"


class RankState(Packed):
    """Sums over groups of what each variant does to their order.

    Every variant is compared with the baseline, and the baseline with the online score. A row counts where both sides
    have a score that is not NaN; for NDCG it needs a 0/1 label too. Groups count once each, whatever their weights. A
    group that a scenario did not touch has its checkpoint's values, which cost nothing.

    Batches must come with the rows of a group as neighbours, and a group whole: between two updates it may be cut,
    between two states it may not.

    Args:
        spec: The diff; it needs a group.
    """

    def __init__(self, spec: DiffSpec) -> None:
        self.spec = spec
        self.groups = {variant.name: 0 for variant in spec.variants}
        self.sums = {name: np.zeros((len(self._measures), 4)) for name in self.groups}
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._full = CHUNK_ROWS

    @property
    def _measures(self) -> tuple[tuple[type[OrderMetric], int], ...]:
        return order_measures(self.spec.top_k, labelled=self.spec.label is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the state reads, each once."""
        named = (GROUP, self.spec.online, self.spec.label, *(variant.column for variant in self.spec.variants))
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def update(self, batch: pa.RecordBatch) -> Self:
        """Add a batch; it goes on where the last one ended."""
        if batch.num_rows:
            self._waiting.append(batch.select(list(self.columns)))
            self._rows += batch.num_rows
        if self._rows >= self._full:
            self._drain(last=False)
        return self

    def flush(self) -> Self:
        """Work through what is buffered: the last group ends here."""
        self._drain(last=True)
        return self

    def merge(self, other: Self) -> Self:
        """Add another state of the same spec, of other groups; what ``other`` measures stays as it is."""
        self.flush()
        other.flush()
        self.groups = {name: groups + other.groups[name] for name, groups in self.groups.items()}
        self.sums = {name: sums + other.sums[name] for name, sums in self.sums.items()}
        return self

    def compute(self) -> dict[str, RankChange]:
        """The change of each variant: the baseline's against the online score, the others' against the baseline."""
        self.flush()
        return {name: self._change(name) for name in self.sums}

    def _drain(self, *, last: bool) -> None:
        """Work through all but the last group, which may go on in the next batch."""
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting).combine_chunks()
        codes = table.column(GROUP).to_numpy()
        end = codes.size
        if not last:
            changes = np.flatnonzero(codes[1:] != codes[:-1])
            end = int(changes[-1]) + 1 if changes.size else 0
        rest = table.slice(end)
        self._waiting, self._rows = rest.to_batches(), rest.num_rows
        # A group larger than a chunk is looked at again only when it has doubled.
        self._full = max(CHUNK_ROWS, 2 * self._rows)
        if end:
            self._add(codes[:end], table.slice(0, end))

    def _add(self, codes: Codes, table: pa.Table) -> None:
        columns = self._filled(table)
        labels = None if self.spec.label is None else _read_labels(table.column(self.spec.label))
        baseline = columns[self.spec.baseline]
        usable = _usable(baseline)
        rows = np.flatnonzero(usable)
        if rows.size == 0:
            return
        if rows.size < codes.size:
            codes, baseline = codes[rows], baseline.take(rows)
            columns = {name: column.take(rows) for name, column in columns.items()}
            labels = None if labels is None else Labels(labels.values[rows], labels.valid[rows])
            table = table.take(rows)
        reference = Reference(codes, baseline.values, labels, self.spec.top_k)
        self._sum_up(self.spec.baseline, self._against_online(codes, baseline, labels, table))
        self._add_variants(reference, columns, table)

    def _against_online(
        self, codes: Codes, baseline: Column, labels: Labels | None, table: pa.Table
    ) -> GroupValues | None:
        online = read_numbers(table.column(self.spec.online))
        rows = np.flatnonzero(_usable(online))
        if rows.size == 0:
            return None
        judged = None if labels is None else Labels(labels.values[rows], labels.valid[rows])
        reference = Reference(codes[rows], online.values[rows], judged, self.spec.top_k)
        return reference.compare(baseline.values[rows], baseline.valid[rows])[1]

    def _add_variants(self, reference: Reference, columns: dict[str, Column], table: pa.Table) -> None:
        names = {variant.checkpoint for variant in self.spec.variants}
        found: dict[str, GroupValues] = {}
        if self.spec.baseline in names:
            found[self.spec.baseline] = reference.itself()
        for variant in self.spec.variants:
            if variant.name == self.spec.baseline:
                continue
            column = columns[variant.name]
            touched = None
            if variant.checkpoint is not None:
                own = np.flatnonzero(table.column(variant.column).is_valid().to_numpy())
                touched = np.zeros(reference.groups.sizes.size, dtype=bool)
                touched[reference.groups.of_row[own]] = True
            picked, values = reference.compare(column.values, _usable(column), touched)
            if variant.checkpoint is not None:
                values = found[variant.checkpoint].replaced(picked, values)
            elif variant.name in names:
                found[variant.name] = values
            self._sum_up(variant.name, values)

    def _filled(self, table: pa.Table) -> dict[str, Column]:
        """Every variant's scores, a scenario's filled in from its checkpoint."""
        columns: dict[str, Column] = {}
        for variant in self.spec.variants:
            column = read_numbers(table.column(variant.column))
            if variant.checkpoint is not None:
                clean = columns[variant.checkpoint]
                column = Column(np.where(column.valid, column.values, clean.values), column.valid | clean.valid)
            columns[variant.name] = column
        return columns

    def _sum_up(self, name: str, values: GroupValues | None) -> None:
        if values is None:
            return
        self.groups[name] += int(np.count_nonzero(values.rows > 1))
        defined = np.isfinite(values.off)
        off = np.where(defined, values.off, 0.0)
        columns = (defined.sum(axis=1), defined @ values.rows, off.sum(axis=1), (off * off).sum(axis=1))
        self.sums[name] += np.stack(columns, axis=1)

    def _change(self, name: str) -> RankChange:
        groups = self.groups[name]
        means = {
            (metric.key, k): _mean(sums, metric, metric.why_undefined(k) if groups else FEW_ROWS)
            for (metric, k), sums in zip(self._measures, self.sums[name], strict=True)
        }
        fields: dict[str, Any] = {
            key: {str(k): mean for (of, k), mean in means.items() if of == key} if metric.by_k else means[key, 0]
            for key, metric in ORDER_METRICS.items()
        }
        return RankChange(groups=groups, **fields)


def _usable(column: Column) -> Mask:
    return column.valid & ~np.isnan(column.values)


def _read_labels(column: pa.ChunkedArray) -> Labels:
    found = read_numbers(column)
    valid = found.valid & ((found.values == 0) | (found.values == 1))
    return Labels(np.where(valid, found.values, 0.0), valid)


def _mean(sums: Array, metric: type[OrderMetric], reason: str) -> GroupMean:
    """A mean over independent groups, and its interval."""
    groups, rows = round(float(sums[_GROUPS])), round(float(sums[_ROWS]))
    if groups == 0:
        return GroupMean(None, None, None, 0, 0, reason)
    mean = float(sums[_SUM]) / groups
    value = metric.same + mean
    if groups < FEWEST:
        few = f"no interval: {groups} {'group' if groups == 1 else 'groups'}, and it takes {FEWEST}"
        return GroupMean(value, None, None, groups, rows, few)
    variance = max(float(sums[_SQUARES]) - groups * mean * mean, 0.0) / (groups - 1)
    return GroupMean(value, *_interval(metric, mean, variance, groups), groups, rows)


def _interval(metric: type[OrderMetric], mean: float, variance: float, groups: int) -> Interval:
    """Student's; where a group can only lose against an order that did not change, Wilson's of what it loses."""
    same, (lowest, highest) = metric.same, metric.span
    reach = highest - lowest
    if same != highest:
        low, high = wald(same + mean, variance / groups, degrees=groups - 1)
        return NO_INTERVAL if low is None or high is None else (max(low, lowest), min(high, highest))
    least, most = bounded_mean(min(max(-mean / reach, 0.0), 1.0), variance / reach**2, groups)
    return NO_INTERVAL if least is None or most is None else (same - most * reach, same - least * reach)
