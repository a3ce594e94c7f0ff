"""Variants in order of harm, and what makes their scores unstable."""

from __future__ import annotations

from replay.metrics.metric import losses
from replay.report.summary import Stability, Summary
from replay.report.words.numbers import count


def variants_by_harm(summary: Summary) -> list[str]:
    """Names of the variants that are compared with the baseline, the worst first, and the baseline at the end.

    Scores that are no numbers are worst; then comes the loss of quality (the first that is defined), then the mean
    distance.
    """

    def harm(name: str) -> tuple[float, ...]:
        variant = summary.variants[name]
        against = variant.vs_baseline
        if against is None:
            return (0.0, 0.0, 0.0)
        lost = (value for name in losses() if (value := against.change(name).value) is not None)
        return (float(variant.stability.non_finite), next(lost, 0.0), against.mean_abs or 0.0)

    compared = [name for name, variant in summary.variants.items() if variant.vs_baseline is not None]
    rest = [name for name in summary.variants if name == summary.baseline and name not in compared]
    return [*sorted(compared, key=harm, reverse=True), *rest]


def instabilities(stability: Stability) -> tuple[str, ...]:
    """Name the scores that no healthy model gives.

    >>> instabilities(Stability(non_finite=12, saturated=3_401))
    ('12 non-finite', '3,401 saturated')
    """
    amounts = (
        (stability.non_finite, "non-finite"),
        (stability.saturated, "saturated"),
        (stability.out_of_range, "out of range"),
    )
    return tuple(f"{count(amount)} {label}" for amount, label in amounts if amount)
