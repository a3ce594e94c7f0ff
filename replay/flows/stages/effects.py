"""What a run says of its variants together: the skew matrix, and the families ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from replay.config import ReplayConfig, Tolerance, sensitivity_name
from replay.diff.job import Diff
from replay.diff.result import DiffResult
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.scores import ScoresTable
from replay.flows.stages.skew_matrix import skew_matrix
from replay.metrics.metric import losses
from replay.report.summary.effects import FamilyEffect, SkewMatrix


@dataclass(frozen=True)
class Effects:
    """What was asked for.

    Attributes:
        skew_matrix: Every pairing of module versions.
        sensitivity: What each family costs when it is null, worst first.
    """

    skew_matrix: SkewMatrix | None = None
    sensitivity: tuple[FamilyEffect, ...] = ()


def measure_effects(prepared: Prepared, table: ScoresTable, diff: Diff, tolerance: Tolerance) -> Effects:
    """Measure what the config asks for; of a scores table that holds the variants for it."""
    config = prepared.config
    matrix = None
    if config.skew_matrix is not None:
        quality = {name: found.metrics for name, found in diff.result.variants.items()}
        matrix = skew_matrix(table.batches, config.skew_matrix, tolerance, quality)
    return Effects(matrix, _sensitivity(config, diff) if config.sensitivity else ())


def _sensitivity(config: ReplayConfig, diff: Diff) -> tuple[FamilyEffect, ...]:
    checkpoint = (config.scenario_checkpoints or (config.baseline,))[0]
    families = {f"{checkpoint}/{sensitivity_name(family)}": family for family in config.encoded_model.families}
    return rank_families(diff.result, families)


def rank_families(result: DiffResult, families: Mapping[str, str]) -> tuple[FamilyEffect, ...]:
    """Order families by what it costs against the baseline that they are null, the largest loss first.

    The first loss of quality decides where there is a label; ``mean_abs`` decides else, and between losses that are
    equal. Those without a value come last.

    Args:
        result: Of the diff.
        families: Family by the name of its variant.

    Raises:
        ValueError: A variant is unknown, or is the baseline.
    """
    return tuple(sorted((_effect(result, *entry) for entry in families.items()), key=_order))


def _effect(result: DiffResult, variant: str, family: str) -> FamilyEffect:
    compared = result.variants.get(variant)
    found = None if compared is None else compared.vs_baseline
    if found is None:
        raise ValueError(f"found {variant!r}, expected a variant of the diff that is compared with the baseline")
    changes = found.get("changes", {})
    metric = next((loss for loss in losses() if loss in changes), None)
    if metric is None:
        return FamilyEffect(family, variant, "mean_abs", found["mean_abs"], mean_abs=found["mean_abs"])
    lost = changes[metric]
    return FamilyEffect(family, variant, metric, lost.value, lost.low, lost.high, found["mean_abs"])


def _order(effect: FamilyEffect) -> tuple[bool, float, float, str]:
    return (effect.value is None, -(effect.value or 0.0), -(effect.mean_abs or 0.0), effect.variant)
