"""One run as data: frozen dataclasses, ``summary.json`` and ``report.json``, and their schema."""

from replay.metrics.value import MetricValue
from replay.report.summary.altered import AlteredValues
from replay.report.summary.effects import FamilyEffect, LagLoss, SkewCell, SkewMatrix
from replay.report.summary.gates import GateVerdict
from replay.report.summary.incidents import (
    Cause,
    Equivalent,
    Incident,
    IncidentRow,
    IncidentTime,
    Load,
    NoiseFloorSummary,
)
from replay.report.summary.slices import SliceFinding, SlicesSummary
from replay.report.summary.standing import StandingCause
from replay.report.summary.stories import Story
from replay.report.summary.summary import (
    SUMMARY_VERSION,
    UNREADABLE_FILE,
    CheckpointSummary,
    FeatureRejects,
    Reconciliation,
    RollingWindow,
    Summary,
    TimeOutliers,
    TimeRange,
    Timings,
    ToleranceSummary,
    TrafficSummary,
    UnreadFile,
)
from replay.report.summary.variants import Comparison, Stability, VariantSummary
from replay.report.summary.verification import CauseCheck, Verification

__all__ = [
    "SUMMARY_VERSION",
    "AlteredValues",
    "Cause",
    "CauseCheck",
    "CheckpointSummary",
    "Comparison",
    "Equivalent",
    "FamilyEffect",
    "FeatureRejects",
    "GateVerdict",
    "Incident",
    "IncidentRow",
    "IncidentTime",
    "Load",
    "LagLoss",
    "MetricValue",
    "NoiseFloorSummary",
    "Reconciliation",
    "RollingWindow",
    "SkewCell",
    "SkewMatrix",
    "SliceFinding",
    "SlicesSummary",
    "Stability",
    "StandingCause",
    "Story",
    "Summary",
    "TimeOutliers",
    "TimeRange",
    "Timings",
    "ToleranceSummary",
    "TrafficSummary",
    "UNREADABLE_FILE",
    "UnreadFile",
    "VariantSummary",
    "Verification",
]
