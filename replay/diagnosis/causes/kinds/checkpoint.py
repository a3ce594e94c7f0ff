"""``checkpoint``: another checkpoint answered; ``route``: it answered a share of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.significance import Significance, fisher_tail

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_LOGGED = 0.9  # of the rows explained, so many are logged under one version
_CHANCE = 0.001  # that a share, drawn at random, fell on one value of a segment
_ROUTE = 0.93  # a checkpoint that answered less of the incident's rows was routed a share of them


@register("checkpoint", prior=20)
class CheckpointKind(Kind):
    """Every checkpoint but the baseline."""

    excluded = "not another checkpoint"
    is_asked_for = True
    may_stand = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """See :meth:`Kind.propose`."""
        return [counterfactual.hypothesis("checkpoint", checkpoint=name) for name in counterfactual.other_checkpoints]

    def complete(self, counterfactual: CounterfactualReplay, cause: Cause, verdict: Significance) -> Cause:
        """A checkpoint that answered only a share of the incident's rows is a route; and what the log says of it.

        Of good rows only those count on which the two checkpoints differ: on the others no one can say who answered.
        """
        cause = _against_log(counterfactual, cause, verdict)
        rate = counterfactual.evidence.mismatch_rate
        telling = _good_rows_that_tell(counterfactual, verdict.hypothesis)
        control_rate = cause.control_rate if telling is None else telling.rate
        share = None if rate is None else route_share(rate, cause.share or 0.0, control_rate)
        if rate is None or share is None:
            return cause
        theirs = verdict.rows[verdict.explained]
        if telling is not None and len(theirs):
            segment = _answered_segment(counterfactual.evidence, theirs, telling.rows, share)
            if segment is not None:
                text = f"{cause.text}. Of the incident's rows it answered those of {segment}"
                return replace(cause, text=text)
        text = f"{cause.text}. It answered about {share:.0%} of the incident's rows, the baseline the others"
        parameters = {**(cause.parameters or {}), "route_share": share}
        return replace(cause, kind="route", parameters=parameters, text=text)

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return f"checkpoint {hypothesis.checkpoint}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        logged = ", not {logged_version} as the log says" if "logged_version" in (cause.parameters or {}) else ""
        return Words(
            f"checkpoint {{checkpoint}} answered{logged}", f"as if checkpoint {{checkpoint}} had answered{logged}"
        )


@dataclass(frozen=True, eq=False)
class _Telling:
    """Good rows among the mismatched ones that say who answered: the baseline.

    Attributes:
        rows: Rows of the evidence on which the two checkpoints differ.
        rate: Their share of the good rows that are meant.
    """

    rows: Integers
    rate: float


def _good_rows_that_tell(counterfactual: CounterfactualReplay, hypothesis: Hypothesis) -> _Telling | None:
    """Good rows within the incident, or within the time of its rows where that is all that is known.

    Where a checkpoint answered all of them these are the rows on which it agrees with the baseline, whatever it does
    elsewhere. None where no times are known, or no such row is.
    """
    evidence, good = counterfactual.evidence, counterfactual.good
    if evidence.inside is not None:
        inside = good[evidence.inside[good]]
    elif evidence.time_us is not None:
        struck = evidence.time_us[counterfactual.bad]
        inside = good[(evidence.time_us[good] >= struck.min()) & (evidence.time_us[good] <= struck.max())]
    else:
        return None
    if not len(inside):
        return None
    differ = ~counterfactual.agree(counterfactual.predict([hypothesis], inside)[0], inside)
    return _Telling(inside[differ], float(differ.mean()))


def _answered_segment(evidence: Evidence, theirs: Integers, ours: Integers, share: float) -> str | None:
    """One value of a segment whose rows another checkpoint answered, and no others: no share that was routed.

    Args:
        evidence: With the segments of its rows.
        theirs: Rows that the other checkpoint answered.
        ours: Rows that the baseline answered.
        share: Of the incident's rows that the other answered; both are samples.

    Returns:
        ``column=value``; None where rows of each value were answered by both, or that may be chance.
    """
    for column, values in evidence.segments.items():
        there, here = (values.take(pa.array(rows)).to_pylist() for rows in (theirs, ours))
        value, count = Counter(there).most_common(1)[0]
        same = here.count(value)
        inside, outside = share * count / len(there), (1.0 - share) * same / len(here)
        choices = len(evidence.segments) * len({*there, *here})
        is_theirs = value is not None and count >= _ROUTE * len(there) and inside >= _ROUTE * (inside + outside)
        if is_theirs and choices * fisher_tail(count, len(there), same, len(here)) < _CHANCE:
            return f"{column}={value}"
    return None


def route_share(mismatch_rate: float, explained: float, control_rate: float | None) -> float | None:
    """Share of the rows that another checkpoint answered; None where it may have answered all, or nobody can say.

    Args:
        mismatch_rate: Share of the rows that disagree.
        explained: Share of these that it explains.
        control_rate: Share of the good rows among them on which the two checkpoints differ.

    >>> route_share(0.3, 1.0, 1.0), route_share(0.3, 1.0, 0.0)
    (0.3, None)
    """
    if control_rate is None:
        return None
    theirs, ours = mismatch_rate * explained, (1.0 - mismatch_rate) * control_rate
    if theirs + ours <= 0.0 or theirs / (theirs + ours) >= _ROUTE:
        return None
    return theirs / (theirs + ours)


def _against_log(counterfactual: CounterfactualReplay, cause: Cause, verdict: Significance) -> Cause:
    """Where the baseline is what the log says: that the log names another version than the one that answered."""
    routed, explained = counterfactual.routed, verdict.rows[verdict.explained]
    if routed is None or not routed.as_logged or not len(explained):
        return cause
    logged, share = routed.commonest(explained)
    text = f"{cause.text}. The log names {logged} on {share:.0%} of the rows that it explains"
    if share < _LOGGED:
        return replace(cause, text=text)
    return replace(cause, parameters={**(cause.parameters or {}), "logged_version": logged}, text=text)


@register("route", prior=21)
class RouteKind(Kind):
    """What a checkpoint that answered a share of the rows is called; it is proposed as a checkpoint."""

    excluded = "not a share answered by another checkpoint"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        parameters: Mapping[str, object] = cause.parameters or {}
        share = "about {route_share:%}" if "route_share" in parameters else "a share"
        return Words(
            "checkpoint {checkpoint} answered a share of the rows",
            f"as if checkpoint {{checkpoint}} had answered {share} of the rows",
        )
