"""A verification in sentences: whether a cause holds, and what that rests on."""

from __future__ import annotations

from collections.abc import Iterator

from replay.report.summary.verification import CauseCheck, Verification
from replay.report.words.causes import windows_words
from replay.report.words.numbers import count, percent, percent_interval, time_range


def verification_sentence(found: Verification) -> str:
    """The one sentence: what replaying the cause does to the rows of its incident."""
    check = found.check
    rows = f"{count(check.agreeing)} of {count(found.checked)} mismatched rows now agree (0 before)"
    of = "of the slice" if found.segments and not check.windows else "of its time"
    others = f"of the {count(found.others)} other rows {of}, {count(check.others_changed)} would change"
    return f"{check.words}: {rows}; {others}."


def verification_answer(found: Verification) -> str:
    """The answer in a few words."""
    if not found.checked:
        return "There is nothing to verify"
    return "The cause holds" if found.check.holds else "The cause does not hold"


def verification_facts(found: Verification) -> Iterator[str]:
    """What the answer rests on, a sentence each."""
    yield _rule(found.check, found.checked)
    if found.check.windows:
        when = windows_words(found.check.windows, found.segments, found.start.date())
        yield f"These are the rows of its own time, {when}."
    if found.check.others_changed:
        yield "The other rows that would change agree as they are: they were not hit."
    if found.check.equivalent:
        yield found.check.equivalent
    if len(found.causes) > 1:
        each = ", ".join(f"{one.words} {count(one.agreeing)}" for one in found.causes)
        rows = f"{count(found.together)} of {count(found.mismatched)} mismatched rows"
        yield f"By cause: {each}; under at least one of them {rows} agree."
    if found.mismatched != found.mismatched_before:
        yield f"The run that found the incident counted {count(found.mismatched_before)} mismatched rows."
    if found.share < 1.0:
        yield f"Rows are counted among {percent(found.share)} of all, drawn by hash."


def verification_subject(found: Verification) -> str:
    """Which incident of which run it is about."""
    when = f"{time_range(found.start.replace(microsecond=0), found.end.replace(microsecond=0))} UTC"
    slice_ = "".join(f", {name}={value}" for name, value in found.segments.items())
    return f"Incident {found.incident} of {found.output}: {when}{slice_}"


def _rule(check: CauseCheck, mismatched: int) -> str:
    if not mismatched:
        return "No row of the incident is mismatched in this replay: it does not show what the run saw that found it."
    interval = percent_interval(check.expected_low, check.expected_high)
    rule = f"the cause holds where that is not below the 95% interval of the diagnosis, {interval}"
    return f"{percent(check.rate)} of the mismatched rows agree: {rule}."
