"""The skew matrix: every pairing of module versions against the consistent checkpoint of its newest version."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from replay.config import SkewMatrixConfig, Tolerance, skew_variant
from replay.diff.job import agreement
from replay.metrics.metric import losses
from replay.metrics.value import MetricValue
from replay.report.summary.effects import SkewCell, SkewMatrix, holds_up_to, losses_by_lag
from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class _Pairing:
    modules: dict[str, str]
    variant: str
    consistent: str
    lag: int


def skew_matrix(
    scores: DataFrame,
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
    scores: DataFrame, pairings: list[_Pairing], tolerance: Tolerance
) -> list[tuple[float | None, float | None]]:
    """Mean distance and share beyond tolerance of each pairing."""
    wanted = []
    for place, pairing in enumerate(pairings):
        here, there = (F.col(quoted(name)).cast("double") for name in (pairing.variant, pairing.consistent))
        beyond = ~agreement(here, there, tolerance)
        wanted.append(F.avg(F.abs(here - there)).alias(f"mean_{place}"))
        wanted.append(F.avg(beyond.cast("double")).alias(f"rate_{place}"))
    (row,) = scores.select(*wanted).collect()
    return [(row[2 * place], row[2 * place + 1]) for place in range(len(pairings))]


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
