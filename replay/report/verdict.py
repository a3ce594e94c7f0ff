"""The reader's first question, answered in a sentence: does the replay reproduce the online scores?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from replay.report.audits.words import mattering_sentence
from replay.report.buckets import Bucket, bucket_series, bucket_width, end_of
from replay.report.concentration import Concentration, Shape, concentrate
from replay.report.slice_tests import MISMATCH_RATE
from replay.report.slices import dominant_slice, slices_by_variant
from replay.report.summary import Comparison, Summary, Verification
from replay.report.summary.data import ReportData
from replay.report.words.incidents import incident_sentence, story_of, story_sentence
from replay.report.words.numbers import count, percent, time_range
from replay.report.words.standing import standing_sentence
from replay.report.words.verification import verification_facts, verification_sentence, verification_subject

Level = Literal["agrees", "differs", "unknown"]
TimeRanges = tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True)
class Verdict:
    """The answer.

    Attributes:
        level: Every compared row agrees, or a cause holds; some differ, or it does not, or features differ that matter;
            or nothing could be compared.
        variant: The variant that key figures and pictures are of: the baseline.
        headline: One sentence.
        details: More sentences, each standing on its own.
        runs: The time ranges that it names, ``[start, end)``.
        marks: By range the number of its incident, empty for all but the first of one that comes again and again;
            nothing where they are none.
    """

    level: Level
    variant: str
    headline: str
    details: tuple[str, ...] = ()
    runs: TimeRanges = ()
    marks: tuple[str, ...] = ()


def judge(data: ReportData) -> Verdict:
    """Answer for the baseline, or for the cause that is verified; before that, say what keeps the run from one.

    Where tables of features were compared, those that differ and matter come first.
    """
    found, refused = _with_audits(_judge(data), data.summary), data.summary.refused
    if refused is None:
        return found
    details = found.details if found.level == "unknown" else (found.headline, *found.details)
    return replace(found, level="unknown", headline=f"No verdict: {refused}.", details=details)


def _judge(data: ReportData) -> Verdict:
    summary = data.summary
    if summary.verification is not None:
        return _verified(summary.verification, summary.baseline)
    name = summary.baseline if summary.baseline in summary.variants else next(iter(summary.variants), "")
    variant = summary.variants.get(name)
    online = variant.vs_online if variant else None
    missing = _missing(online)
    if online is None or not online.compared:
        rows = _rows(summary.rows)
        return Verdict("unknown", name, f"Nothing could be compared: none of {rows} has both scores.", missing)
    if summary.incidents:
        return Verdict("differs", name, *_incident_answer(summary, online, missing))
    searched = ("No incident was found.",) if summary.diagnosed else ()
    if summary.standing:
        return Verdict(
            "differs", name, standing_sentence(summary.standing[0]), (*searched, f"{_differ(online)}.", *missing)
        )
    if not online.mismatched:
        return Verdict("agrees", name, _all_agree(online), (*searched, *missing))
    buckets = bucket_series(data.rows).get(name, ())
    concentration = concentrate([entry.compared for entry in buckets], [entry.mismatched for entry in buckets])
    width = bucket_width([entry.start for entry in buckets], summary.bucket_seconds)
    runs = tuple((buckets[run.first].start, end_of(buckets[run.last].start, width)) for run in concentration.runs)
    headline = _differ(online)
    if online.mismatched < online.compared:
        headline += _when(concentration, runs, dated=_spans_days(buckets))
    details = (*searched, *_outside(concentration, runs), *_slice(data, name), *missing)
    return Verdict("differs", name, f"{headline}.", details, runs)


def _with_audits(found: Verdict, summary: Summary) -> Verdict:
    """What an audit found to matter comes before how the scores compare: it is what was asked for."""
    matters = mattering_sentence(summary.audits or {})
    if matters is None:
        return found
    level: Level = "differs" if found.level == "agrees" else found.level
    return replace(found, level=level, headline=matters, details=(found.headline, *found.details))


def _verified(found: Verification, baseline: str) -> Verdict:
    """The answer of a run that replays the causes of an incident: it is about the one that was asked for."""
    level: Level = "unknown" if not found.mismatched else "agrees" if found.check.holds else "differs"
    details = (*verification_facts(found), f"{verification_subject(found)}.")
    return Verdict(level, baseline, verification_sentence(found), details, ((found.start, found.end),))


def _incident_answer(
    summary: Summary, online: Comparison, missing: tuple[str, ...]
) -> tuple[str, tuple[str, ...], TimeRanges, tuple[str, ...]]:
    """Headline, details and time ranges after a diagnosis: its first incident comes before all that merely differs."""
    incidents, story = summary.incidents, story_of(summary.stories, 1)
    headline = incident_sentence(incidents[0]) if story is None else story_sentence(story, incidents)
    more = len(incidents) - (1 if story is None else len(story.incidents))
    others = (f"{more} more incident{'s' if more > 1 else ''} below.",) if more else ()
    rest = online.mismatched - sum(incident.mismatched for incident in incidents)
    outside = (f"Outside of incidents, {_rows(rest)} {'differs' if rest == 1 else 'differ'}.",) if rest > 0 else ()
    ranges = tuple((one.start, one.end) for incident in incidents for one in incident.ranges)
    marks = (
        ("" if place else str(number))
        for number, one in enumerate(incidents, start=1)
        for place in range(len(one.ranges))
    )
    return headline, (*others, *outside, *missing), ranges, tuple(marks)


def _rows(amount: int) -> str:
    return f"{count(amount)} row" if amount == 1 else f"{count(amount)} rows"


def _all_agree(online: Comparison) -> str:
    if online.compared == 1:
        return "The one compared row agrees with the online score within the tolerance."
    return f"All {_rows(online.compared)} agree with the online score within the tolerance."


def _differ(online: Comparison) -> str:
    if online.mismatched == online.compared:
        every = f"All {_rows(online.compared)} differ" if online.compared > 1 else "The one compared row differs"
        return f"{every} from the online score beyond the tolerance"
    verb = "differs" if online.mismatched == 1 else "differ"
    rows = f"{count(online.mismatched)} of {_rows(online.compared)} ({percent(online.mismatched / online.compared)})"
    return f"{rows} {verb} from the online score beyond the tolerance"


def _when(concentration: Concentration, runs: TimeRanges, *, dated: bool) -> str:
    if concentration.shape is Shape.NONE:
        return ""
    if concentration.shape is Shape.EVEN:
        return ", spread evenly over the window"
    ranges = [f"between {time_range(start, end, dated=dated, joiner='and')}" for start, end in runs]
    times = " or ".join(part for part in (", ".join(ranges[:-1]), ranges[-1]) if part)
    when = f"; {percent(concentration.mismatched_share)} of them lie {times} UTC"
    if concentration.shape is Shape.LEANING:
        when += f", which hold{'s' if len(ranges) == 1 else ''} {percent(concentration.compared_share)} of the rows"
    return when


def _outside(concentration: Concentration, runs: TimeRanges) -> tuple[str, ...]:
    rate = concentration.outside_rate
    if rate is None or not runs:
        return ()
    rows = f"{percent(rate)} of the rows differ" if rate else "no row differs"
    return (f"Outside {'that time' if len(runs) == 1 else 'those times'}, {rows}.",)


def _slice(data: ReportData, variant: str) -> tuple[str, ...]:
    top = dominant_slice(slices_by_variant(data.rows).get(variant, ()))
    if top is None or not _is_told(data, variant, top[0].name):
        return ()
    entry, share, rows_share = top
    part = f"which holds {percent(rows_share)} of the rows"
    return (f"By slice, {percent(share)} of the mismatches are in {entry.name}, {part}.",)


def _is_told(data: ReportData, variant: str, name: str) -> bool:
    """Whether a slice's mismatch rate differs by more than chance; a run of an earlier version does not say."""
    slices = data.summary.slices
    return slices is None or any(
        (entry.variant, entry.slice, entry.metric) == (variant, name, MISMATCH_RATE) for entry in slices.different
    )


def _missing(online: Comparison | None) -> tuple[str, ...]:
    if online is None or not online.missing:
        return ()
    sides = (
        (online.missing_reference, "without an online score"),
        (online.missing_replayed, "without a replayed score"),
        (online.missing_both, "with neither"),
    )
    parts = ", ".join(f"{count(amount)} {side}" for amount, side in sides if amount)
    return (f"{_rows(online.missing)} could not be compared: {parts}.",)


def _spans_days(buckets: Sequence[Bucket]) -> bool:
    return bool(buckets) and buckets[0].start.date() != buckets[-1].start.date()
