"""Incidents in sentences: what happened, when, in which slice and why, for someone who has never seen the tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.diagnosis.causes.kinds.contract import CONTRACT
from replay.metrics.metric import MetricChange
from replay.metrics.value import MetricValue
from replay.report.summary import Cause, Incident, IncidentTime, Load, NoiseFloorSummary, Story
from replay.report.words.causes import as_if, cause_words, not_words, windows_words
from replay.report.words.losses import costs
from replay.report.words.numbers import clock, clock_on, count, moment, number, percent, seconds

_NAMED_SHARE = 0.01
"""Share of the mismatched rows from which another cause belongs to the first sentence."""


def incident_sentence(incident: Incident) -> str:
    """Say when, who, how much, and what reproduces it."""
    first = incident.causes[0] if incident.causes else None
    when, who = incident_time(incident), _who(incident)
    if incident.kind == "shift":
        size = number(abs(incident.mean_delta or 0.0), 2)
        what = f"{when}, the scores of {who} were off by {size} on average: a shift smaller than the tolerance of a row"
    else:
        what = f"{when}, {percent(incident.mismatch_rate)} of {who} got another score than the replay gives"
    if first is not None and first.kind == CONTRACT:
        return f"The contract, not the traffic: {first.text}. {what}."
    if first is None or first.kind == UNEXPLAINED:
        return f"{what}. {_unexplained(first)}"
    rest = " ".join(filter(None, (scatter_sentence(cause) for cause in incident.causes[1:])))
    if any(cause.windows for cause in incident.causes):
        return f"{what}: {_by_time(incident)} {rest}".rstrip()
    return " ".join((f"{what}, {as_if(first)}.", evidence_sentence(first), *_others(incident), rest)).rstrip()


def evidence_sentence(cause: Cause) -> str:
    """Say how many rows a cause reproduces."""
    explained = round((cause.explained_rate or 0.0) * cause.rows_tested)
    rows = f"{count(explained)} of {count(cause.rows_tested)} ({percent(cause.explained_rate)})"
    return f"Replayed that way, {rows} of the mismatched rows give what online answered."


def _unexplained(cause: Cause | None) -> str:
    """No row to test on is another thing than rows that no hypothesis explains."""
    if cause is not None and cause.text and not cause.rows_tested:
        return f"No cause can be named: {cause.text.rstrip('.')}."
    return " ".join(filter(None, ("No hypothesis that was tried explains it.", scatter_sentence(cause))))


def scatter_sentence(cause: Cause | None) -> str:
    """Say that online answered equal inputs differently, so that no replay can reproduce it; empty where it did not.

    >>> scatter_sentence(Cause("unexplained", 0.0, 9))
    ''
    """
    known = (cause.parameters if cause is not None else None) or {}
    if "scattered" not in known:
        return ""
    sets, scattered, spread = (known[name] for name in ("equal_inputs", "scattered", "spread"))
    where = f"in {count(int(scattered))} of {count(int(sets))} sets of rows with equal inputs"
    differ = f"online's answers differ by {number(float(spread), 2)} (median)"
    what = f"What is unexplained is not reproducible: {where}, {differ}"
    if known.get("batch_norm") == "yes":
        return f"{what}, but not within a request: as if batch norm layers used the statistics of the batch."
    if known.get("by_request") == "yes":
        why = "scores depend on its other rows, or on values that were not logged"
        return f"{what}, but not within a request: {why}."
    return f"{what}, as with dropout left on, or with values that were not logged as they were served."


def _by_time(incident: Incident) -> str:
    """The causes of an incident, each with its own time and slice."""
    known = [cause for cause in incident.causes if cause.kind != UNEXPLAINED and (cause.share or 0.0) >= _NAMED_SHARE]
    known.sort(key=lambda cause: cause.windows[0].start if cause.windows else incident.start)
    rows = incident.causes[0].rows_tested
    share = sum(cause.share or 0.0 for cause in known)
    told = "; ".join(f"{cause_time(incident, cause)} {as_if(cause)}" for cause in known)
    explained = f"{count(round(share * rows))} of {count(rows)} ({percent(share)})"
    return f"{told}. Replayed that way, {explained} of the mismatched rows give what online answered."


def cause_time(incident: Incident, cause: Cause) -> str:
    """Say when, and for whom, a cause of an incident holds."""
    return windows_words(cause.windows or (), incident.segments, incident.start.date()) or "all the time"


def _others(incident: Incident) -> tuple[str, ...]:
    """The other causes of a mixture, as one sentence."""
    named = [
        f"{cause_words(cause)} ({percent(cause.share)})"
        for cause in incident.causes[1:]
        if cause.kind != UNEXPLAINED and (cause.share or 0.0) >= _NAMED_SHARE
    ]
    return (f"The other mismatched rows: {', '.join(named)}.",) if named else ()


def ruled_out_sentence(causes: Sequence[Cause]) -> str:
    """Say what was tried and excluded, each kind with the best that it came to."""
    best: dict[str, float] = {}
    for cause in causes:
        best[cause.kind] = max(best.get(cause.kind, 0.0), cause.explained_rate or 0.0)
    if not best:
        return ""
    parts = [f"{not_words(kind)} (best {percent(rate)})" for kind, rate in best.items()]
    return f"Ruled out by replaying: {', '.join(parts)}."


def cost_sentence(incident: Incident) -> str:
    """Say what the incident cost in quality; empty without a label."""
    parts = [
        _cost(loss, metric.change)
        for name, metric in costs().items()
        if metric.change is not None and (loss := incident.loss.get(name)) is not None
    ]
    known = [part for part in parts if part]
    if not known:
        return ""
    repaired = _repaired(incident)
    return f"During the incident, {', '.join(known)}. {'; '.join(repaired)}{'.' if repaired else ''}".strip()


def _cost(loss: MetricValue, change: MetricChange) -> str:
    if loss.value is None:
        return ""
    text = f"{change.below if loss.value < 0 else change.above} {number(abs(loss.value), 3)}"
    if loss.low is None or loss.high is None:
        return text
    ends = (loss.low, loss.high) if loss.value >= 0 else (-loss.high, -loss.low)
    doubt = "" if is_certain(loss) else ", which may be chance"
    return f"{text} ({number(ends[0], 3)} to {number(ends[1], 3)}{doubt})"


def load_sentence(load: Load | None) -> str:
    """Say how much traffic there was against other times; empty where that is not known.

    >>> load_sentence(Load("requests", 41.2, 22.4, 3, 117))
    '41.2 requests a second, 1.8 times the 22.4 of other minutes: 2 of the 117 were busier.'
    """
    if load is None:
        return ""
    times = f"{load.inside / load.outside:.2g} times the {number(load.outside, 3)} of other minutes"
    busier = "none" if load.rank == 1 else count(load.rank - 1)
    were = "was" if load.rank == 2 else "were"
    return (
        f"{number(load.inside, 3)} {load.unit} a second, {times}: {busier} of the {count(load.minutes)} {were} busier."
    )


def is_certain(loss: MetricValue) -> bool:
    """Whether the interval of a loss leaves zero out."""
    return loss.low is not None and loss.high is not None and (loss.low > 0 or loss.high < 0)


def _repaired(incident: Incident) -> list[str]:
    """How much of the loss each cause explains; nothing where the loss may be chance."""
    name, metric = next(iter(costs().items()))
    lost = incident.loss.get(name)
    if lost is None or not is_certain(lost):
        return []
    return [
        f"{cause_words(cause)} accounts for {percent(share)} of the {metric.label} lost"
        for cause in incident.causes
        if (share := (cause.loss or {}).get(metric.name)) is not None and 0 <= share <= 1
    ]


def noise_sentence(floor: NoiseFloorSummary) -> str:
    """Say how far scores differ with no incident, and what they go through; or why that is not known."""
    bound = f"{number(floor.abs, 2)} + {number(floor.rel, 2)} x the online score"
    if floor.refused:
        text = f"No noise floor: {floor.refused}. Rows within {bound} count as agreeing"
    else:
        text = f"With no incident, scores differ by at most {bound}"
        if floor.mismatch_rate:
            text += f"; {percent(floor.mismatch_rate)} of the rows lie beyond that at all times"
    if floor.transform:
        text += f". Online answers through another layer: {floor.transform}"
    if floor.operations:
        text += f". Online's scores are {', '.join(floor.operations)}"
    return f"{text}."


def incident_time(incident: Incident) -> str:
    """Say when: the date, the times to the second, and how long it lasted; of bursts how many, and how far apart."""
    if incident.standing:
        when = incident_time(replace(incident, standing=False))
        return f"At all times, and most {when[0].lower()}{when[1:]}"
    if incident.times:
        return f"{count(len(incident.times))} times, {bursts_words(incident.times)}"
    if incident.permanent:
        more = "".join(f", {ramp}" for ramp in ramp_words(incident, onset="more and more"))
        return f"Since {moment(incident.start)} UTC, to the end of the window{more}"
    lasted = seconds((incident.end - incident.start).total_seconds())
    ramps = "".join(f", {ramp}" for ramp in ramp_words(incident))
    return f"On {incident.start.date().isoformat()} from {_range(incident)} UTC ({lasted}{ramps})"


def ramp_words(incident: Incident, onset: str = "setting in gradually") -> tuple[str, ...]:
    """Say how it came and went, where that was not at once.

    >>> from datetime import UTC, datetime
    >>> start, end = (datetime(2026, 11, 20, 10, minute, tzinfo=UTC) for minute in (0, 40))
    >>> fading = IncidentTime(start.replace(minute=20), end)
    >>> ramp_words(Incident(start, end, 1, 1, 1.0, {}, gradual=True, fading=fading))
    ('setting in gradually', 'fading from 10:20 to 10:40')
    """
    day, ramps = incident.start.date(), []
    if incident.gradual:
        ramps.append(onset if incident.rising is None else f"{onset} until {clock_on(incident.rising.end, day)}")
    if incident.fading is not None:
        ramps.append(f"fading from {clock_on(incident.fading.start, day)} to {clock_on(incident.fading.end, day)}")
    return tuple(ramps)


def bursts_words(times: Sequence[IncidentTime]) -> str:
    """Say how far apart and how long they are (medians), and when.

    >>> from datetime import UTC, datetime, timedelta
    >>> at = [datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (1, 2, 3, 4)]
    >>> bursts_words([IncidentTime(one, one + timedelta(seconds=30)) for one in at])
    'about every 1 h, for 30 s, from 2026-11-20 01:00 to 04:00 UTC'
    """
    apart = [(right.start - left.start).total_seconds() for left, right in pairwise(times)]
    lasting = [(one.end - one.start).total_seconds() for one in times]
    first, last = (at.replace(microsecond=0) for at in (times[0].start, times[-1].start))
    until = clock(last) if first.date() == last.date() else moment(last)
    often = f"about every {seconds(median(apart))}, for {seconds(median(lasting))}"
    return f"{often}, from {moment(first)} to {until} UTC"


def background_note(incident: Incident) -> str:
    """Say what bursts were taken for background, and why."""
    who = f" of {slice_words(incident)}" if incident.segments else ""
    times = incident.times or ()
    differ = f"{count(incident.mismatched)} of {count(incident.rows)} rows in them differ"
    known = [cause for cause in incident.causes if cause.kind != UNEXPLAINED]
    why = "no hypothesis that was tried explains them"
    if known:
        why = f"{cause_words(known[0])} explains {percent(known[0].share)} of these"
    return (
        f"{count(len(times))} bursts{who} were taken for background, {bursts_words(times)}: {differ} "
        f"({percent(incident.mismatch_rate)}); {why}"
    )


def _range(incident: Incident) -> str:
    start, end = (at.replace(microsecond=0) for at in (incident.start, incident.end))
    last = clock(end) if start.date() == end.date() else moment(end)
    return f"{clock(start)} to {last}"


def _who(incident: Incident) -> str:
    where = slice_words(incident)
    rows = "the one row" if incident.rows == 1 else f"the {count(incident.rows)} rows"
    return f"{rows} of {where}" if where else rows


def slice_words(incident: Incident) -> str:
    """Name the slice; empty for all rows.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 11, 20, tzinfo=UTC)
    >>> slice_words(Incident(at, at, 1, 1, 1.0, {"surface": "home", "country": "DE"}))
    'surface=home and country=DE'
    """
    return " and ".join(f"{name}={value}" for name, value in incident.segments.items())


def story_of(stories: Sequence[Story], number: int) -> Story | None:
    """The story that an incident is part of; None where it stands alone."""
    return next((story for story in stories if number in story.incidents), None)


def story_sentence(story: Story, incidents: Sequence[Incident]) -> str:
    """Say it as of one incident, over all values; and which incidents it is.

    Args:
        story: One of the run's.
        incidents: All incidents of the run.
    """
    parts = [incidents[number - 1] for number in story.incidents]
    whole = replace(
        parts[0],
        start=story.start,
        end=story.end,
        rows=story.rows,
        mismatched=story.mismatched,
        mismatch_rate=story.mismatched / story.rows if story.rows else None,
        segments={**story.segments, story.column: ", ".join(story.values)},
        permanent=any(part.permanent for part in parts),
        standing=any(part.standing for part in parts),
        causes=parts[0].causes[:1],
        rising=None,
        fading=None,
    )
    *most, last = map(str, story.incidents)
    return f"{incident_sentence(whole)} One story in incidents {', '.join(most)} and {last}."
