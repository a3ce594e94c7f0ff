"""One column of scores measured over all rows; the second pass adds paired and clustered intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from replay.diff.grid import DiffState
from replay.diff.influence import PLACES, USED, InfluenceState, filled_histogram
from replay.diff.result import VariantResult
from replay.diff.slices.cells import PAIR_LOW
from replay.diff.slices.contribution import NUM_TERMS
from replay.diff.slices.tables import CLUSTER_WIDTH
from replay.diff.spec import ONLINE
from replay.metrics.cluster import CLUSTERS, cluster_variance
from replay.metrics.histogram import Histogram, ordered_bits
from replay.metrics.histogram_metric import (
    UNKNOWN,
    HistogramMetric,
    HistogramReading,
    Spread,
    bounded_metrics,
    histogram_metrics,
)
from replay.metrics.metric import METRICS, Metric, changed_metrics
from replay.metrics.ratio.measure import measure_change, measure_whole
from replay.metrics.ratio.metric import RatioMetric
from replay.metrics.ratio.totals import TermTotals
from replay.metrics.value import MetricValue

Array = NDArray[np.float64]

_COMPARED = {"online": NUM_TERMS, "baseline": NUM_TERMS + 2}
_PAIRED = NUM_TERMS + 4


class OverallMeasures:
    """Measures every column of scores over all rows.

    Args:
        state: The merged first pass.
        influence: The merged second pass, or None.
    """

    def __init__(self, state: DiffState, influence: InfluenceState | None) -> None:
        self.state = state
        self.spec = state.spec
        self.influence = influence
        self.histograms = {name: filled_histogram(state, name) for name in state.scores}
        self.readings: dict[str, dict[str, HistogramReading]] = {
            name: {metric: kind.read(histogram) for metric, kind in histogram_metrics().items()}
            for name, histogram in self.histograms.items()
        }
        self._clusters = self._read_clusters()

    def measure(self, name: str) -> VariantResult:
        """Measure one column of scores."""
        score = self.state.scores[name]
        vs_online = vs_baseline = None
        if name != ONLINE:
            vs_online = score.on_online.compute(**self.design_effect(name, "online"))
            vs_online |= score.on_online.mean_interval(self._mean_spread(name))
            if name != self.spec.baseline:
                vs_baseline = score.on_baseline.compute(**self.design_effect(name, "baseline"))
                if self.spec.label is not None:
                    vs_baseline["changes"] = self._changes(name)
        return VariantResult(
            rows=self.state.rows,
            rows_scored=score.rows_scored,
            missing=score.missing,
            vs_online=vs_online,
            vs_baseline=vs_baseline,
            stability={
                "non_finite": score.non_finite,
                "saturated": score.saturated,
                "out_of_range": self._out_of_range(name),
                "largest_logit": score.largest_logit(),
            },
            metrics={} if self.spec.label is None else self._metrics(name),
            clipped=score.clipped,
            error_bounds={metric: self.readings[name][metric].error_bound for metric in bounded_metrics()},
        )

    def _metrics(self, name: str) -> dict[str, MetricValue]:
        return {metric: self._metric(name, kind) for metric, kind in METRICS.items()}

    def _metric(self, name: str, kind: type[Metric]) -> MetricValue:
        if issubclass(kind, RatioMetric):
            return measure_whole(kind, self._totals(name))
        assert issubclass(kind, HistogramMetric)
        reading = self.readings[name][kind.name]
        return kind.answer(reading, self._spread(name, kind.name))

    def _totals(self, name: str) -> TermTotals:
        clusters = self._clusters.get(name)
        return self.state.scores[name].totals(None if clusters is None else clusters[:, :NUM_TERMS])

    def _spread(self, name: str, metric: str) -> Spread:
        """Of independent rows without a group; with one, only the second pass knows."""
        if self.spec.group is None:
            return self.readings[name][metric].spread
        if self.influence is None or name not in self.influence.by_cluster:
            return UNKNOWN
        sums = self.influence.by_cluster[name]
        return Spread.of_clusters(sums[sums[:, USED] > 0, PLACES[metric]])

    def metric_design_effect(self, name: str, metric: str) -> float | None:
        """Clustered over independent variance of a metric of histograms (Kish 1965); None where it isn't known."""
        if self.spec.group is None:
            return 1.0
        reading = self.readings[name][metric]
        clustered = self._spread(name, metric).variance
        return clustered / reading.variance if math.isfinite(clustered) and reading.variance > 0 else None

    def _changes(self, name: str) -> dict[str, MetricValue]:
        """The change of each metric against the baseline, by its name."""
        return {change: self._change(name, kind) for change, kind in changed_metrics().items()}

    def _change(self, name: str, kind: type[Metric]) -> MetricValue:
        baseline = self.spec.baseline
        if issubclass(kind, RatioMetric):
            return measure_change(kind, self._totals(name), self._totals(baseline), self.state.scores[name].cross)
        assert issubclass(kind, HistogramMetric)
        sides = (self.readings[name][kind.name], self.readings[baseline][kind.name])
        own = (self._spread(name, kind.name), self._spread(baseline, kind.name))
        return kind.answer_change(sides, own, self._paired_spread(name, kind))

    def _paired_spread(self, name: str, kind: type[HistogramMetric]) -> Spread:
        passed, baseline, place = self.influence, self.spec.baseline, PLACES[kind.name]
        if passed is None:
            return UNKNOWN
        if name in passed.by_cluster and baseline in passed.by_cluster:
            there, here = passed.by_cluster[baseline], passed.by_cluster[name]
            occupied = (there[:, USED] > 0) | (here[:, USED] > 0)
            return Spread.of_clusters((there[:, place] - here[:, place])[occupied])
        if name in passed.paired_squares:
            return kind.paired_spread(passed.paired_squares[name][place], self.readings[name][kind.name])
        return UNKNOWN

    def _out_of_range(self, name: str) -> int:
        """Finite scores outside of the baseline's span; of shared bins, the outermost counts as inside."""
        score, baseline = self.state.scores[name], self.state.scores[self.spec.baseline]
        if not math.isfinite(baseline.low) or (score.low >= baseline.low and score.high <= baseline.high):
            return 0
        histogram = self.histograms[name]
        drop = np.uint64(histogram.shift)
        low, high = ordered_bits(np.array([baseline.low, baseline.high])) >> drop
        bins = histogram.keys >> drop
        counts = sum((histogram.counts(label) for label in range(histogram.classes)), start=np.zeros(bins.size))
        return round(float(counts[(bins < low) | (bins > high)].sum()))

    def design_effect(self, name: str, against: str) -> dict[str, float]:
        """Of the mismatch rate: its clustered variance over that of as many independent rows; at least 1.

        Returns:
            ``design_effect`` and its ``degrees`` of freedom, as ``wilson`` takes them; nothing for independent rows, or
            where all agree or none does.
        """
        clusters = self._clusters.get(name)
        if clusters is None:
            return {}
        compared, mismatched = clusters[:, _COMPARED[against]], clusters[:, _COMPARED[against] + 1]
        total = compared.sum()
        rate = mismatched.sum() / total if total > 0 else 0.0
        if not 0 < rate < 1:
            return {}
        occupied = compared > 0
        variance, degrees = cluster_variance(((mismatched - rate * compared) / total)[occupied])
        if not math.isfinite(variance):
            return {}
        return {"design_effect": max(float(variance / (rate * (1 - rate) / total)), 1.0), "degrees": degrees}

    def _mean_spread(self, name: str) -> tuple[float, float] | None:
        """Clustered variance of the mean difference from online, with its degrees of freedom; None for rows alone."""
        clusters = self._clusters.get(name)
        if clusters is None:
            return None
        pairs, deltas = clusters[:, _PAIRED], clusters[:, _PAIRED + 1]
        total, occupied = max(pairs.sum(), 1.0), pairs > 0
        return cluster_variance(((deltas - deltas.sum() / total * pairs) / total)[occupied])

    def _read_clusters(self) -> dict[str, Array]:
        """For each score ``(CLUSTERS, CLUSTER_WIDTH)``; empty without a group."""
        table = self.state.slices.tables.get("cluster")
        if table is None:
            return {}
        sums = np.zeros((CLUSTERS, table.sums.shape[1]))
        sums[(table.keys & PAIR_LOW).astype(np.int64)] = table.sums
        return score_blocks(self.state, sums, CLUSTER_WIDTH)


def score_blocks(state: DiffState, sums: Array, width: int) -> dict[str, Array]:
    """Each score's columns of a table's rows, ``(num_rows, width)``; a scenario's with its checkpoint's added."""
    places = {name: place for place, name in enumerate(state.scores)}
    blocks = {name: sums[:, 1 + place * width : 1 + (place + 1) * width] for name, place in places.items()}
    for variant in state.spec.variants:
        if variant.checkpoint is not None:
            blocks[variant.name] = blocks[variant.name] + blocks[variant.checkpoint]
    return blocks


def grouped_histogram(state: DiffState, name: str, segment: int) -> Histogram:
    """A variant's scores by value of a segment and label; a scenario's with its checkpoint's."""
    places = {score: place for place, score in enumerate(state.scores)}
    checkpoints = {variant.name: variant.checkpoint for variant in state.spec.variants}
    own = state.slices.histograms[places[name]][segment]
    checkpoint = checkpoints.get(name)
    return own if checkpoint is None else own.merged_with(state.slices.histograms[places[checkpoint]][segment])
