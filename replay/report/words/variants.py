"""Variants in order of harm, and what makes their scores unstable."""

from __future__ import annotations

from replay.metrics.metric import losses
from replay.report.summary import Comparison, Summary, VariantSummary
from replay.report.words.numbers import count, number, signed


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


def mean_sentence(online: Comparison | None) -> str:
    """Say whether rows that differ from online move the mean score, or cancel; empty where none differs.

    They cancel where the mean difference may be nothing and is known well: to a quarter of what a row differs by.
    """
    if online is None or not online.mismatched or online.mean_delta is None or online.mean_abs is None:
        return ""
    low, high = online.mean_delta_low, online.mean_delta_high
    if low is None or high is None:
        return ""
    by = f"{signed(online.mean_delta, 2)} ({signed(low, 2)} to {signed(high, 2)})"
    if not low <= 0 <= high:
        return f"The differences move the mean score, by {by}."
    if high - low <= _WELL_KNOWN * online.mean_abs:
        return f"The differences cancel: a row is off by {number(online.mean_abs, 2)}, the mean score by {by}."
    return f"Whether the differences move the mean score cannot be told: by {by}."


_WELL_KNOWN = 0.5
_SATURATED = 0.001
_TIMES = 10


def instabilities(variant: VariantSummary, baseline: VariantSummary) -> tuple[str, ...]:
    """Name the scores that no healthy model gives; another healthy model differs from the baseline as well.

    Scores that are not finite always are. Saturated ones are where they are 10 times as frequent as the baseline's, and
    more than 1 in 1,000. Scores out of the baseline's range are where the baseline answers probabilities and the
    variant does not.
    """
    stability, usual = variant.stability, baseline.stability
    rows, of_baseline = max(variant.rows, 1), max(baseline.rows, 1)
    allowed = max(_SATURATED, _TIMES * usual.saturated / of_baseline)
    is_probability = stability.largest_logit is not None or usual.largest_logit is None
    amounts = (
        (stability.non_finite, "non-finite"),
        (stability.saturated if stability.saturated / rows > allowed else 0, "saturated"),
        (0 if is_probability else stability.out_of_range, "out of range"),
    )
    return tuple(f"{count(amount)} {label}" for amount, label in amounts if amount)
