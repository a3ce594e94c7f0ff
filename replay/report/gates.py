"""Gates judged: a verdict for each, from the numbers of a run and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace

from replay.config import AnyGate, Gate, nearest
from replay.errors import ConfigError, Problem
from replay.metrics.histogram_metric import bounded_metrics
from replay.metrics.metric import METRICS, changed_metrics
from replay.metrics.order import ORDER_METRICS
from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue
from replay.report.audits.gates import judge_audit_gate
from replay.report.judged_value import judge_value, value_of
from replay.report.summary import Comparison, GateVerdict, Stability, Summary
from replay.report.summary.data import ALL, ONLINE

_COUNTS = (
    "compared",
    "mismatched",
    "missing_reference",
    "missing_replayed",
    "missing_both",
    "non_finite_reference",
    "non_finite_replayed",
)

_ORDER = re.compile("|".join(metric.name(r"\d+") for metric in ORDER_METRICS.values()))
_NOT_METRICS = ("_low", "_high", "measures", "reasons", "rank")
_METRICS = {
    *(entry.name for entry in fields(Comparison) if not entry.name.endswith(_NOT_METRICS)),
    *(entry.name for entry in fields(Stability)),
    *METRICS,
    *changed_metrics(),
    *(f"{name}_error_bound" for name in bounded_metrics()),
    "rows_scored",
}

Measured = Mapping[tuple[str, str, str, str | None], MetricValue]
"""By variant, metric, slice, and what it is against."""


def check_metrics(gates: Sequence[AnyGate]) -> None:
    """Refuse metrics of variants that no run measures, before a long run starts.

    Raises:
        ConfigError: With the nearest name of each.
    """
    problems = [
        Problem(_unknown("metric", gate.metric, sorted(_METRICS)), path=f"gates[{index}].metric")
        for index, gate in enumerate(gates)
        if isinstance(gate, Gate) and gate.metric not in _METRICS and not _ORDER.fullmatch(gate.metric)
    ]
    if problems:
        raise ConfigError(problems)


def judge_gates(gates: Sequence[AnyGate], summary: Summary, rows: Iterable[MetricRow]) -> tuple[GateVerdict, ...]:
    """Judge every gate on a variant, and those on audits that were made.

    Limits are inclusive; what cannot be judged is undecided, never passed.

    Args:
        gates: From the config.
        summary: Of the run.
        rows: The run's metrics, those of slices included.

    Raises:
        ConfigError: A gate names a variant, metric or slice that the run does not have; all such gates at once.
    """
    measured = _measured(summary, rows)
    problems: list[Problem] = []
    verdicts: list[GateVerdict] = []
    for index, gate in enumerate(gates):
        if not isinstance(gate, Gate):
            audit = (summary.audits or {}).get(gate.audit)
            verdicts += [] if audit is None else [judge_audit_gate(gate, audit)]
            continue
        value = _find(gate, measured, summary)
        if isinstance(value, tuple):
            key, message = value
            problems.append(Problem(message, path=f"gates[{index}].{key}"))
        else:
            verdicts.append(_judge(gate, value, summary.refused))
    if problems:
        raise ConfigError(problems)
    return tuple(verdicts)


def failed(verdicts: Iterable[GateVerdict]) -> bool:
    """Whether any gate did not pass: it failed, or could not be judged."""
    return any(verdict.verdict != "passed" for verdict in verdicts)


def _measured(summary: Summary, rows: Iterable[MetricRow]) -> Measured:
    values: dict[tuple[str, str, str, str | None], MetricValue] = {}
    for name, variant in summary.variants.items():
        for against, comparison in (("online", variant.vs_online), ("baseline", variant.vs_baseline)):
            if comparison is not None:
                for metric in _COUNTS:
                    value = MetricValue(float(getattr(comparison, metric)), None, None, comparison.compared)
                    values[name, metric, ALL, against] = value
        values[name, "rows_scored", ALL, None] = MetricValue(float(variant.rows_scored), None, None, variant.rows)
    for row in rows:
        if row.bucket is None:
            values[row.variant, row.metric, row.slice, row.against] = MetricValue(
                row.value, row.low, row.high, row.rows, row.reason, row.positives
            )
    return values


def _find(gate: Gate, measured: Measured, summary: Summary) -> MetricValue | tuple[str, str]:
    """What a gate is about, with what it is against filled in; or the key that is wrong, and what is wrong with it."""
    variants = dict.fromkeys([*summary.variants, ONLINE])
    if gate.variant not in variants:
        return "variant", _unknown("variant", gate.variant, variants)
    metrics = dict.fromkeys(metric for variant, metric, _, _ in measured if variant == gate.variant)
    if gate.metric not in metrics:
        return "metric", _unknown(f"metric of {gate.variant}", gate.metric, metrics)
    sides = dict.fromkeys(
        against for variant, metric, _, against in measured if (variant, metric) == (gate.variant, gate.metric)
    )
    if gate.against is not None and gate.against not in sides:
        shown = " or ".join(f"`{side}`" for side in sides if side is not None)
        return "against", f"`{gate.metric}` of `{gate.variant}` is not measured against {gate.against}" + (
            f": expected {shown}" if shown else ": leave `against` out"
        )
    against: str | None = gate.against
    if against is None and None not in sides:
        if len(sides) > 1:
            return "metric", f"`{gate.metric}` is measured against online and against the baseline: give `against`"
        (against,) = sides
    value = measured.get((gate.variant, gate.metric, gate.slice or ALL, against))
    return value if value is not None else _no_slice(gate, measured)


def _no_slice(gate: Gate, measured: Measured) -> MetricValue | tuple[str, str]:
    """A slice of a known segment may have no rows in this window: that cannot be judged. Others are a mistake."""
    slices = dict.fromkeys(each for variant, metric, each, _ in measured if variant == gate.variant)
    segments = {name.partition("=")[0] for name in slices if "=" in name}
    segment, equals, _ = (gate.slice or "").partition("=")
    if equals and segment in segments:
        of_metric = any(
            metric == gate.metric and "=" in name for variant, metric, name, _ in measured if variant == gate.variant
        )
        if not of_metric:
            return "metric", f"`{gate.metric}` is not measured by slice: leave `slice` out, or take another metric"
        return MetricValue(None, None, None, 0, f"no row in {gate.slice}")
    if not segments:
        return "slice", f"found `{gate.slice}`, but the traffic has no `segments`"
    return "slice", _unknown("slice", gate.slice or "", slices)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = nearest(name, names)
    end = f"; did you mean `{near}`?" if near is not None else f": the run has {', '.join(names[:20])}"
    return f"`{name}` is no {what}{end}"


def _judge(gate: Gate, measured: MetricValue, refused: str | None) -> GateVerdict:
    verdict = GateVerdict(
        variant=gate.variant,
        against=gate.against,
        metric=gate.metric,
        value=value_of(gate, measured),
        verdict="undecided",
        min=gate.min,
        max=gate.max,
        slice=gate.slice,
        bound=gate.bound,
        low=measured.low,
        high=measured.high,
        rows=measured.rows,
        positives=measured.positives,
    )
    if refused is not None:
        return replace(verdict, reason=refused.partition(":")[0])  # the rest is said once, before all gates
    judged, reason = judge_value(gate, measured)
    return replace(verdict, verdict=judged, reason=reason)
