"""How variants change the order of rows within groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.metrics.order import GroupMean
from replay.report.summary import Summary
from replay.report.words.numbers import MISSING, confidence, count, number, signed


@dataclass(frozen=True)
class OrderTable:
    """A line per variant: Kendall's tau, then the overlaps and the changes by k."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    """Variant, number of groups, and a value with its interval for each column."""


def order_table(summary: Summary) -> OrderTable | None:
    """Lay out the changes of order; None where there is no group, or one variant."""
    ranks = {
        f"{name}{' against online' if name == summary.baseline else ''}": side.rank
        for name, variant in summary.variants.items()
        if (side := variant.vs_online if name == summary.baseline else variant.vs_baseline) is not None
        and side.rank is not None
    }
    if not ranks:
        return None
    first = next(iter(ranks.values()))
    return OrderTable(
        tuple(metric.label(k) for metric, k, _ in first.means()),
        tuple(
            (
                name,
                count(rank.groups),
                tuple(mean_cell(mean, signed if metric.same == 0 else number) for metric, _, mean in rank.means()),
            )
            for name, rank in ranks.items()
        ),
    )


def mean_cell(mean: GroupMean | None, render: Callable[[float | None, int], str] = number) -> tuple[str, str]:
    """A mean over groups, and its interval or the reason why it has no value."""
    return (MISSING, "") if mean is None else (render(mean.value, 3), confidence(mean.low, mean.high, mean.reason))
