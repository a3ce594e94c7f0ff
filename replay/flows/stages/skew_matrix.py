"""The skew matrix: every pairing of module versions against the consistent checkpoint of its newest version."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import SkewMatrixConfig, Tolerance, skew_variant
from replay.diff.chunk import Column, read_numbers
from replay.diff.tolerance import agrees
from replay.metrics.metric import losses
from replay.metrics.value import MetricValue
from replay.report.summary.effects import SkewCell, SkewMatrix, holds_up_to, losses_by_lag
from replay.spark.tasks.arrow_mapping import Batches

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Pairing:
    modules: dict[str, str]
    variant: str
    consistent: str
    lag: int


def skew_matrix(
    scores: Batches,
    config: SkewMatrixConfig,
    tolerance: Tolerance,
    metrics: Mapping[str, Mapping[str, MetricValue]],
) -> SkewMatrix:
    """Compare every pairing with the consistent checkpoint of its newest version, in one pass over the scores.

    Args:
        scores: The scores table, with a column for every pairing and every consistent checkpoint.
        config: The config's section.
        tolerance: When two scores agree.
        metrics: Quality by variant; empty without a label.
    """
    pairings = [_pairing(config, versions) for versions in itertools.product(*config.modules.values())]
    drifts = _drifts(scores, pairings, tolerance)
    cells = tuple(_cell(pairing, drift, metrics) for pairing, drift in zip(pairings, drifts, strict=True))
    metric = config.limit.metric if config.limit is not None else _default_metric(cells)
    by_lag = losses_by_lag(cells, metric)
    limit = None if config.limit is None else config.limit.max
    return SkewMatrix(
        modules=dict(config.modules),
        cells=cells,
        metric=metric,
        losses=by_lag,
        limit=limit,
        holds_up_to=None if limit is None else holds_up_to(by_lag, limit),
    )


def _pairing(config: SkewMatrixConfig, versions: tuple[str, ...]) -> _Pairing:
    places = {
        version: max(names.index(version) for names in config.modules.values() if version in names)
        for version in versions
    }
    newest = max(places, key=lambda version: places[version])
    modules = dict(zip(config.modules, versions, strict=True))
    lag = max(places.values()) - min(places.values())
    return _Pairing(modules, skew_variant(tuple(config.modules), versions, config.rest), newest, lag)


def _drifts(
    scores: Batches, pairings: Sequence[_Pairing], tolerance: Tolerance
) -> list[tuple[float | None, float | None]]:
    """Mean distance and share beyond tolerance of each pairing, over the rows that both score."""
    names = [(pairing.variant, pairing.consistent) for pairing in pairings]
    columns = tuple(dict.fromkeys(name for both in names for name in both))

    def update(batches: Iterable[pa.RecordBatch]) -> bytes:
        sums = np.zeros((len(names), 3))
        for batch in batches:
            numbers = {name: read_numbers(pa.chunked_array([batch.column(name)])) for name in columns}
            sums += [_distances(numbers[here], numbers[there], tolerance) for here, there in names]
        return sums.tobytes()

    def unpack(packed: bytes) -> Floats:
        return np.frombuffer(packed, np.float64).reshape(len(names), 3)

    def merge(states: Iterable[bytes]) -> bytes:
        return sum(map(unpack, states), np.zeros((len(names), 3))).tobytes()

    rows, distance, beyond = unpack(merge(scores.fold(columns, update, merge))).T
    return [
        (float(distance[place] / rows[place]), float(beyond[place] / rows[place])) if rows[place] else (None, None)
        for place in range(len(names))
    ]


def _distances(here: Column, there: Column, tolerance: Tolerance) -> tuple[float, float, float]:
    """Rows that both score, the sum of the distances there, and how many of them are beyond tolerance."""
    both = here.valid & there.valid
    left, right = here.values[both], there.values[both]
    with np.errstate(invalid="ignore"):
        away = float(np.abs(left - right).sum())
    return float(len(left)), away, float(np.count_nonzero(~agrees(left, right, tolerance)))


def _cell(
    pairing: _Pairing,
    drift: tuple[float | None, float | None],
    metrics: Mapping[str, Mapping[str, MetricValue]],
) -> SkewCell:
    here, there = metrics.get(pairing.variant, {}), metrics.get(pairing.consistent, {})
    measures = {metric.name: here[metric.name].value for metric in losses().values() if metric.name in here}
    for name, metric in losses().items():
        if metric.change is not None and metric.name in here and metric.name in there:
            one, other = here[metric.name].value, there[metric.name].value
            measures[name] = None if one is None or other is None else metric.change.of(one, other)
    return SkewCell(
        modules=pairing.modules,
        variant=pairing.variant,
        consistent=pairing.consistent,
        lag=pairing.lag,
        mean_abs=drift[0],
        mismatch_rate=drift[1],
        measures=measures,
    )


def _default_metric(cells: tuple[SkewCell, ...]) -> str:
    return next((name for name in losses() if any(cell.loss(name) is not None for cell in cells)), "mean_abs")
