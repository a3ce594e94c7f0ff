"""Dose-response: what a scenario does as its rate or lag grows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from replay.report.charts.curve import LossCurve, MeasuredLoss, draw_curve
from replay.report.summary import Comparison, Summary, VariantSummary
from replay.report.words.losses import LOSSES, measured_loss
from replay.report.words.numbers import count

LEAST_DOSES = 3
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LAG = re.compile(rf"^(\d+(?:\.\d+)?) ?({'|'.join(_SECONDS)})$")

_Dose = tuple[float, str, VariantSummary, Comparison]


def dose_charts(summary: Summary) -> tuple[LossCurve, ...]:
    """Draw a chart for each scenario of which a list gave at least ``LEAST_DOSES`` variants, the largest loss first."""
    groups: dict[str, list[_Dose]] = defaultdict(list)
    for name, variant in summary.variants.items():
        base, at, dose = name.rpartition("@")
        size = dose_size(dose)
        if at and size is not None and variant.vs_baseline is not None:
            groups[base].append((size, dose, variant, variant.vs_baseline))
    charts = [
        (max(abs(entry.mean_abs or 0.0) for _, _, _, entry in group), _chart(name, group))
        for name, group in groups.items()
        if len({size for size, *_ in group}) >= LEAST_DOSES
    ]
    return tuple(chart for _, chart in sorted(charts, key=lambda entry: -entry[0]))


def dose_size(text: str) -> float | None:
    """Read a dose as it is written after the ``@`` of a variant's name: a number, or a lag in seconds.

    >>> dose_size("0.1"), dose_size("3h"), dose_size("int8")
    (0.1, 10800.0, None)
    """
    lag = _LAG.match(text)
    if lag is not None:
        return float(lag[1]) * _SECONDS[lag[2]]
    try:
        return float(text)
    except ValueError:
        return None


def _chart(name: str, group: Sequence[_Dose]) -> LossCurve:
    metric = measured_loss(entry for _, _, _, entry in group)
    return draw_curve(name, LOSSES[metric], [_measured(dose, metric) for dose in group])


def _measured(dose: _Dose, metric: str) -> MeasuredLoss:
    size, label, variant, against = dose
    return MeasuredLoss(
        at=size,
        label=label,
        loss=getattr(against, metric),
        low=getattr(against, f"{metric}_low", None),
        high=getattr(against, f"{metric}_high", None),
        note=f"{count(variant.rows_scored)} rows touched",
    )
