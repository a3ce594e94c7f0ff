"""Gates on audits judged: the worst of the features decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from replay.config import AnyGate, AuditGate, nearest
from replay.config.names import matches
from replay.config.sections.other_tables.audits import CORE
from replay.errors import ConfigError, Problem
from replay.metrics.value import MetricValue
from replay.report.judged_value import Verdict, judge_value, value_of
from replay.report.summary import GateVerdict
from replay.report.summary.audits import AuditSummary, DifferenceCost, FeatureAudit, Sides


def _share(value: float | None, rows: int) -> MetricValue:
    reason = None if value is not None else "no row has both tables"
    return MetricValue(value, None, None, rows, reason)


def _drop(coverage: Sides, rows: int) -> MetricValue:
    known = coverage.here is not None and coverage.there is not None
    return _share((coverage.here or 0.0) - (coverage.there or 0.0) if known else None, rows)


def _mismatch(feature: FeatureAudit, audit: AuditSummary) -> MetricValue:
    low, high = feature.mismatch_rate_low, feature.mismatch_rate_high
    if feature.mismatch_rate is None:
        return MetricValue(None, None, None, audit.rows, "the tables are not joined")
    return MetricValue(feature.mismatch_rate, low, high, audit.rows)


def _cost(name: str) -> Callable[[FeatureAudit, AuditSummary], MetricValue]:
    def measured(feature: FeatureAudit, audit: AuditSummary) -> MetricValue:
        return _of_cost(feature.cost, name, audit.rows)

    return measured


def _of_cost(cost: DifferenceCost, name: str, rows: int) -> MetricValue:
    found: MetricValue | float | None = getattr(cost, name)
    if isinstance(found, MetricValue):
        return found
    why = cost.reason or "the rows that are replayed have no label"
    return MetricValue(found, None, None, rows, None if found is not None else why)


_OF_FEATURES: Final[dict[str, Callable[[FeatureAudit, AuditSummary], MetricValue]]] = {
    "value_mismatch_rate": _mismatch,
    "coverage_drop": lambda feature, audit: _drop(feature.coverage, audit.rows),
    "cost_mean_abs": _cost("mean_abs"),
    "cost_ne_increase": _cost("ne_increase"),
    "cost_auc_drop": _cost("auc_drop"),
    "alarms": lambda feature, audit: MetricValue(float(feature.alarm), None, None, audit.rows),
}
"""Metrics of a feature; of one that does not differ each is 0."""


def _unmatched_rate(audit: AuditSummary) -> MetricValue:
    rows = audit.rows + audit.unmatched.here
    return _share(audit.unmatched.here / rows if rows else None, rows)


def _from_future(audit: AuditSummary) -> MetricValue:
    if audit.leakage is None:
        return MetricValue(None, None, None, audit.rows, "the audit does not look for leakage: set `leakage: true`")
    return MetricValue(float(audit.leakage.from_future), None, None, audit.rows)


def _label_dependence(audit: AuditSummary) -> MetricValue:
    if audit.leakage is None or audit.leakage.label_dependence.z is None:
        return MetricValue(None, None, None, audit.rows, "it takes `leakage: true` and a label")
    return MetricValue(abs(audit.leakage.label_dependence.z), None, None, audit.rows)


_OF_AUDITS: Final[dict[str, Callable[[AuditSummary], MetricValue]]] = {
    "unmatched_rate": _unmatched_rate,
    "from_future": _from_future,
    "label_dependence_z": _label_dependence,
    "features_differ": lambda audit: MetricValue(float(len(audit.features)), None, None, audit.rows),
    "total_cost_mean_abs": lambda audit: _of_cost(audit.together, "mean_abs", audit.rows),
    "total_cost_ne_increase": lambda audit: _of_cost(audit.together, "ne_increase", audit.rows),
    "total_cost_auc_drop": lambda audit: _of_cost(audit.together, "auc_drop", audit.rows),
}
"""Metrics of an audit as a whole."""


def check_audit_metrics(gates: Sequence[AnyGate]) -> None:
    """Refuse metrics that no audit measures, before a long run starts.

    Raises:
        ConfigError: With the nearest name of each.
    """
    known = [*_OF_FEATURES, *_OF_AUDITS]
    problems = []
    for index, gate in enumerate(gates):
        if isinstance(gate, AuditGate) and gate.metric not in known:
            near = nearest(gate.metric, known)
            end = f"; did you mean `{near}`?" if near is not None else f": expected one of {', '.join(known)}"
            problems.append(Problem(f"`{gate.metric}` is no metric of an audit{end}", f"gates[{index}].metric"))
    if problems:
        raise ConfigError(problems)


def judge_audit_gate(gate: AuditGate, audit: AuditSummary) -> GateVerdict:
    """Judge a gate on an audit; what cannot be judged is undecided, never passed.

    Args:
        gate: From the config.
        audit: What the summary says of the audit.
    """
    measured = _measured(gate, audit)
    judged = [(value, judge_value(gate, value)) for value in measured]
    order: dict[Verdict, int] = {"failed": 0, "undecided": 1, "passed": 2}
    value, (verdict, reason) = min(judged, key=lambda each: (order[each[1][0]], -_badness(gate, each[0])))
    return replace(
        GateVerdict(f"audit {gate.audit}", None, gate.metric, value_of(gate, value), "undecided"),
        verdict=verdict,
        min=gate.min,
        max=gate.max,
        reason=reason,
        slice=gate.slice,
        bound=gate.bound,
        low=value.low,
        high=value.high,
        rows=value.rows,
        audit=gate.audit,
        features=None if gate.features == ("*",) else gate.features,
    )


def _measured(gate: AuditGate, audit: AuditSummary) -> list[MetricValue]:
    """What the gate is about: a value for each feature, or one of the whole."""
    if gate.metric in _OF_AUDITS:
        return [_OF_AUDITS[gate.metric](audit)]
    chosen = [feature for feature in audit.features if _is_chosen(gate, feature)]
    if gate.slice is not None:
        return _of_slice(gate, audit, chosen) or [MetricValue(0.0, None, None, audit.rows)]
    values = [_OF_FEATURES[gate.metric](feature, audit) for feature in chosen]
    if gate.metric == "alarms" and values:
        return [_alarms(gate, audit, chosen)]
    return values or [MetricValue(0.0, 0.0, 0.0, audit.rows)]


def _alarms(gate: AuditGate, audit: AuditSummary, chosen: Sequence[FeatureAudit]) -> MetricValue:
    """The number of alarms; not known where features that were not costed could raise too many."""
    alarms = sum(each.alarm for each in chosen)
    unknown = sum(each.significant and not each.alarm and each.cost.mean_abs is None for each in chosen)
    settled = gate.min is None and gate.max is not None and not alarms <= gate.max < alarms + unknown
    if unknown and not settled:
        reason = f"the cost of {unknown} of the features that differ is not known"
        return MetricValue(None, None, None, audit.rows, reason)
    return MetricValue(float(alarms), None, None, audit.rows)


def _is_chosen(gate: AuditGate, feature: FeatureAudit) -> bool:
    if gate.features == (CORE,):
        return feature.core
    return any(matches(glob, feature.feature) for glob in gate.features)


def _of_slice(gate: AuditGate, audit: AuditSummary, chosen: Iterable[FeatureAudit]) -> list[MetricValue]:
    """Of the features that differ in a slice; only shares of rows are known there."""
    values = []
    for entry in (entry for feature in chosen for entry in feature.slices if entry.slice == gate.slice):
        if gate.metric == "value_mismatch_rate":
            values.append(_share(entry.mismatch_rate, audit.rows))
        elif gate.metric == "coverage_drop":
            values.append(_drop(entry.coverage, audit.rows))
        else:
            values.append(MetricValue(None, None, None, audit.rows, f"`{gate.metric}` is not measured by slice"))
    return values


def _badness(gate: AuditGate, measured: MetricValue) -> float:
    """How far a value is on the wrong side: the worst feature is the one that is told."""
    value = measured.value or 0.0
    return value if gate.max is not None else -value
