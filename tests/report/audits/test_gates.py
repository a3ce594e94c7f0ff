"""Gates on audits, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replay.config import AuditGate
from replay.errors import ConfigError
from replay.report.audits.gates import check_audit_metrics, judge_audit_gate
from replay.report.gates import judge_gates
from replay.report.words.gates import gate_rule
from tests.report import sample
from tests.report.audits.found import AUDIT, HARMLESS, STALE


def _judge(audit=AUDIT, **gate):
    return judge_audit_gate(AuditGate(audit="logging", **gate), audit)


@pytest.mark.parametrize(
    ("gate", "value", "verdict"),
    [
        ({"metric": "value_mismatch_rate", "max": 0.2}, 0.3, "failed"),
        ({"metric": "value_mismatch_rate", "features": "core", "max": 0.2}, 0.12, "passed"),
        ({"metric": "value_mismatch_rate", "features": "core", "max": 0.12, "bound": "high"}, 0.13, "failed"),
        ({"metric": "value_mismatch_rate", "features": ["nothing*"], "max": 0}, 0.0, "passed"),
        ({"metric": "value_mismatch_rate", "slice": "surface=shop", "max": 0.5}, 0.97, "failed"),
        ({"metric": "coverage_drop", "max": 0.1}, pytest.approx(0.37), "failed"),
        ({"metric": "coverage_drop", "slice": "surface=home", "max": 0.1}, 0.0, "passed"),
        ({"metric": "cost_ne_increase", "max": 0.05}, 0.02, "passed"),
        ({"metric": "cost_mean_abs", "features": "clicks*", "max": 0.01}, 0.03, "failed"),
        ({"metric": "alarms", "max": 0}, 1.0, "failed"),
        ({"metric": "features_differ", "max": 2}, 2.0, "passed"),
        ({"metric": "unmatched_rate", "max": 0.01}, pytest.approx(20 / 1020), "failed"),
        ({"metric": "from_future", "max": 0}, 3.0, "failed"),
        ({"metric": "label_dependence_z", "max": 5}, 12.5, "failed"),
        ({"metric": "total_cost_ne_increase", "max": 0.03}, 0.025, "passed"),
        ({"metric": "value_mismatch_rate", "max": 0.5, "min_rows": 2000}, 0.3, "undecided"),
        ({"metric": "cost_ne_increase", "slice": "surface=shop", "max": 1}, None, "undecided"),
        ({"metric": "total_cost_auc_drop", "max": 1}, None, "undecided"),
    ],
)
def test_the_worst_feature_decides(gate, value, verdict):
    found = _judge(**gate)

    assert (found.value, found.verdict) == (value, verdict)
    assert (found.reason is not None) == (verdict == "undecided")


def test_what_was_not_looked_for_is_undecided():
    found = _judge(replace(AUDIT, leakage=None), metric="from_future", max=0)

    assert (found.verdict, found.reason) == ("undecided", "the audit does not look for leakage: set `leakage: true`")


def test_a_feature_whose_cost_is_unknown_is_undecided_unless_another_fails():
    unknown = replace(HARMLESS, cost=replace(HARMLESS.cost, mean_abs=None, reason="it is text"))
    audit = replace(AUDIT, features=(STALE, unknown))

    assert _judge(audit, metric="cost_mean_abs", max=0.5).reason == "it is text"
    assert _judge(audit, metric="cost_mean_abs", max=0.01).verdict == "failed"


def test_they_are_judged_with_the_others_and_told():
    gate = AuditGate(audit="logging", metric="value_mismatch_rate", features="core", max=0.2)
    summary = sample.bare_data().summary

    (found,) = judge_gates([gate], replace(summary, audits={"logging": AUDIT}), ())

    assert (found.audit, found.features, found.verdict) == ("logging", ("core",), "passed")
    assert gate_rule(found) == "audit logging: value_mismatch_rate of core ≤ 0.2"
    assert judge_gates([gate], summary, ()) == ()


def test_a_metric_that_no_audit_has_is_refused():
    gates = [AuditGate(audit="a", metric="mismatch", max=0), AuditGate(audit="a", metric="alarms", max=0)]

    with pytest.raises(ConfigError, match="`mismatch` is no metric of an audit"):
        check_audit_metrics(gates)
    check_audit_metrics(gates[1:])


@pytest.mark.parametrize(
    ("most", "unknown", "value", "verdict"),
    [(0, 1, 1.0, "failed"), (1, 1, None, "undecided"), (2, 1, 1.0, "passed"), (1, 0, 1.0, "passed")],
)
def test_alarms_that_a_cost_which_is_not_known_might_raise_are_undecided(most: int, unknown: int, value, verdict: str):
    """One feature is alarmed, and so many could be."""
    uncosted = replace(HARMLESS, cost=replace(HARMLESS.cost, mean_abs=None, ne_increase=None, reason="it is text"))
    found = _judge(replace(AUDIT, features=(STALE, *[uncosted] * unknown)), metric="alarms", max=most)

    assert (found.value, found.verdict) == (value, verdict)
    if verdict == "undecided":
        assert found.reason == "the cost of 1 of the features that differ is not known"
