"""What a replay of the causes of an incident showed: whether they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.diagnosis.causes.cause import CauseWindow
from replay.report.summary.json_safe import OPTIONAL, UtcTime


@dataclass(frozen=True)
class CauseCheck:
    """One cause, replayed on every row of its incident."""

    cause: int
    """Its number among the causes of the incident, from 1."""
    words: str
    """What it is."""
    variant: str
    """The variant that replays it."""
    agreeing: int
    """Mismatched rows that give what online answered when they are replayed this way."""
    others_changed: int
    """Of the other rows those that would not agree any more: they were not hit."""
    rate: float | None
    """Share of the mismatched rows that agree; null where no row is mismatched."""
    expected_rate: float | None
    """What the diagnosis said of it, on the rows that it was tested on."""
    expected_low: float | None
    """Lower end of its 95% interval."""
    expected_high: float | None
    """Upper end of its 95% interval."""
    holds: bool
    """Whether `rate` is not below `expected_low`."""
    equivalent: str = ""
    """What the rows of the diagnosis cannot tell from it, in sentences; empty for nothing."""
    rows: int | None = field(default=None, metadata=OPTIONAL)
    """Where it has windows of its own: compared rows of these. What is counted is of them then, and rows that agree
    under it together with another cause count too."""
    mismatched: int | None = field(default=None, metadata=OPTIONAL)
    """Those that the baseline's replay leaves beyond the tolerance."""
    windows: tuple[CauseWindow, ...] | None = field(default=None, metadata=OPTIONAL)
    """These windows, as the diagnosis told them."""


@dataclass(frozen=True)
class Verification:
    """An incident that another run found, and the causes that it named, replayed over the whole window."""

    output: str
    """Of the run that found it."""
    run_id: str
    """Its id."""
    incident: int
    """Number of the incident, from 1."""
    start: UtcTime
    end: UtcTime
    """One microsecond past the time of the last affected row."""
    segments: Mapping[str, str]
    """Who is affected; empty for all traffic."""
    rows: int
    """Compared rows of the slice within the time."""
    mismatched: int
    """Those that the baseline's replay leaves beyond the tolerance."""
    mismatched_before: int
    """As the run that found it counted them."""
    asked: int
    """Number of the cause that was asked for."""
    causes: tuple[CauseCheck, ...]
    """Every cause that a scenario or a checkpoint replays."""
    together: int
    """Mismatched rows that agree under at least one of them."""
    share: float
    """Share of all rows that were looked at; 1 but for very large tables."""

    @property
    def check(self) -> CauseCheck:
        """The cause that was asked for."""
        return next(one for one in self.causes if one.cause == self.asked)

    @property
    def checked(self) -> int:
        """Mismatched rows that the cause which was asked for is held against: those of its windows, or all."""
        return self.mismatched if self.check.mismatched is None else self.check.mismatched

    @property
    def others(self) -> int:
        """Rows of the same slice and time that agree as they are."""
        return (self.rows if self.check.rows is None else self.check.rows) - self.checked
