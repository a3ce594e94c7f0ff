"""The state under the metrics that are computed from a histogram of scores by label."""

from __future__ import annotations

from typing import Self

from replay.metrics.histogram import MAX_BINS, Histogram
from replay.metrics.state import MetricState
from replay.metrics.usable import LabelledScores
from replay.metrics.value import NO_ROWS, MetricValue, undefined


class BinnedMetric(MetricState):
    """A metric of a histogram of scores by label.

    With ``cluster`` one pass gives the value but no interval: what a row adds depends on the whole histogram, so sums
    by cluster need a second pass (``replay.metrics.influence``).

    Args:
        max_bins: Distinct scores kept apart; above it scores share bins.

    Attributes:
        histogram: Of scores by label; None before the first usable row.
    """

    def __init__(self, *, max_bins: int = MAX_BINS) -> None:
        super().__init__()
        self.max_bins = max_bins
        self.histogram: Histogram | None = None

    def _add(self, rows: LabelledScores) -> None:
        self._like(weighted=rows.weight is not None).add(rows.score, rows.label, rows.weight)

    def _merge(self, other: Self) -> None:
        if other.histogram is not None:
            self._like(weighted=other.histogram.weighted).merge(other.histogram)

    def _like(self, *, weighted: bool) -> Histogram:
        if self.histogram is None:
            self.histogram = Histogram(2, weighted=weighted, max_bins=self.max_bins)
        if self.histogram.weighted != weighted:
            raise ValueError("found rows with and without `weight` in one metric: give it always or never")
        return self.histogram

    def compute(self) -> MetricValue:
        """The metric with its 95% interval (none for clustered rows), or the reason why there is none."""
        return undefined(self.rows, NO_ROWS) if self.histogram is None else self._measure(self.histogram)

    def _measure(self, histogram: Histogram) -> MetricValue:
        raise NotImplementedError
