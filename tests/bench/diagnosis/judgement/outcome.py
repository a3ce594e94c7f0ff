"""What was planted, what was told of it, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    """One planted cause.

    Attributes:
        cause: Its kind.
        touched: Rows whose answer it changed visibly.
        found: Whether something that was told overlaps it.
        iou: Rows of the traffic in both windows over rows in either; 0 where it was missed; None where it stands at
            all times, and has no window.
        is_slice_right: Whether the segments are the planted ones.
        is_first: The first cause told is right.
        is_any: Some cause told is right.
        is_honest: Nothing but ``unexplained`` was told of it.
        wrong: What was said with confidence, and is not so.
        planted: In words.
        told: In words, one a cause; empty where it was missed.
    """

    cause: str
    touched: int
    found: bool
    iou: float | None
    is_slice_right: bool
    is_first: bool
    is_any: bool
    is_honest: bool
    wrong: tuple[str, ...]
    planted: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """One case.

    Attributes:
        number: Which case of the suite.
        world: Its name.
        kind: Of the incident, or ``clean``.
        has_name: Whether the tool has a name for its causes.
        noise: How online logged its answers.
        drift: Share of moved rows.
        rows: Of the traffic.
        judged: By planted cause.
        false_alarms: Incidents that overlap no planted one, in words.
        claims: What was said with confidence of the case as a whole, and is not so.
        seconds: That the engine took, scoring apart.
        rows_scored: In the search for causes.
    """

    number: int
    world: str
    kind: str
    has_name: bool
    noise: str
    drift: float
    rows: int
    judged: tuple[Judged, ...] = ()
    false_alarms: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    seconds: float = 0.0
    rows_scored: int = 0

    @property
    def wrong(self) -> tuple[str, ...]:
        """All that was said with confidence, and is not so."""
        return (*self.claims, *(wrong for one in self.judged for wrong in one.wrong))
