"""The causes of an incident held against a replay of them over the whole window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from replay.config import Tolerance
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.noise.noise_floor import as_logged, measure_noise
from replay.diagnosis.verification import IncidentRows, agree_under, rows_of_incident
from replay.flows.incidents.rows import collect_rows
from replay.flows.stages.prepare import Prepared
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
    collected = collect_rows(prepared, scores, total, list({one.name: one for one in variants.values()}.values()))
    noise = measure_noise(collected.table)
    rows = as_logged(collected.table, noise)
    segments = dict(incident.segments)
    times = [(_microseconds(one.start), _microseconds(one.end)) for one in incident.ranges]
    found = rows_of_incident(rows, times, segments, tolerance)
    agree = {
        cause: agree_under(rows, noise.as_logged(collected.others[variant.name]), tolerance)
        for cause, variant in variants.items()
    }
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
        causes=tuple(_check(number, incident.causes[number - 1], found, mask) for number, mask in agree.items()),
        together=int((np.logical_or.reduce(list(agree.values())) & found.mismatched).sum()),
        share=collected.share,
    )


def _variants(prepared: Prepared, claim: Claim) -> dict[int, Variant]:
    """The variant that replays each cause, by the cause's number."""
    there = {variant.name: variant for variant in prepared.job.work.variants}
    named = {number: cause.variant for number, cause in enumerate(claim.incident.causes, start=1)}
    return {number: there[name] for number, name in named.items() if name is not None and name in there}


def _check(number: int, cause: Cause, found: IncidentRows, agree: NDArray[np.bool_]) -> CauseCheck:
    """What one cause does to the rows; it holds where no smaller share agrees than the diagnosis expects."""
    mismatched, agreeing = int(found.mismatched.sum()), int((found.mismatched & agree).sum())
    rate = agreeing / mismatched if mismatched else None
    return CauseCheck(
        cause=number,
        words=cause_words(cause),
        variant=cause.variant or "",
        agreeing=agreeing,
        others_changed=int((found.others & ~agree).sum()),
        rate=rate,
        expected_rate=cause.explained_rate,
        expected_low=cause.explained_low,
        expected_high=cause.explained_high,
        holds=rate is not None and rate >= (cause.explained_low or 0.0),
        equivalent=equivalent_sentence(cause),
    )


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
