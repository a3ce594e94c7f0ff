"""An audit as a run would tell it."""

from __future__ import annotations

from replay.metrics.value import MetricValue
from replay.report.summary.audits import (
    AuditSummary,
    DifferenceCost,
    FeatureAudit,
    LabelDependenceSummary,
    LeakageSummary,
    ScheduleSummary,
    Sides,
    SliceCoverage,
    Unmatched,
)

STALE = FeatureAudit(
    feature="clicks_7d",
    family="counts_7d",
    core=True,
    kind="older",
    coverage=Sides(0.98, 0.61),
    mismatch_rate=0.12,
    alarm=True,
    cost=DifferenceCost(
        0.03,
        MetricValue(0.02, 0.01, 0.03, 1000),
        MetricValue(0.004, 0.001, 0.007, 1000),
        variant="prod/logging.clicks_7d",
    ),
    lag_seconds=10_800.0,
    significant=True,
    mismatch_rate_low=0.11,
    mismatch_rate_high=0.13,
    slices=(SliceCoverage("surface=shop", Sides(0.97, 0.0), 0.97),),
)
HARMLESS = FeatureAudit(
    feature="price",
    family=None,
    core=False,
    kind="unit",
    coverage=Sides(1.0, 1.0),
    mismatch_rate=0.3,
    alarm=False,
    cost=DifferenceCost(0.0, MetricValue(0.0, 0.0, 0.0, 1000)),
    details="its values are 100 times those here",
    significant=True,
    mismatch_rate_low=0.28,
    mismatch_rate_high=0.32,
)
AUDIT = AuditSummary(
    against="served",
    joined=True,
    rows=1000,
    unmatched=Unmatched(20, 5, ({"request_id": "r1"},)),
    features_compared=12,
    core=("clicks_7d",),
    explains_mismatches=MetricValue(0.97, 0.95, 0.98, 400),
    features=(STALE, HARMLESS),
    together=DifferenceCost(0.04, MetricValue(0.025, 0.02, 0.03, 1000)),
    material={"ne": 0.0001, "score": 0.0001},
    leakage=LeakageSummary(3, LabelDependenceSummary(12.5, ("price",)), ("clicks_7d",), ()),
)
DAILY = ScheduleSummary("both", ("clicks_7d",), 3, 0, 24, 0.99, scenario="logging_before_03: [{op: stale}]")
SOMEWHERE = ScheduleSummary("there", ("a", "b"), 0, 6, 30, 0.9, ("surface=shop",))
