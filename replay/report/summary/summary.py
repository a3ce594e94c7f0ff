"""The summary as data: exactly what ``summary.json`` holds. Every renderer and the exit code read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from replay.errors import UsageError
from replay.metrics.value import MetricValue
from replay.report.summary.altered import AlteredValues
from replay.report.summary.audits import AuditSummary
from replay.report.summary.effects import FamilyEffect, SkewMatrix
from replay.report.summary.gates import GateVerdict
from replay.report.summary.incidents import Incident, NoiseFloorSummary
from replay.report.summary.json_safe import OPTIONAL, UtcTime, plain
from replay.report.summary.slices import SlicesSummary
from replay.report.summary.standing import StandingCause
from replay.report.summary.stories import Story
from replay.report.summary.variants import VariantSummary
from replay.report.summary.verification import Verification
from replay.version import __version__

SUMMARY_VERSION = 1
UNREADABLE_FILE = "unreadable_file"
"""Why rows are rejected that lie in a file that cannot be read."""


@dataclass(frozen=True)
class FeatureRejects:
    """Rows that are rejected by one feature: the first one of the row that breaks the contract."""

    reasons: Mapping[str, int]
    """Rows by reason."""
    example: str | None = None
    """A logged value that was refused, as text."""
    key: Mapping[str, Any] = field(default_factory=dict)
    """Key of the row that holds it."""

    @property
    def rows(self) -> int:
        """All rows that are rejected by it."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class UnreadFile:
    """A data file of the traffic of which no row was read."""

    path: str
    reason: str
    rows: int | None
    """Its rows; null where neither its footer nor the table's log says how many they are."""
    counted: int
    """Rows that it counts for in `engine.max_bad_rows`: its own, or by its size."""


@dataclass(frozen=True)
class Reconciliation:
    """Where every row that was read went."""

    read: int
    filtered: int
    """Left out on purpose, by the window, the filter or the sample."""
    rejected: Mapping[str, int]
    """Refused, by reason."""
    scored: int
    rejected_by_feature: Mapping[str, FeatureRejects] = field(default_factory=dict)
    """The rejected rows again, by the feature that refuses each, those with most rows first."""
    copies: int | None = field(default=None, metadata=OPTIONAL)
    """Rows that were left out as exact copies of others, where the config asks for that."""
    unreadable: tuple[UnreadFile, ...] | None = field(default=None, metadata=OPTIONAL)
    """Data files that could not be read and were left out whole. Their rows, where they are known, are among `read` and
    `rejected`, as `unreadable_file`."""

    @property
    def bad_rows(self) -> int:
        """Rows that count for `engine.max_bad_rows`."""
        return self.rejected.get("model_failed", 0) + sum(file.counted for file in self.unreadable or ())

    @property
    def unaccounted(self) -> int:
        """Rows that were read and are in none of these counts; anything but 0 is a fault of the run.

        >>> Reconciliation(read=10, filtered=2, rejected={"null_without_default": 1}, scored=7).unaccounted
        0
        """
        return self.read - self.filtered - (self.copies or 0) - sum(self.rejected.values()) - self.scored


@dataclass(frozen=True)
class Timings:
    """Seconds.

    Those of `read`, `encode`, `score` and `write` add up over tasks that ran side by side; all others are wall time.
    """

    read: float = 0.0
    encode: float = 0.0
    score: float = 0.0
    write: float = 0.0
    """What tasks wait for Spark to take their scores."""
    diff: float = 0.0
    """Comparing the scores, and writing the tables beside them."""
    wall: float = 0.0
    """The whole: the sum of `start`, `prepare`, `keys`, `scoring`, `diff`, `diagnose`, `report` and `other`."""
    start: float = 0.0
    """Reading the config, starting Spark, and opening the checkpoints meanwhile."""
    prepare: float = 0.0
    """Pinning the traffic, and proving that the config fits it."""
    keys: float = 0.0
    """Checking keys and times, and scoring a few rows under each checkpoint meanwhile."""
    scoring: float = 0.0
    """Scoring and committing all rows."""
    diagnose: float = 0.0
    """Finding incidents and testing their causes."""
    report: float = 0.0
    """Putting the report together, up to the writing of this file."""
    other: float = 0.0

    @property
    def parts(self) -> dict[str, float]:
        """Seconds of wall time by part, in order; they add up to `wall`, also of a run of an earlier version."""
        parts = {name: getattr(self, name) for name in WALL_PARTS}
        return {**parts, "other": max(self.wall - sum(parts.values()), 0.0)}


WALL_PARTS = ("start", "prepare", "keys", "scoring", "diff", "diagnose", "report")


@dataclass(frozen=True)
class TimeRange:
    """[start, end) in UTC; None where a side is open."""

    start: UtcTime | None = None
    end: UtcTime | None = None


@dataclass(frozen=True)
class RollingWindow:
    """How a window came to be that the config gives as the last hours before a run."""

    last: str
    """Its length."""
    ending: str
    """Where it ends: now, hour or day."""
    delay: str | None
    """How late rows may arrive."""
    resolved: UtcTime
    """The moment that it counts from: when the run started, for the first time if it went on later."""


@dataclass(frozen=True)
class TimeOutliers:
    """Rows whose event time lies far from all others, and stands for something else: a "never", a broken clock."""

    rows: int
    first: UtcTime
    """Bucket of the earliest of them."""
    last: UtcTime
    """Bucket of the latest of them."""
    start: UtcTime
    """First bucket of all other rows: what is drawn over time begins here."""
    end: UtcTime
    """Last bucket of all other rows."""


@dataclass(frozen=True)
class TrafficSummary:
    """The traffic that was replayed, pinned to a version."""

    path: str | None = None
    table: str | None = field(default=None, metadata=OPTIONAL)
    """The catalog table, where it was given instead of a path."""
    format: str | None = field(default=None, metadata=OPTIONAL)
    delta_version: int | None = None
    window: TimeRange | None = None
    rolling: RollingWindow | None = field(default=None, metadata=OPTIONAL)
    """How the window came to be, where the config gives it by `last`."""
    where: str | None = field(default=None, metadata=OPTIONAL)
    sample_rate: float | None = field(default=None, metadata=OPTIONAL)
    time_outliers: TimeOutliers | None = field(default=None, metadata=OPTIONAL)
    """Rows that what is drawn over time leaves out, where there are any."""


@dataclass(frozen=True)
class CheckpointSummary:
    """A checkpoint, as far as it is known without running it."""

    format: str
    sha256: str
    parameters: int | None
    """Number of parameters, or None where the format does not say."""
    path: str | None = field(default=None, metadata=OPTIONAL)
    notes: tuple[str, ...] = ()
    """What a reader should know: prefixes taken off, objects set aside, scored whole, ..."""
    contract_sha256: str | None = field(default=None, metadata=OPTIONAL)
    """Fingerprint of the contract that it reads rows by: inputs, defaults, vocabularies by content, hashes, output."""


@dataclass(frozen=True)
class ToleranceSummary:
    """Agreement is ``|replayed - online| <= abs + rel * |online|``."""

    abs: float
    rel: float


@dataclass(frozen=True)
class Summary:
    """One run. `to_dict` is ``summary.json``."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    run_id: str
    rows: int
    """Rows in the scores table."""
    reconciliation: Reconciliation
    timings: Timings
    traffic: TrafficSummary
    checkpoints: Mapping[str, CheckpointSummary]
    variants: Mapping[str, VariantSummary]
    """By name, the baseline first."""
    baseline: str
    """The checkpoint that should reproduce the online scores."""
    version: int = SUMMARY_VERSION
    status: str = "complete"
    refused: str | None = field(default=None, metadata=OPTIONAL)
    """Why no verdict can be given: more rows are rejected than `engine.max_rejected` allows, or none could be compared
    with online. Then no gate is decided, and the exit code is 3."""
    warnings: tuple[str, ...] = ()
    started: UtcTime | None = None
    finished: UtcTime | None = None
    config_sha256: str | None = None
    output: str | None = None
    tolerance: ToleranceSummary | None = None
    """What counted as agreement."""
    bucket_seconds: float | None = None
    """Width of a time bucket; None without a time column."""
    online_metrics: Mapping[str, MetricValue] = field(default_factory=dict)
    """Quality of the online score itself, on the same rows; empty without a label."""
    noise_floor: NoiseFloorSummary | None = None
    diagnosed: bool = False
    """Whether incidents were searched for: only then does an empty list say that there is none."""
    incidents: tuple[Incident, ...] = ()
    stories: tuple[Story, ...] = ()
    """Incidents that are one: the same cause on several values of one column."""
    standing: tuple[StandingCause, ...] = ()
    """What explains rows that disagree at all times, outside of every incident; the one that explains most first."""
    verification: Verification | None = field(default=None, metadata=OPTIONAL)
    """Whether the causes of another run's incident hold, where this run replays them."""
    gates: tuple[GateVerdict, ...] = ()
    slices: SlicesSummary | None = field(default=None, metadata=OPTIONAL)
    """How many slices were looked at, and which differ from the rest; only where the traffic has segments."""
    skew_matrix: SkewMatrix | None = field(default=None, metadata=OPTIONAL)
    """Every pairing of module versions, where one was asked for."""
    sensitivity: tuple[FamilyEffect, ...] = ()
    """What each family costs when it is null, worst first; empty unless asked for."""
    altered: tuple[AlteredValues, ...] | None = field(default=None, metadata=OPTIONAL)
    """Features of which the model gets values otherwise than they were logged, as the rehearsed rows show it; left out
    where none were rehearsed."""

    audits: Mapping[str, AuditSummary] | None = field(default=None, metadata=OPTIONAL)
    """Feature tables compared with the traffic, by the name of the audit; left out where none was made."""

    @property
    def window(self) -> TimeRange:
        """The window of the traffic, open where none was given."""
        return self.traffic.window or TimeRange()

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data with a stable order of keys: ``version``, ``run_id``, ``rows``, and so on.

        NaN and infinity are null; times are ISO 8601 in UTC.
        """
        data: dict[str, Any] = plain(self)
        return {"version": data.pop("version"), **data}

    def to_json(self) -> str:
        """Render as the text of ``summary.json``."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Summary:
        """Read the data that `to_dict` gives; keys that this version does not know are ignored.

        Raises:
            UsageError: It is no summary, or one of a later layout.
        """
        version = data.get("version")
        if version != SUMMARY_VERSION:
            raise UsageError(
                f"found a summary of layout {version!r}, expected {SUMMARY_VERSION}: replay {__version__} cannot read "
                "it; read it with the version that wrote it, or run again"
            )
        try:
            return summary_adapter().validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            raise UsageError(
                f"this is not a summary that replay {__version__} can read ({path}: {first['msg']}): run again"
            ) from error


@cache
def summary_adapter() -> TypeAdapter[Summary]:
    """Validator of a summary, and source of its JSON Schema."""
    return TypeAdapter(Summary)
