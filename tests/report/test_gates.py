"""Gates: every limit by hand, and everything that must not pass by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replay.config import AuditGate, Gate
from replay.errors import ConfigError
from replay.metrics.row import MetricRow
from replay.report.gates import check_metrics, failed, judge_gates
from replay.report.summary import Summary
from tests.report.sample import comparison, metric, quality, summary, variant

_ROWS: tuple[MetricRow, ...] = (
    metric("prod", "mismatch_rate", 0.01, 1000),
    metric("prod", "auc", 0.70, 1000, against=None, interval=0.02),
    metric("prod/null", "mismatch_rate", 0.5, 1000),
    metric("prod/null", "mismatch_rate", 0.4, 1000, against="baseline"),
    metric("prod/null", "auc_drop", 0.004, 1000, against="baseline", interval=0.003),
    metric("prod/null", "ne_increase", None, 0, against="baseline", reason="one class"),
    metric("prod", "mismatch_rate", 0.2, 40, where="surface=home"),
    metric("prod", "mismatch_rate", 0.0, 10, where="surface=home", bucket=None, against="baseline"),
    metric("online", "auc", 0.71, 1000, against=None, interval=0.02),
    metric("prod", "non_finite", 3.0, 1000, against=None),
)


_HOME = "surface=home"


def _summary() -> Summary:
    other = variant(comparison(1000, 500), vs_baseline=comparison(1000, 400))
    return summary({"prod": variant(comparison(1000, 10)), "prod/null": other}, online_metrics=quality(0.7))


def _judge(**gate: object) -> str:
    (verdict,) = judge_gates([Gate.model_validate(gate)], _summary(), _ROWS)
    return verdict.verdict


def test_few_positives_do_not_decide_and_say_so():
    few = "no interval: 4 positives, and it takes 5"
    rows = (
        MetricRow("prod", None, "all", None, "auc", 0.7, None, None, 1000, few, 4),
        MetricRow("prod", None, "all", None, "ne", 0.7, 0.6, 0.8, 1000, None, 40),
        MetricRow("prod", None, "all", None, "logloss", 0.7, None, None, 1000, "no interval: 3 negatives", 40),
    )
    gates = [
        {"variant": "prod", "metric": "auc", "min": 0.5},
        {"variant": "prod", "metric": "auc", "min": 0.5, "min_positives": 4},
        {"variant": "prod", "metric": "auc", "min": 0.5, "bound": "low", "min_positives": 1},
        {"variant": "prod", "metric": "ne", "max": 0.9, "bound": "high"},
        {"variant": "prod", "metric": "ne", "max": 0.9, "min_positives": 41},
        {"variant": "prod", "metric": "logloss", "max": 0.9, "bound": "high"},
        {"variant": "prod", "metric": "rows_scored", "min": 1, "min_positives": 41},
    ]
    found = judge_gates([Gate.model_validate(gate) for gate in gates], _summary(), rows)
    assert [(verdict.verdict, verdict.reason, verdict.positives) for verdict in found] == [
        ("undecided", "of 4 positives, and the gate wants 5", 4),
        ("passed", None, 4),
        ("undecided", "it has no low bound: 4 positives, and it takes 5", 4),
        ("passed", None, 40),
        ("undecided", "of 40 positives, and the gate wants 41", 40),
        ("undecided", "it has no high bound: 3 negatives", 40),
        ("passed", None, None),
    ]


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        ({"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.01}, "passed"),
        ({"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.0099}, "failed"),
        ({"variant": "prod", "metric": "auc", "min": 0.70}, "passed"),
        ({"variant": "prod", "metric": "auc", "min": 0.71}, "failed"),
        ({"variant": "prod", "metric": "auc", "min": 0.70, "bound": "low"}, "failed"),
        ({"variant": "prod", "metric": "auc", "max": 0.719, "bound": "high"}, "failed"),
        ({"variant": "prod/null", "metric": "auc_drop", "max": 0.005}, "passed"),
        ({"variant": "prod/null", "metric": "auc_drop", "max": 0.005, "bound": "high"}, "failed"),
        ({"variant": "prod/null", "metric": "auc_drop", "min": 0.0, "max": 0.004}, "passed"),
        (
            {"variant": "prod", "metric": "mismatch_rate", "against": "online", "slice": "surface=home", "max": 0.2},
            "passed",
        ),
        ({"variant": "prod", "metric": "non_finite", "max": 2}, "failed"),
        ({"variant": "online", "metric": "auc", "min": 0.71}, "passed"),
        ({"variant": "prod", "metric": "compared", "against": "online", "min": 1000}, "passed"),
        ({"variant": "prod", "metric": "compared", "against": "online", "min": 1001}, "failed"),
    ],
)
def test_limits_are_inclusive(gate: dict[str, object], verdict: str) -> None:
    assert _judge(**gate) == verdict


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ({"variant": "prod/null", "metric": "ne_increase", "max": 1}, "one class"),
        ({"variant": "prod", "metric": "auc", "min": 0, "min_rows": 1001}, "of 1,000 rows, and the gate wants 1,001"),
        ({"variant": "prod", "metric": "non_finite", "max": 9, "bound": "high"}, "it has no high bound"),
        (
            {"variant": "prod", "metric": "mismatch_rate", "against": "online", "slice": "surface=mars", "max": 1},
            "no row in surface=mars",
        ),
    ],
)
def test_what_cannot_be_judged_is_undecided_and_does_not_pass(gate: dict[str, object], reason: str) -> None:
    verdicts = judge_gates([Gate.model_validate(gate)], _summary(), _ROWS)
    assert [(one.verdict, one.reason) for one in verdicts] == [("undecided", reason)]
    assert failed(verdicts)


@pytest.mark.parametrize(
    ("gate", "path", "message"),
    [
        ({"variant": "prod/nul", "metric": "auc_drop", "max": 1}, "gates[0].variant", "did you mean `prod/null`?"),
        ({"variant": "prod", "metric": "mismatchrate", "max": 1}, "gates[0].metric", "did you mean `mismatch_rate`?"),
        ({"variant": "prod", "metric": "auc_drop", "max": 1}, "gates[0].metric", "is no metric of prod"),
        (
            {"variant": "prod", "metric": "auc", "against": "online", "max": 1},
            "gates[0].against",
            "leave `against` out",
        ),
        ({"variant": "prod/null", "metric": "mismatch_rate", "max": 1}, "gates[0].metric", "give `against`"),
        ({"variant": "prod", "metric": "auc", "slice": "country=DE", "max": 1}, "gates[0].slice", "is no slice"),
        (
            {"variant": "prod", "metric": "auc", "slice": "surface=home", "max": 1},
            "gates[0].metric",
            "not measured by slice",
        ),
    ],
)
def test_what_does_not_exist_is_an_error_never_a_pass(gate: dict[str, object], path: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judge_gates([Gate.model_validate(gate)], _summary(), _ROWS)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert message in problem.message


def test_every_mistaken_gate_is_named() -> None:
    gates = [Gate.model_validate({"variant": name, "metric": "auc", "max": 1}) for name in ("a", "prod", "b")]
    with pytest.raises(ConfigError) as caught:
        judge_gates(gates, _summary(), _ROWS)
    assert [problem.path for problem in caught.value.problems] == ["gates[0].variant", "gates[2].variant"]


def test_a_metric_that_no_run_measures_is_refused_before_the_run() -> None:
    known = ["mismatch_rate", "auc", "largest_logit", "compared", "top_5_overlap", "rows_changed", "auc_drop"]
    check_metrics([Gate(variant="prod", metric=name, max=1.0) for name in known])
    with pytest.raises(ConfigError) as caught:
        check_metrics([Gate(variant="prod", metric=name, max=1.0) for name in ("auc", "auc_dorp", "top_x_overlap")])
    assert [problem.path for problem in caught.value.problems] == ["gates[1].metric", "gates[2].metric"]
    assert "did you mean `auc_drop`?" in caught.value.problems[0].message


def test_what_a_run_measures_is_known_beforehand() -> None:
    check_metrics([Gate(variant="prod", metric=row.metric, max=1.0) for row in _ROWS])


def test_without_a_verdict_no_gate_is_decided_whatever_it_measures():
    given = [
        Gate(variant="prod", against="online", metric="mismatch_rate", max=0.5),
        Gate(variant="prod", metric="auc", min=0.9, min_rows=10**9),
    ]
    refused = replace(_summary(), refused="9 of 10 rows (90%) are rejected: I3 in 9 rows")
    verdicts = judge_gates(given, refused, _ROWS)
    assert [(each.verdict, each.reason, each.value) for each in verdicts] == [
        ("undecided", "9 of 10 rows (90%) are rejected", 0.01),
        ("undecided", "9 of 10 rows (90%) are rejected", 0.70),
    ]
    assert failed(verdicts)


def test_gates_on_audits_are_judged_elsewhere():
    on_audit = AuditGate(audit="logging", metric="value_mismatch_rate", max=0)
    on_variant = Gate(variant="prod", metric="zzz", min=0)
    check_metrics([on_audit])
    assert judge_gates([on_audit], _summary(), _ROWS) == ()
    with pytest.raises(ConfigError) as raised:
        judge_gates([on_audit, on_variant], _summary(), _ROWS)
    assert [problem.path for problem in raised.value.problems] == ["gates[1].metric"]
