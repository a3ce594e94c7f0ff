"""Variants by what they do, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replay.diff.result import DiffResult
from replay.metrics.metric import losses


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one variant does.

    Attributes:
        variant: Its name.
        metric: The first loss (``auc_drop``) where there is a label, else ``mean_abs``; one for all of a ranking.
        value: None where it is not defined.
        low: Lower end of its 95% interval, or None.
        high: Upper end, or None.
        mean_abs: Mean of |score - baseline score|, or None.
    """

    variant: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    mean_abs: float | None


def rank_sensitivity(result: DiffResult, variants: Sequence[str]) -> list[Sensitivity]:
    """Order variants by their effect against the baseline, the largest first; those without a value come last.

    The first loss decides where there is a label; ``mean_abs`` decides else, and between losses that are equal.

    Args:
        result: Of the diff.
        variants: Names, none of them the baseline.

    Raises:
        ValueError: A variant is unknown, or is the baseline.
    """
    found = [_effect(result, name) for name in variants]
    return sorted(found, key=_order)


def _effect(result: DiffResult, name: str) -> Sensitivity:
    variant = result.variants.get(name)
    if variant is None or variant.vs_baseline is None:
        raise ValueError(f"found {name!r}, expected a variant of the diff that is compared with the baseline")
    found = variant.vs_baseline
    changes = found.get("changes", {})
    metric = next((loss for loss in losses() if loss in changes), None)
    if metric is None:
        return Sensitivity(name, "mean_abs", found["mean_abs"], None, None, found["mean_abs"])
    return Sensitivity(
        name, metric, changes[metric].value, changes[metric].low, changes[metric].high, found["mean_abs"]
    )


def _order(effect: Sensitivity) -> tuple[bool, float, float, str]:
    return (effect.value is None, -(effect.value or 0.0), -(effect.mean_abs or 0.0), effect.variant)
