"""Standing causes in sentences: what happens at all times, to how much of the traffic, and to whom."""

from __future__ import annotations

from replay.report.summary import StandingCause
from replay.report.words.causes import as_if, cause_words
from replay.report.words.incidents import evidence_sentence
from replay.report.words.numbers import count, percent, percent_interval

_LISTED = 6


def standing_sentence(standing: StandingCause) -> str:
    """Say how much of the traffic, what reproduces it, and whom it hits."""
    interval = percent_interval(standing.rate_low, standing.rate_high)
    share = f"{percent(standing.rate)} of the rows{f' (95% interval {interval})' if interval else ''}"
    what = f"At all times, {share} got another score than the replay gives, {as_if(standing.cause)}"
    who = standing_slice(standing)
    evidence = evidence_sentence(standing.cause).replace("mismatched rows", "mismatched rows outside of incidents")
    return f"{what}{f': {who}' if who else ''}. {evidence}"


def standing_line(standing: StandingCause) -> str:
    """The same in a line: the cause, its share of the rows, and whom it hits."""
    who, what = standing_slice(standing), cause_words(standing.cause)
    return f"{what}, {percent(standing.rate)} of the rows at all times{f': {who}' if who else ''}"


def standing_slice(standing: StandingCause) -> str:
    """Whom it hits; empty where that is anyone.

    >>> from replay.diagnosis.causes.cause import Cause
    >>> cause = Cause("checkpoint", 0.9, 100, checkpoint="old")
    >>> standing_slice(StandingCause(cause, 0.05, 0.04, 0.06, {"host": ("3", "7")}, slice_rate=0.98))
    'those of host=3, 7, of whose rows it explains 98%'
    >>> standing_slice(StandingCause(cause, 0.05, 0.04, 0.06, {}, entities=120, all_entities=2000))
    'the same entities each time, at least 120 of 2,000'
    """
    if standing.segments:
        named = " and ".join(f"{name}={_values(list(values))}" for name, values in standing.segments.items())
        return f"those of {named}, of whose rows it explains {percent(standing.slice_rate)}"
    if standing.entities is not None:
        return f"the same entities each time, at least {count(standing.entities)} of {count(standing.all_entities)}"
    return ""


def _values(values: list[str]) -> str:
    more = len(values) - _LISTED
    return ", ".join(values[:_LISTED]) + (f" and {more} more" if more > 0 else "")
