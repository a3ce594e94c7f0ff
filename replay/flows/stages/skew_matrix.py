"""The skew matrix: every pairing of module versions against the consistent checkpoint of its newest version."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.config import SkewMatrixConfig, Tolerance, skew_variant
from replay.metrics.value import MetricValue
from replay.report.summary.effects import SkewCell, SkewMatrix, holds_up_to, losses_by_lag
from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


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
    losses = losses_by_lag(cells, metric)
    limit = None if config.limit is None else config.limit.max
    return SkewMatrix(
        modules=dict(config.modules),
        cells=cells,
        metric=metric,
        losses=losses,
        limit=limit,
        holds_up_to=None if limit is None else holds_up_to(losses, limit),
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
    from pyspark.sql import functions as F

    def column(name: str) -> Column:
        return F.col(quoted(name)).cast("double")

    wanted = []
    for place, pairing in enumerate(pairings):
        here, there = column(pairing.variant), column(pairing.consistent)
        distance = F.abs(here - there)
        beyond = ~(distance <= F.lit(tolerance.abs) + F.lit(tolerance.rel) * F.abs(there))
        wanted.append(F.avg(distance).alias(f"mean_{place}"))
        wanted.append(F.avg(beyond.cast("double")).alias(f"rate_{place}"))
    (row,) = scores.select(*wanted).collect()
    return [(row[2 * place], row[2 * place + 1]) for place in range(len(pairings))]


def _cell(
    pairing: _Pairing,
    drift: tuple[float | None, float | None],
    metrics: Mapping[str, Mapping[str, MetricValue]],
) -> SkewCell:
    here, there = metrics.get(pairing.variant, {}), metrics.get(pairing.consistent, {})

    def value(side: Mapping[str, MetricValue], name: str) -> float | None:
        return side[name].value if name in side else None

    def change(name: str) -> float | None:
        one, other = value(here, name), value(there, name)
        return None if one is None or other is None else one - other

    auc_change = change("auc")
    return SkewCell(
        modules=pairing.modules,
        variant=pairing.variant,
        consistent=pairing.consistent,
        lag=pairing.lag,
        mean_abs=drift[0],
        mismatch_rate=drift[1],
        auc=value(here, "auc"),
        ne=value(here, "ne"),
        auc_drop=None if auc_change is None else -auc_change,
        ne_increase=change("ne"),
    )


def _default_metric(cells: tuple[SkewCell, ...]) -> str:
    return "auc_drop" if any(cell.auc_drop is not None for cell in cells) else "mean_abs"
