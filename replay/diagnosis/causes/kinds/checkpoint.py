"""``checkpoint``: another checkpoint answered; ``route``: it answered a share of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.significance import Significance

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_LOGGED = 0.9  # of the rows explained, so many are logged under one version
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
        control_rate = _control_rate_inside(counterfactual, verdict.hypothesis, cause.control_rate)
        share = None if rate is None else route_share(rate, cause.share or 0.0, control_rate)
        if share is None:
            return cause
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


def _control_rate_inside(
    counterfactual: CounterfactualReplay, hypothesis: Hypothesis, control_rate: float | None
) -> float | None:
    """Share of the good rows within the time of the mismatched ones on which the two checkpoints differ.

    Where a checkpoint answered all of them these are the rows on which it agrees with the baseline, whatever it does
    elsewhere. Of all good rows where no times are known, or no such row is.
    """
    time_us, good = counterfactual.evidence.time_us, counterfactual.good
    if time_us is None:
        return control_rate
    struck = time_us[counterfactual.bad]
    inside = good[(time_us[good] >= struck.min()) & (time_us[good] <= struck.max())]
    if not len(inside):
        return control_rate
    scores = counterfactual.predict([hypothesis], inside)[0]
    return float((~counterfactual.agree(scores, inside)).mean())


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
