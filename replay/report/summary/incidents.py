"""Incidents with their causes, and the noise floor that they stand out from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.diagnosis.causes.cause import Cause as Cause
from replay.diagnosis.causes.cause import Equivalent as Equivalent
from replay.metrics.value import MetricValue
from replay.report.summary.json_safe import OPTIONAL, UtcTime
from replay.report.words.causes import cause_words
from replay.report.words.numbers import count, moment, number, percent, time_range


@dataclass(frozen=True)
class NoiseFloorSummary:
    """How far replayed and online scores differ with no incident."""

    abs: float
    """The part that does not depend on the score."""
    rel: float
    """The part that grows with the online score."""
    mismatch_rate: float | None = None
    """Share of quiet rows outside of the floor: the background, such as features that are logged by a second request a
    moment later."""
    transform: str | None = field(default=None, metadata=OPTIONAL)
    """A layer between the replayed and the online score, in words, such as a constant offset of the logit."""
    operations: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """What was done to online's scores after that: `rounded to 3 decimals`, `held as float16`, `never below 0.3 (10% of
    the rows are there)`. The tolerance allows for it, and the search brings replayed scores to it."""
    refused: str | None = field(default=None, metadata=OPTIONAL)
    """Why no noise floor could be measured, and what was seen: `abs` and `rel` are then what float32 arithmetic and the
    operations leave open."""


@dataclass(frozen=True)
class IncidentRow:
    """A row of an incident, to look at."""

    key: Mapping[str, Any]
    time: UtcTime | None
    online: float | None
    replayed: float | None
    command: str
    """The ``replay row ...`` command that shows the row end to end."""


@dataclass(frozen=True)
class IncidentTime:
    """A part of an incident, such as one of its times where it comes again and again."""

    start: UtcTime
    """Time of its first affected row."""
    end: UtcTime
    """One microsecond past the time of its last affected row."""


@dataclass(frozen=True)
class Load:
    """How much traffic there was during an incident, of all rows that were replayed: whether it came with a peak."""

    unit: Literal["requests", "rows"]
    """What is counted: `requests` where there is a `traffic.group`."""
    inside: float
    """So many a second in the minutes that the incident touches."""
    outside: float
    """So many a second in all other whole minutes with traffic."""
    rank: int
    """Place of the incident's minutes among the others, 1 being the busiest."""
    minutes: int
    """How many others there are."""


@dataclass(frozen=True)
class Incident:
    """A time range, and perhaps a slice, where online and replayed scores part."""

    start: UtcTime
    """Time of the first affected row."""
    end: UtcTime
    """One microsecond past the time of the last affected row."""
    rows: int
    """Compared rows of the slice within the time."""
    mismatched: int
    """Those beyond the tolerance."""
    mismatch_rate: float | None
    """Their share."""
    segments: Mapping[str, str]
    """Who is affected; empty for all traffic."""
    causes: tuple[Cause, ...] = ()
    """Best first; only `unexplained` where there is no evidence."""
    ruled_out: tuple[Cause, ...] = ()
    """What was tried and excluded: the best attempt of each family, checkpoint, cast and splice."""
    kind: Literal["mismatch", "shift"] = "mismatch"
    """`mismatch`; or `shift`: a systematic difference within the tolerance."""
    mean_delta: float | None = None
    """Mean of replayed - online over the rows with two finite scores; 0 where there is none."""
    p_value: float | None = None
    """Bound on the chance of such a window anywhere, in any slice, in a run without incidents."""
    permanent: bool = False
    """Whether it lasts to the end of the traffic."""
    standing: bool = False
    """Whether its first cause stands at all times, outside of it as well: it is where that shows most."""
    gradual: bool = False
    """Whether it came step by step."""
    loss: Mapping[str, MetricValue] = field(default_factory=dict)
    """What online scores lost against the replayed ones inside: `ne_increase` and `calibration_shift` are online -
    replayed, `auc_drop` is replayed - online."""
    examples: tuple[IncidentRow, ...] = ()
    """Sampled mismatched rows whose scores are furthest apart."""
    hypotheses: int = 0
    """Hypotheses that were tried."""
    rows_scored: int = 0
    """Rows scored in the search."""
    times: tuple[IncidentTime, ...] | None = field(default=None, metadata=OPTIONAL)
    """Where it comes again and again: each time, in their order. What is counted is of these; `start` is
    that of the first, `end` that of the last."""
    rising: IncidentTime | None = field(default=None, metadata=OPTIONAL)
    """Where it is gradual: from when to when it came to its level."""
    fading: IncidentTime | None = field(default=None, metadata=OPTIONAL)
    """Where it did not end at once: from when to when it left its level."""
    load: Load | None = field(default=None, metadata=OPTIONAL)
    """Traffic during it against all other minutes; null where there are too few of these."""

    @property
    def ranges(self) -> tuple[IncidentTime, ...]:
        """Each time, or the one from ``start`` to ``end``."""
        return self.times or (IncidentTime(self.start, self.end),)

    def __str__(self) -> str:
        """When, who, how much, and what explains it, in a line."""
        where = "".join(f", {name}={value}" for name, value in self.segments.items())
        start, end = (at.replace(microsecond=0) for at in (self.start, self.end))
        when = f"since {moment(start)}" if self.permanent else time_range(start, end)
        if self.times:
            when = f"{len(self.times)} times, {when}"
        when = f"at all times, most {when}" if self.standing else when
        if self.kind == "shift":
            what = f"scores are off by {number(abs(self.mean_delta or 0.0), 2)} on average"
        else:
            what = f"{count(self.mismatched)} of {count(self.rows)} rows ({percent(self.mismatch_rate)}) differ"
        return f"{when} UTC{where}: {what}; {_causes(self.causes)}"

    def __repr__(self) -> str:
        return f"<Incident {self}>"


def _causes(causes: Sequence[Cause]) -> str:
    known = [f"{cause_words(cause)} ({percent(cause.explained_rate)})" for cause in causes if cause.kind != UNEXPLAINED]
    if not known:
        return "no hypothesis that was tried explains it"
    rest = "" if len(known) == len(causes) else "; the rest is unexplained"
    return f"explained by {', '.join(known)}{rest}"
