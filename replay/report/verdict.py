"""The reader's first question, answered in a sentence: does the replay reproduce what online answered?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from replay.report.buckets import Bucket, bucket_series, bucket_width
from replay.report.concentration import Concentration, Shape, concentrate
from replay.report.slices import dominant_slice, slices_by_variant
from replay.report.summary import Comparison
from replay.report.summary.data import ReportData
from replay.report.words.incidents import incident_sentence
from replay.report.words.numbers import count, percent, period

Level = Literal["agrees", "differs", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """The answer.

    Attributes:
        level: Every compared row agrees, some differ, or nothing could be compared.
        variant: The variant it speaks of: the baseline.
        headline: One sentence.
        details: More sentences, each standing on its own.
        runs: The time ranges that it names, ``[start, end)``.
    """

    level: Level
    variant: str
    headline: str
    details: tuple[str, ...] = ()
    runs: tuple[tuple[datetime, datetime], ...] = ()


def judge(data: ReportData) -> Verdict:
    """Answer for the baseline, from the numbers of the run and nothing else."""
    summary = data.summary
    name = summary.baseline if summary.baseline in summary.variants else next(iter(summary.variants), "")
    variant = summary.variants.get(name)
    found = variant.vs_online if variant else None
    if found is None or not found.compared:
        rows = _rows(summary.rows)
        return Verdict("unknown", name, f"Nothing could be compared: none of {rows} has both scores.", _missing(found))
    searched = ("No incident was found.",) if summary.diagnosed else ()
    if not found.mismatched and not summary.incidents:
        return Verdict("agrees", name, _all_agree(found), (*searched, *_missing(found)))
    if summary.incidents:
        return _told(data, name, found)
    buckets = bucket_series(data.rows).get(name, ())
    lies = concentrate([entry.compared for entry in buckets], [entry.mismatched for entry in buckets])
    runs = _runs(lies, buckets, bucket_width([entry.start for entry in buckets], summary.bucket_seconds))
    headline = _differ(found)
    if found.mismatched < found.compared:
        headline += _when(lies, runs, dated=_spans_days(buckets))
    details = (*searched, *_outside(lies, runs), *_where(data, name), *_missing(found))
    return Verdict("differs", name, headline + ".", details, runs)


def _told(data: ReportData, name: str, found: Comparison) -> Verdict:
    """What a diagnosis found is told before what merely differs."""
    incidents = data.summary.incidents
    more = len(incidents) - 1
    others = (f"{more} more incident{'s' if more > 1 else ''} below.",) if more else ()
    inside = sum(one.mismatched for one in incidents)
    rest = found.mismatched - inside
    outside = (f"Outside of incidents, {_rows(rest)} differ.",) if rest > 0 else ()
    runs = tuple((one.start, one.end) for one in incidents)
    return Verdict("differs", name, incident_sentence(incidents[0]), (*others, *outside, *_missing(found)), runs)


def _rows(amount: int) -> str:
    return f"{count(amount)} row" if amount == 1 else f"{count(amount)} rows"


def _all_agree(found: Comparison) -> str:
    if found.compared == 1:
        return "The one compared row agrees with the online score within the tolerance."
    return f"All {_rows(found.compared)} agree with the online score within the tolerance."


def _differ(found: Comparison) -> str:
    if found.mismatched == found.compared:
        every = f"All {_rows(found.compared)} differ" if found.compared > 1 else "The one compared row differs"
        return f"{every} from the online score beyond the tolerance"
    verb = "differs" if found.mismatched == 1 else "differ"
    rows = f"{count(found.mismatched)} of {_rows(found.compared)} ({percent(found.mismatched / found.compared)})"
    return f"{rows} {verb} from the online score beyond the tolerance"


def _when(lies: Concentration, runs: Sequence[tuple[datetime, datetime]], *, dated: bool) -> str:
    if lies.shape is Shape.NONE:
        return ""
    if lies.shape is Shape.EVEN:
        return ", spread evenly over the window"
    ranges = [f"between {period(start, end, dated=dated)}" for start, end in runs]
    times = " or ".join(part for part in (", ".join(ranges[:-1]), ranges[-1]) if part)
    rows = f", which hold{'s' if len(ranges) == 1 else ''} {percent(lies.compared_share)} of the rows"
    return f"; {percent(lies.mismatched_share)} of them lie {times} UTC" + (rows if lies.shape is Shape.LEANING else "")


def _outside(lies: Concentration, runs: Sequence[tuple[datetime, datetime]]) -> tuple[str, ...]:
    if lies.outside_rate is None or not runs:
        return ()
    verb = "differ" if lies.outside_rate else "differs"
    share = percent(lies.outside_rate) + " of the rows" if lies.outside_rate else "no row"
    return (f"Outside {'that time' if len(runs) == 1 else 'those times'}, {share} {verb}.",)


def _where(data: ReportData, variant: str) -> tuple[str, ...]:
    top = dominant_slice(slices_by_variant(data.rows).get(variant, ()))
    if top is None:
        return ()
    entry, share, rows_share = top
    part = f"which holds {percent(rows_share)} of the rows"
    return (f"By slice, {percent(share)} of the mismatches are in {entry.name}, {part}.",)


def _missing(found: Comparison | None) -> tuple[str, ...]:
    if found is None or not found.missing:
        return ()
    sides = (
        (found.missing_reference, "without an online score"),
        (found.missing_replayed, "without a replayed score"),
        (found.missing_both, "with neither"),
    )
    parts = ", ".join(f"{count(amount)} {side}" for amount, side in sides if amount)
    return (f"{_rows(found.missing)} could not be compared: {parts}.",)


def _runs(lies: Concentration, buckets: Sequence[Bucket], width: timedelta) -> tuple[tuple[datetime, datetime], ...]:
    return tuple((buckets[run.first].start, buckets[run.last].start + width) for run in lies.runs)


def _spans_days(buckets: Sequence[Bucket]) -> bool:
    return bool(buckets) and buckets[0].start.date() != buckets[-1].start.date()
