"""What a run says of its variants together: the skew matrix, and the families ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.config import ReplayConfig, Tolerance, sensitivity_name
from replay.diff.job import Diff
from replay.diff.sensitivity import rank_sensitivity
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.skew_matrix import skew_matrix
from replay.report.summary.effects import FamilyEffect, SkewMatrix

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Effects:
    """What was asked for.

    Attributes:
        skew_matrix: Every pairing of module versions.
        sensitivity: What each family costs when it is null, worst first.
    """

    skew_matrix: SkewMatrix | None = None
    sensitivity: tuple[FamilyEffect, ...] = ()


def measure_effects(prepared: Prepared, scores: DataFrame, diff: Diff, tolerance: Tolerance) -> Effects:
    """Measure what the config asks for; of a scores table that holds the variants for it."""
    config = prepared.config
    matrix = None
    if config.skew_matrix is not None:
        quality = {name: found.metrics for name, found in diff.result.variants.items()}
        matrix = skew_matrix(scores, config.skew_matrix, tolerance, quality)
    return Effects(matrix, _sensitivity(config, diff) if config.sensitivity else ())


def _sensitivity(config: ReplayConfig, diff: Diff) -> tuple[FamilyEffect, ...]:
    checkpoint = (config.scenario_checkpoints or (config.baseline,))[0]
    families = {f"{checkpoint}/{sensitivity_name(family)}": family for family in config.model.families}
    return tuple(
        FamilyEffect(
            family=families[found.variant],
            variant=found.variant,
            metric=found.metric,
            value=found.value,
            low=found.low,
            high=found.high,
            mean_abs=found.mean_abs,
        )
        for found in rank_sensitivity(diff.result, list(families))
    )
