"""One column of scores measured over all rows; the second pass adds paired and clustered intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diff.grid import DiffState
from replay.diff.influence import AUC, LOG_MAE, USED, InfluenceState, filled_histogram
from replay.diff.result import VariantResult
from replay.diff.score_state import ScoreState
from replay.diff.slices.cells import PAIR_LOW
from replay.diff.slices.tables import CLUSTER_WIDTH
from replay.diff.spec import ONLINE
from replay.metrics.cluster import CLUSTERS
from replay.metrics.functional import calibration, logloss, ne
from replay.metrics.functional.auc import RocCurve, auc_interval, curve, small_sample
from replay.metrics.functional.log_mae import LogCalibration, log_calibration
from replay.metrics.functional.terms import NUM_TERMS, cluster_variance
from replay.metrics.histogram import Histogram, ordered_bits
from replay.metrics.interval import NO_INTERVAL, Interval, wald
from replay.metrics.ratio import ClusterTerms, RatioFormula, RatioTerms, measure_change, measure_ratio
from replay.metrics.value import MetricValue, undefined

Array = NDArray[np.float64]

RATIOS: dict[str, RatioFormula] = {"ne": ne, "logloss": logloss, "calibration": calibration}
CHANGES: dict[str, RatioFormula] = {"ne_increase": ne, "calibration_shift": calibration}

_COMPARED = {"online": NUM_TERMS, "baseline": NUM_TERMS + 2}


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
        self.curves = {name: curve(histogram) for name, histogram in self.histograms.items()}
        self._log_mae = {name: log_calibration(histogram) for name, histogram in self.histograms.items()}
        self._clusters = self._read_clusters()

    def measure(self, name: str) -> VariantResult:
        """Measure one column of scores."""
        score = self.state.scores[name]
        vs_online = vs_baseline = None
        if name != ONLINE:
            vs_online = score.on_online.compute(design_effect=self.design_effect(name, "online"))
            if name != self.spec.baseline:
                vs_baseline = score.on_baseline.compute(design_effect=self.design_effect(name, "baseline"))
                if self.spec.label is not None:
                    self._add_changes(vs_baseline, name)
        bound = self.curves[name].error_bound
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
            auc_error_bound=bound if math.isfinite(bound) else 0.0,
        )

    def _metrics(self, name: str) -> dict[str, MetricValue]:
        score = self.state.scores[name]
        clusters = self._clusters.get(name)
        grouped = None
        if clusters is not None:
            grouped = ClusterTerms(np.zeros(CLUSTERS, dtype=np.int64), clusters[:, :NUM_TERMS])
        one = np.ones(1)
        ratios = {
            metric: measure_ratio(
                formula, score.sums[None], score.moments[None], one * score.used, one * score.outside, grouped
            )[0]
            for metric, formula in RATIOS.items()
        }
        return {"auc": self._auc(name), **ratios, "log_mae": self._log_mae_value(name)}

    def _auc(self, name: str) -> MetricValue:
        found = self.curves[name]
        if found.reason is not None:
            return undefined(found.rows, found.reason)
        variance, degrees = self._rank_variance(name, AUC, found)
        return MetricValue(found.auc, *auc_interval(found.auc, variance, found.class_rows, degrees), found.rows)

    def _log_mae_value(self, name: str) -> MetricValue:
        found = self._log_mae[name]
        if found.reason is not None:
            return undefined(found.rows, found.reason)
        variance, degrees = self._rank_variance(name, LOG_MAE, found)
        return MetricValue(found.value, *wald(found.value, variance, degrees=degrees, floor=0.0), found.rows)

    def _rank_variance(self, name: str, metric: int, found: RocCurve | LogCalibration) -> tuple[float, float]:
        """Of independent rows without a group; with one, only the second pass knows."""
        if self.spec.group is None:
            return found.variance, math.inf
        if self.influence is None or name not in self.influence.by_cluster:
            return math.nan, 1.0
        sums = self.influence.by_cluster[name]
        return cluster_variance(sums[sums[:, USED] > 0, metric])

    def rank_design_effect(self, name: str, metric: int) -> float | None:
        """Clustered over independent variance of AUC or LogMAE over all rows (Kish 1965); None where it isn't known."""
        if self.spec.group is None:
            return 1.0
        found = self.curves[name] if metric == AUC else self._log_mae[name]
        clustered, _ = self._rank_variance(name, metric, found)
        return clustered / found.variance if math.isfinite(clustered) and found.variance > 0 else None

    def _add_changes(self, comparison: dict[str, Any], name: str) -> None:
        score, baseline = self.state.scores[name], self.state.scores[self.spec.baseline]
        sides = [
            self._side(one, self._clusters.get(key)) for one, key in ((score, name), (baseline, self.spec.baseline))
        ]
        changes = {"auc_drop": self._auc_drop(name)}
        changes.update(
            (metric, measure_change(formula, sides[0], sides[1], score.cross)) for metric, formula in CHANGES.items()
        )
        for metric, found in changes.items():
            comparison |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
            if found.reason is not None:
                comparison["reasons"][metric] = found.reason

    @staticmethod
    def _side(score: ScoreState, clusters: Array | None) -> RatioTerms:
        terms = None if clusters is None else clusters[:, :NUM_TERMS]
        return RatioTerms(score.sums, score.moments, score.used, score.outside, terms)

    def _auc_drop(self, name: str) -> MetricValue:
        here, there = self.curves[name], self.curves[self.spec.baseline]
        reason = here.reason or there.reason
        if reason is not None:
            return undefined(here.rows, reason)
        drop = there.auc - here.auc
        return MetricValue(drop, *self._drop_interval(name, drop), here.rows)

    def _drop_interval(self, name: str, drop: float) -> Interval:
        passed, baseline = self.influence, self.spec.baseline
        if passed is None:
            return NO_INTERVAL
        if name in passed.by_cluster and baseline in passed.by_cluster:
            there, here = passed.by_cluster[baseline], passed.by_cluster[name]
            occupied = (there[:, USED] > 0) | (here[:, USED] > 0)
            variance, degrees = cluster_variance((there[:, AUC] - here[:, AUC])[occupied])
            return wald(drop, variance, degrees=degrees)
        if name in passed.paired_squares:
            squares = passed.paired_squares[name] * small_sample(self.curves[name].class_rows)
            return wald(drop, float(squares.sum()))
        return NO_INTERVAL

    def _out_of_range(self, name: str) -> int:
        """Finite scores outside of the baseline's span; of shared bins, the outermost counts as inside."""
        score, baseline = self.state.scores[name], self.state.scores[self.spec.baseline]
        if not math.isfinite(baseline.low) or (score.low >= baseline.low and score.high <= baseline.high):
            return 0
        histogram = self.histograms[name]
        drop = np.uint64(histogram.shift)
        low, high = (ordered_bits(np.array([baseline.low, baseline.high])).astype(np.uint64)) >> drop
        bins = histogram.keys >> drop
        counts = sum((histogram.counts(label) for label in range(histogram.classes)), start=np.zeros(bins.size))
        return round(float(counts[(bins < low) | (bins > high)].sum()))

    def design_effect(self, name: str, against: str) -> float:
        """Of the mismatch rate: its clustered variance over that of as many independent rows; at least 1."""
        clusters = self._clusters.get(name)
        if clusters is None:
            return 1.0
        compared, mismatched = clusters[:, _COMPARED[against]], clusters[:, _COMPARED[against] + 1]
        total = compared.sum()
        rate = mismatched.sum() / total if total > 0 else 0.0
        if not 0 < rate < 1:
            return 1.0
        occupied = compared > 0
        variance, _ = cluster_variance(((mismatched - rate * compared) / total)[occupied])
        return max(float(variance / (rate * (1 - rate) / total)), 1.0) if math.isfinite(variance) else 1.0

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
