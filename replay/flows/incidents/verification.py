"""The causes of an incident held against a replay of them over the whole window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from replay.config import Tolerance
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import as_logged, measure_noise
from replay.diagnosis.verification import IncidentRows, Mask, agree_under, rows_of_incident
from replay.flows.incidents.rows import collect_rows
from replay.flows.incidents.verify_config import Range, cause_ranges
from replay.flows.stages.prepare import Prepared
from replay.metrics.interval import wilson
from replay.report.summary import CauseCheck, Incident, Verification
from replay.report.words.causes import cause_words, equivalent_sentence
from replay.scoring import Variant
from replay.spark.tasks.arrow_mapping import Batches
from replay.store import Manifest


@dataclass(frozen=True)
class Claim:
    """What an earlier run said of an incident.

    Attributes:
        output: Of that run.
        manifest: What it was made of.
        number: Of the incident, from 1.
        incident: When and for whom, with its causes.
        asked: Number of the cause that is to be verified, from 1; a variant replays it.
    """

    output: str
    manifest: Manifest
    number: int
    incident: Incident
    asked: int


def verify_claim(prepared: Prepared, scores: Batches, claim: Claim, tolerance: Tolerance, total: int) -> Verification:
    """Count the rows of an incident that agree, as they are and under each of its causes.

    Args:
        prepared: The run that replays the causes.
        scores: Its scores table.
        claim: The incident and its causes.
        tolerance: When a row agrees.
        total: Rows of the table.
    """
    incident = claim.incident
    variants = _variants(prepared, claim)
    wanted = {one.name: one for some in variants.values() for one in some}
    collected = collect_rows(prepared, scores, total, list(wanted.values()))
    noise = measure_noise(collected.table)
    rows = as_logged(collected.table, noise)
    segments = dict(incident.segments)
    found = _rows_in(rows, [(one.start, one.end, segments) for one in incident.ranges], tolerance)
    agree = {
        cause: [agree_under(rows, noise.as_logged(collected.others[one.name]), tolerance) for one in some]
        for cause, some in variants.items()
    }
    held = {cause: _rows_in(rows, cause_ranges(incident, incident.causes[cause - 1]), tolerance) for cause in variants}
    under_any = np.logical_or.reduce([mask for some in agree.values() for mask in some])
    return Verification(
        output=claim.output,
        run_id=claim.manifest.run_id,
        incident=claim.number,
        start=incident.start,
        end=incident.end,
        segments=segments,
        rows=int((found.mismatched | found.others).sum()),
        mismatched=int(found.mismatched.sum()),
        mismatched_before=incident.mismatched,
        asked=claim.asked,
        causes=tuple(_check(number, incident.causes[number - 1], held[number], some) for number, some in agree.items()),
        together=int((under_any & found.mismatched).sum()),
        share=collected.share,
    )


def _variants(prepared: Prepared, claim: Claim) -> dict[int, list[Variant]]:
    """The variant that replays each cause, and those that replay it with another, by the cause's number."""
    there = {variant.name: variant for variant in prepared.job.work.variants}
    return {
        number: [there[name] for name in (cause.variant, *(cause.together or ())) if name in there]
        for number, cause in enumerate(claim.incident.causes, start=1)
        if cause.variant in there
    }


def _rows_in(rows: RowTable, ranges: Sequence[Range], tolerance: Tolerance) -> IncidentRows:
    parts = [
        rows_of_incident(rows, [(_microseconds(start), _microseconds(end))], dict(segments), tolerance)
        for start, end, segments in ranges
    ]
    return IncidentRows(
        np.logical_or.reduce([one.mismatched for one in parts]), np.logical_or.reduce([one.others for one in parts])
    )


def _check(number: int, cause: Cause, found: IncidentRows, agree: Sequence[Mask]) -> CauseCheck:
    """What one cause does to the rows; it holds where no smaller share agrees than the diagnosis expects.

    Args:
        number: Of the cause.
        cause: As the diagnosis named it.
        found: The rows that it is held against.
        agree: ``(num_rows,)`` each, rows that agree under it, and under it together with others.
    """
    mismatched = int(found.mismatched.sum())
    agreeing = int((found.mismatched & np.logical_or.reduce(agree)).sum())
    rate = agreeing / mismatched if mismatched else None
    expected, low, high = _expected(cause)
    return CauseCheck(
        cause=number,
        words=cause_words(cause),
        variant=cause.variant or "",
        agreeing=agreeing,
        others_changed=int((found.others & ~agree[0]).sum()),
        rate=rate,
        expected_rate=expected,
        expected_low=low,
        expected_high=high,
        holds=rate is not None and rate >= (low or 0.0),
        equivalent=equivalent_sentence(cause),
        rows=int((found.mismatched | found.others).sum()) if cause.windows else None,
        mismatched=mismatched if cause.windows else None,
        windows=cause.windows,
    )


def _expected(cause: Cause) -> tuple[float | None, float | None, float | None]:
    """What the diagnosis said of it, with its 95% interval: of its windows, or of all mismatched rows."""
    if not cause.windows:
        return cause.explained_rate, cause.explained_low, cause.explained_high
    tested, explained = (sum(getattr(one, name) for one in cause.windows) for name in ("rows_tested", "explained"))
    return explained / tested, *wilson(explained, tested)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
