"""What the summary says of an audit, of states made in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.audit.kinds.find import Difference
from replay.audit.leakage import LeakageCounts
from replay.audit.row_differences import RowDifferences
from replay.config import AuditConfig
from replay.flows.audit.mismatches import NO_DIFFERENCE
from replay.flows.audit.name_differences import NamedDifference
from replay.flows.audit.plan import CostPlan
from replay.flows.audit.summarize import JoinedAudit, coverage_of, summarize_audit
from tests.audit.test_row_differences import make_rows
from tests.flows.audit.test_costs import _variant


def _joined(**changes) -> JoinedAudit:
    found = RowDifferences()
    found.update(make_rows())
    plan = CostPlan("a", ("prod",), features={"n": "a.n"}, together="a.all", rows=50)
    differences = [NamedDifference("n", 100, Difference("unit", 0.9, {"factor": 10.0}))]
    audit = AuditConfig(against="served")
    joined = JoinedAudit("a", audit, found, None, differences, plan, ("n", "same"), {"all": ("n", "same")}, 5000)
    return replace(joined, **changes)


def _summary(joined, **variants):
    found = {f"prod/{name}": entry for name, entry in variants.items()}
    return summarize_audit(joined, ("n",), found, NO_DIFFERENCE)


NE = {"ne_increase": 0.2, "ne_increase_low": 0.1, "ne_increase_high": 0.3}


def test_a_feature_is_told_with_its_rows_slices_and_cost():
    joined = _joined()
    told = _summary(joined, **{"a.n": _variant(0.1, **NE), "a.all": _variant(0.2, **NE)})
    (feature,) = told.features
    counts = joined.found.features["n"].counts[0]

    assert (feature.feature, feature.family, feature.core, feature.kind, feature.alarm) == (
        "n",
        "all",
        True,
        "unit",
        True,
    )
    assert feature.details == "its values are 10 times those here"
    assert feature.mismatch_rate == pytest.approx(counts[1:4].sum() / counts.sum())
    assert feature.mismatch_rate_low < feature.mismatch_rate < feature.mismatch_rate_high
    assert feature.coverage.here == pytest.approx(1 - counts[[2, 4]].sum() / counts.sum())
    assert {each.slice for each in feature.slices} == {"surface=home", "surface=search"}
    assert told.together.mean_abs == 0.2
    assert (told.rows, told.unmatched.here, told.features_compared) == (joined.found.rows, joined.found.unmatched, 2)
    assert told.unmatched.there == 5000 - joined.found.rows
    assert len(told.unmatched.keys) == 10


def test_what_is_significant_and_costs_nothing_raises_no_alarm():
    told = _summary(_joined(), **{"a.n": _variant(0.0, ne_increase=0.0, ne_increase_low=0.0, ne_increase_high=0.0)})

    assert (told.features[0].significant, told.features[0].alarm) == (True, False)


def test_what_cannot_be_replayed_says_why():
    plan = CostPlan("a", ("prod",), refused={"n": "it is text"})
    told = _summary(_joined(plan=plan))

    assert (told.features[0].cost.mean_abs, told.features[0].cost.reason) == (None, "it is text")
    assert told.together.mean_abs == 0.0
    assert not told.features[0].alarm


def test_costs_to_several_checkpoints_are_told_apart():
    plan = CostPlan("a", ("prod", "new"), features={"n": "a.n"}, together="a.all")
    found = {"prod/a.n": _variant(0.00001), "new/a.n": _variant(0.5)}
    told = summarize_audit(_joined(plan=plan), (), found, NO_DIFFERENCE)

    assert {name: cost.mean_abs for name, cost in told.features[0].costs.items()} == {"prod": 0.00001, "new": 0.5}
    assert told.features[0].alarm


def test_a_share_of_the_rows_is_told():
    assert "50.00% of the rows" in _summary(_joined(share=0.5)).notes[0]


def test_an_audit_of_the_core_tells_of_nothing_else():
    joined = _joined(audit=AuditConfig(against="served", features=("core",)))
    told = summarize_audit(joined, ("same",), {}, NO_DIFFERENCE)

    assert (told.features, told.features_compared, told.core) == ((), 1, ("same",))


def test_leakage_is_told_but_for_slices_that_are_not_served():
    leakage = LeakageCounts({})
    leakage.from_future = {"n": 3, "same": 0}
    leakage.rows_from_future = 2
    told = _summary(_joined(leakage=leakage)).leakage

    assert (told.from_future, told.from_future_features, told.label_dependence.z) == (5, ("n",), None)
    newer = [NamedDifference("n", 100, Difference("newer"))]
    assert _summary(_joined(leakage=leakage, differences=newer)).leakage.newer == ("n",)


def test_coverage_of_no_row_is_not_known():
    counts = _joined().found.features["n"]
    counts.counts = np.zeros_like(counts.counts)

    assert coverage_of(counts, 0).here is None
