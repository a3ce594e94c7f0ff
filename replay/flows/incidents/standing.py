"""Causes that stand at all times: the rows that disagree outside of every incident, drawn, explained and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from replay.config import DiagnosisConfig, Tolerance
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.causes.search import OnProgress
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.diagnosis.standing.background import Background, find_background, sample_background
from replay.diagnosis.standing.find import StandingFinding, find_standing, is_worth_a_search
from replay.flows.incidents.rows import CollectedRows
from replay.report.summary import StandingCause

BUDGET = 300_000
"""Rows that are scored at most in the search for standing causes, which has few kinds of hypotheses."""


@dataclass(frozen=True)
class DrawnBackground:
    """The rows that no incident holds, and a sample of them.

    Attributes:
        background: All of them.
        sample: Some; None where so few disagree that no cause is looked for.
    """

    background: Background
    sample: SampledRows | None

    @property
    def samples(self) -> tuple[SampledRows, ...]:
        """The sample, where there is one."""
        return () if self.sample is None else (self.sample,)


def draw_background(
    rows: RowTable,
    collected: CollectedRows,
    incidents: Sequence[FoundIncident],
    tolerance: Tolerance,
    settings: DiagnosisConfig,
    seed: int,
) -> DrawnBackground:
    """Find the background of some incidents, and draw the rows on which standing causes are tested.

    Args:
        rows: The baseline's rows, with replayed scores as online would have logged them.
        collected: The same as they were collected.
        incidents: All that were found.
        tolerance: What counts as agreement.
        settings: How many rows are drawn.
        seed: Of the draw.
    """
    background = find_background(rows, incidents, tolerance)
    if not is_worth_a_search(background):
        return DrawnBackground(background, None)
    sample = sample_background(
        rows,
        collected.identity,
        background,
        most_mismatched=settings.sample_rows,
        most_control=settings.control_rows,
        seed=seed,
    )
    return DrawnBackground(background, sample if len(sample.mismatched) else None)


def measured_again(noise: NoiseFloor, background: Background) -> float | None:
    """The background rate as it is outside of the incidents that were found; None where there is nothing to add.

    The noise floor's own is of the quieter half of the traffic: too low, and too high where an incident holds more than
    half of it.
    """
    if not noise.concentrated or not background.is_measured:
        return None
    return background.rate


def search_background(
    drawn: DrawnBackground,
    rows: RowTable,
    replay: Callable[[SampledRows, float], CounterfactualReplay],
    on_progress: OnProgress | None = None,
) -> list[StandingFinding]:
    """Test standing causes on a drawn background; none without a sample.

    Args:
        drawn: The background and its sample.
        rows: The baseline's rows, with replayed scores as online would have logged them.
        replay: Where hypotheses about a sample, of rows of which such a share disagrees, are replayed.
        on_progress: Called with what is being done and the rows scored so far.
    """
    if drawn.sample is None:
        return []
    counterfactual = replay(drawn.sample, drawn.background.rate)
    return find_standing(counterfactual, rows, drawn.background, drawn.sample, on_progress)


def summarize_standing(found: StandingFinding) -> StandingCause:
    """A standing cause as a report shows it."""
    where = found.where
    return StandingCause(
        cause=found.cause,
        rate=found.rate,
        rate_low=found.low,
        rate_high=found.high,
        segments=where.segments,
        slice_rate=where.rate if where.segments else None,
        entities=where.entities,
        all_entities=where.all_entities,
    )
