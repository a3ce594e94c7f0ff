"""Feature tables compared with the traffic: what differs, how, and what that costs the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from replay.metrics.value import MetricValue
from replay.report.summary.json_safe import OPTIONAL, UtcTime


@dataclass(frozen=True)
class Sides:
    """A share of rows in the traffic and in the other table."""

    here: float | None
    """The traffic's."""
    there: float | None
    """The other table's."""


@dataclass(frozen=True)
class Unmatched:
    """Rows without a partner."""

    here: int
    """Rows of the traffic whose key the other table does not have."""
    there: int
    """Rows of the other table whose key the traffic does not have."""
    keys: tuple[Mapping[str, str], ...] = ()
    """Some keys of the traffic that the other table does not have."""


@dataclass(frozen=True)
class DifferenceCost:
    """What a difference does to the scores of one checkpoint. Below zero: the other values would do better."""

    mean_abs: float | None
    """Mean of |score with the other table's values - score|, over the traffic's rows; where the tables are not joined,
    of |score with the traffic's distribution - score|, over the other table's."""
    ne_increase: MetricValue | None = field(default=None, metadata=OPTIONAL)
    """Change of NE; only where there is a label."""
    auc_drop: MetricValue | None = field(default=None, metadata=OPTIONAL)
    """Loss of AUC; only where there is a label."""
    calibration_shift: MetricValue | None = field(default=None, metadata=OPTIONAL)
    """Change of calibration; only where there is a label."""
    variant: str | None = field(default=None, metadata=OPTIONAL)
    """The variant of the scores table that it is measured by; left out where nothing had to be scored, and where the
    tables are not joined."""
    reason: str | None = field(default=None, metadata=OPTIONAL)
    """Why it could not be measured."""


@dataclass(frozen=True)
class SliceCoverage:
    """A feature in one slice."""

    slice: str
    """``column=value``."""
    coverage: Sides
    """Share of rows in which it is not null."""
    mismatch_rate: float | None = field(default=None, metadata=OPTIONAL)
    """Share of the slice's joined rows that differ."""


@dataclass(frozen=True)
class BucketDistance:
    """A feature in one stretch of the traffic's time."""

    start: UtcTime
    coverage: float
    """Share of the stretch's rows in which it is not null."""
    divergence: float | None
    """Jensen-Shannon divergence from the whole other table in nats, less its bias; null where either has no row."""


@dataclass(frozen=True)
class FeatureAudit:
    """A feature that differs, and what that costs."""

    feature: str
    family: str | None
    """The first of `model.families` that has it."""
    core: bool
    """Whether it matters to the model."""
    kind: str
    """What the other table holds, seen from the traffic; `other` where nothing simpler is sure."""
    coverage: Sides
    """Share of rows in which it is not null."""
    mismatch_rate: float | None
    """Share of the joined rows that differ beyond the tolerance, one-sided nulls among them; null where the tables are
    not joined."""
    alarm: bool
    """Whether the difference is more than chance, and costs more than `material`."""
    cost: DifferenceCost
    lag_seconds: float | None = field(default=None, metadata=OPTIONAL)
    """Of `older` and `newer`: how much, where one lag fits."""
    details: str | None = field(default=None, metadata=OPTIONAL)
    """What else the kind says, in words."""
    significant: bool = False
    """Whether it differs in more rows than chance would have, in all rows or in a slice (Benjamini-Hochberg, 5%)."""
    mismatch_rate_low: float | None = None
    """Lower end of the 95% interval, clustered by group."""
    mismatch_rate_high: float | None = None
    """Upper end."""
    divergence: float | None = field(default=None, metadata=OPTIONAL)
    """Jensen-Shannon divergence of the two tables' distributions in nats, less its bias."""
    stability_index: float | None = field(default=None, metadata=OPTIONAL)
    """Population stability index of the same, less its bias."""
    buckets: tuple[BucketDistance, ...] | None = field(default=None, metadata=OPTIONAL)
    """Stretches of the traffic's time, in order; only where there are several."""
    costs: Mapping[str, DifferenceCost] | None = field(default=None, metadata=OPTIONAL)
    """The same cost to each of several checkpoints, where the audit names them."""
    slices: tuple[SliceCoverage, ...] = ()
    """Slices in which its coverage differs, the largest difference first."""


@dataclass(frozen=True)
class LabelDependenceSummary:
    """Whether the other table's changes know how things went."""

    z: float | None
    """The largest of all features, by size; null without a label."""
    features: tuple[str, ...] = ()
    """Features whose changes depend on the label, the traffic's value being equal."""


@dataclass(frozen=True)
class BackfillGain:
    """How much better the model looks with the other table's values than with those that were logged."""

    ne_decrease: MetricValue
    """What NE falls by."""
    auc_increase: MetricValue
    """What AUC rises by."""


@dataclass(frozen=True)
class LeakageSummary:
    """Values that could not have been known at the event."""

    from_future: int
    """Values computed, or known, later than the event."""
    label_dependence: LabelDependenceSummary
    from_future_features: tuple[str, ...] = ()
    """Features that have such values, most first."""
    newer: tuple[str, ...] = ()
    """Features that hold the entity's value of a later time."""
    gain_from_backfill: BackfillGain | None = field(default=None, metadata=OPTIONAL)
    """The part of an offline gain that the other table's values make; only where there is a label."""


@dataclass(frozen=True)
class ScheduleSummary:
    """Features that are computed once a day, as the ages of their values by hour of the day say."""

    side: Literal["here", "there", "both"]
    """Whose values: the traffic's, the other table's, or those of both."""
    features: tuple[str, ...]
    hour: int
    """Hour of the day (UTC) at about which new values land."""
    youngest_hours: int
    """Age that values have when they land."""
    oldest_hours: int
    """Age that they reach before the next ones do."""
    share: float
    """Share of the rows whose age is that of the schedule, within an hour; of the feature of which it is least."""
    slices: tuple[str, ...] = ()
    """Slices that have the schedule; empty where all rows have."""
    scenario: str | None = field(default=None, metadata=OPTIONAL)
    """What replays older values before that hour: a line under `scenarios` of the config."""


@dataclass(frozen=True)
class AgesSummary:
    """How old values of some features are, by hour of the day."""

    side: Literal["here", "there"]
    """Whose values: the traffic's or the other table's."""
    features: tuple[str, ...]
    """Features beside which there is the same column of value times."""
    hours: tuple[float | None, ...]
    """Median age in hours by hour of the day (UTC), 24 of them; null where it is not known, or beyond 96 hours."""


@dataclass(frozen=True)
class AuditSummary:
    """One table compared with the traffic."""

    against: str
    """The source."""
    joined: bool
    """Whether rows were compared, or distributions alone."""
    rows: int
    """Rows that both tables have; where they are not joined, the traffic's."""
    unmatched: Unmatched
    features_compared: int
    core: tuple[str, ...]
    """Features that matter to the model, the most important first."""
    explains_mismatches: MetricValue
    """Share of the rows that online scored otherwise than the replay and as with the other table."""
    features: tuple[FeatureAudit, ...]
    """Features that differ, the largest cost first."""
    together: DifferenceCost
    """What all differences cost at once."""
    families: Mapping[str, DifferenceCost] = field(default_factory=dict)
    """What differs in a family, of which several features do, at once."""
    material: Mapping[str, float] = field(default_factory=dict)
    """Costs below which a difference raises no alarm: of NE, and of the score."""
    leakage: LeakageSummary | None = field(default=None, metadata=OPTIONAL)
    """Only where the audit asks for it."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how it was measured."""
    schedules: tuple[ScheduleSummary, ...] = ()
    """Features that are computed once a day, as far as value times say."""
    ages: tuple[AgesSummary, ...] = ()
    """Ages of values of features that differ, matter or have a schedule."""

    @property
    def variants(self) -> frozenset[str]:
        """The variants that cost what differs."""
        costs = [each.cost for each in self.features] + [*self.families.values(), self.together]
        costs += [cost for each in self.features for cost in (each.costs or {}).values()]
        return frozenset(cost.variant for cost in costs if cost.variant is not None)

    @property
    def alarms(self) -> tuple[FeatureAudit, ...]:
        """The features that matter."""
        return tuple(entry for entry in self.features if entry.alarm)
