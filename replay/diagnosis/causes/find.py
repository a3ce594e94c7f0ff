"""Causes of an incident: which counterfactuals make the replay agree with what online answered."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.found import Diagnosis, FoundCause, Trial
from replay.diagnosis.causes.hypotheses import Hypothesis
from replay.diagnosis.causes.search import Explanation, OnProgress, Search
from replay.diagnosis.causes.significance import Significance, binomial_tail
from replay.diagnosis.causes.staleness import lag_interval
from replay.metrics.interval import wilson

__all__ = ["Diagnosis", "FoundCause", "Trial", "find_causes"]

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MOST_CAUSES = 4
_REMAINDER = 0.03  # of the mismatched rows; less is not worth a line of its own
_ROUTE = 0.93  # a checkpoint that answered less of the incident's rows was routed a share of them
_RULED_OUT = 0.1
_KINDS_TOLD = ("null_features", "checkpoint", "precision", "splice", "stale_features", "affine")


def find_causes(
    laboratory: CounterfactualReplay, *, background_rate: float = 0.0, on_progress: OnProgress | None = None
) -> Diagnosis:
    """Find what explains an incident's mismatched rows.

    Args:
        laboratory: The rows, and where hypotheses are replayed.
        background_rate: Share of the mismatched rows that would be mismatched without the incident, such as those of
            features that moved between scoring and logging. They are left unexplained without a word.
        on_progress: Called with what is being done and the rows scored so far.

    Raises:
        ValueError: ``background_rate`` is not between 0 and 1.
    """
    if not 0.0 <= background_rate <= 1.0:
        raise ValueError(f"found background_rate={background_rate}, expected a share between 0 and 1")
    rows = laboratory.bad
    if not len(rows):
        nothing = "the baseline agrees with online on every row of the sample that the model accepts"
        return Diagnosis((FoundCause("unexplained", share=1.0, why=nothing),), (), (), laboratory.rows_scored, False)
    search = Search(laboratory, on_progress)
    found, left = _rounds(search, rows, background_rate)
    left = _together(search, found, left)
    told = _tell(laboratory, search, found, rows)
    if not told or _is_remainder(int(left.sum()), len(rows), background_rate):
        told.append(_unexplained(left, rows, background_rate, bool(told)))
    return Diagnosis(
        tuple(told),
        _ruled_out(laboratory, search, found),
        _trials(search, found),
        laboratory.rows_scored,
        laboratory.left < len(rows),
    )


def _rounds(search: Search, rows: Integers, background_rate: float) -> tuple[list[Explanation], Mask]:
    """Search, take away what was explained, and search again what is left."""
    found: list[Explanation] = []
    left: Mask = np.ones(len(rows), np.bool_)
    # The first search is made whatever the background: rows that move further than its own are an incident too.
    while not found or (len(found) < _MOST_CAUSES and _is_remainder(int(left.sum()), len(rows), background_rate)):
        one = search.run(rows[left])
        if one is None:
            break
        known = [former.verdict.hypothesis for former in found]
        if one.verdict.count < _REMAINDER * len(rows) or one.verdict.hypothesis in known:
            break
        found.append(one)
        left &= ~search.laboratory.explains(one.verdict.hypothesis, rows)
    return found, left


def _together(search: Search, found: list[Explanation], left: Mask) -> Mask:
    """Rows that two of the causes hit at once are explained too."""
    laboratory = search.laboratory
    rows = laboratory.bad
    for first, second in combinations([one.verdict.hypothesis for one in found], 2):
        if not left.any() or {first.kind, second.kind} & {"swap", "joint"}:
            continue
        joint = Hypothesis("joint", laboratory.baseline, parts=(first, second))
        verdict = search.test([joint], rows[left])
        if verdict and verdict[0].is_significant(len(search.tried)):
            remaining = left.copy()
            remaining[left] = ~verdict[0].explained
            left = remaining
    return left


def _is_remainder(count: int, total: int, background_rate: float) -> bool:
    """Whether so many unexplained rows are more than the background."""
    if count <= max(background_rate + _REMAINDER, 0.0) * total:
        return False
    return binomial_tail(count, total, max(background_rate, 1e-6)) < 1e-3


def _tell(
    laboratory: CounterfactualReplay, search: Search, found: list[Explanation], rows: Integers
) -> list[FoundCause]:
    """Causes with their shares, the largest first."""
    left: Mask = np.ones(len(rows), np.bool_)
    told = []
    for one in found:
        verdict = search.test([one.verdict.hypothesis], rows)
        if not verdict:
            verdict = [one.verdict]
        explained = laboratory.explains(one.verdict.hypothesis, rows)
        share = float((explained & left).mean())
        left &= ~explained
        told.append(_describe(laboratory, one, verdict[0], share))
    return sorted(told, key=lambda cause: -cause.share)


def _describe(laboratory: CounterfactualReplay, found: Explanation, verdict: Significance, share: float) -> FoundCause:
    cause = _plain(verdict)
    control = _control_rate(laboratory, verdict.hypothesis)
    others = ", or ".join(one.hypothesis.describe() for one in found.equivalent)
    why = (
        f"{verdict.hypothesis.describe()}: {verdict.count} of {len(verdict.rows)} mismatched rows agree with what "
        f"online answered; chance would give {verdict.chance:.2%}"
    )
    if control is not None:
        why += f"; of good rows {control:.0%} would have disagreed"
    if others:
        why += f". The rows cannot tell it from {others}"
    cause = replace(
        cause,
        control_rate=control,
        share=share,
        why=why,
        equivalent=tuple(one.hypothesis for one in found.equivalent),
    )
    if cause.kind == "stale_features":
        low, high = lag_interval(laboratory, verdict)
        cause = replace(cause, lag_low_seconds=max(low, 0) / 1e6, lag_high_seconds=high / 1e6)
    return _as_route(laboratory, cause)


def _as_route(laboratory: CounterfactualReplay, cause: FoundCause) -> FoundCause:
    """A checkpoint that answered only a share of the incident's rows is a route.

    Of good rows only those count on which the two checkpoints differ: on the others no one can say who answered.
    """
    rate = laboratory.evidence.mismatch_rate
    if cause.kind != "checkpoint" or rate is None or cause.control_rate is None:
        return cause
    theirs, ours = rate * cause.share, (1.0 - rate) * cause.control_rate
    if theirs + ours <= 0.0 or theirs / (theirs + ours) >= _ROUTE:
        return cause
    share = theirs / (theirs + ours)
    why = f"{cause.why}. It answered about {share:.0%} of the incident's rows, the baseline the others"
    return replace(cause, kind="route", route_share=share, why=why)


def _control_rate(laboratory: CounterfactualReplay, hypothesis: Hypothesis) -> float | None:
    rows = laboratory.good
    if not len(rows):
        return None
    scores = laboratory.predict([hypothesis], rows)[0]
    if not laboratory.is_known(hypothesis, rows):
        return None
    return float((~laboratory.agree(scores, rows)).mean())


def _plain(verdict: Significance) -> FoundCause:
    """A hypothesis and its verdict as a cause, before anything is told about it."""
    one = verdict.hypothesis
    low, high = wilson(verdict.count, len(verdict.rows))
    return FoundCause(
        one.kind,
        families=one.families,
        features=one.features,
        checkpoint=one.checkpoint,
        checkpoints=one.splice,
        lag_seconds=None if one.lag_us is None else one.lag_us / 1e6,
        value=one.value,
        factor=one.factor,
        function=one.function,
        dtype=one.dtype,
        offset=one.offset,
        slope=one.slope,
        logit=one.logit,
        explained_rate=verdict.rate,
        explained_low=0.0 if low is None else low,
        explained_high=1.0 if high is None else high,
        rows_tested=len(verdict.rows),
        chance_rate=verdict.chance,
        hypothesis=one,
    )


def _unexplained(left: Mask, rows: Integers, background_rate: float, has_causes: bool) -> FoundCause:
    count = int(left.sum())
    what = "the causes above" if has_causes else "any hypothesis that was tried"
    why = f"{count} of {len(rows)} mismatched rows agree with online under none of {what}"
    if background_rate > 0.0:
        why += f"; {background_rate:.1%} would be mismatched without the incident"
    return FoundCause(
        "unexplained",
        rows_tested=len(rows),
        share=count / len(rows),
        explained_low=0.0,
        explained_high=0.0,
        why=why,
    )


def _outcomes(search: Search, found: list[Explanation]) -> dict[Hypothesis, str]:
    outcomes = {
        one.hypothesis: "ruled_out" if _upper(one) < _RULED_OUT else "partial" for one in search.tried.verdicts.values()
    }
    for one in found:
        outcomes |= {other.hypothesis: "equivalent" for other in one.equivalent}
    return outcomes | {one.verdict.hypothesis: "cause" for one in found}


def _upper(verdict: Significance) -> float:
    return wilson(verdict.count, len(verdict.rows))[1] or 1.0


def _ruled_out(laboratory: CounterfactualReplay, search: Search, found: list[Explanation]) -> tuple[FoundCause, ...]:
    """What a person would ask about, and the answer is no; of each set of features and each kind the best attempt."""
    outcomes = _outcomes(search, found)
    best: dict[tuple[object, ...], Significance] = {}
    for verdict in search.tried.verdicts.values():
        one = verdict.hypothesis
        if one.kind not in _KINDS_TOLD:
            continue
        if one.kind in ("null_features", "stale_features") and one.touched not in laboratory.families.values():
            continue
        subject = (one.kind, one.touched, one.checkpoint, one.dtype, one.splice)
        before = best.get(subject)
        if before is None or verdict.rate > before.rate:
            best[subject] = verdict
    excluded = [one for one in best.values() if outcomes[one.hypothesis] == "ruled_out"]
    return tuple(
        replace(_plain(one), why=f"{one.hypothesis.describe()} explains {one.count} of {len(one.rows)} rows")
        for one in excluded
    )


def _trials(search: Search, found: list[Explanation]) -> tuple[Trial, ...]:
    outcomes = _outcomes(search, found)
    trials = [
        Trial(one.hypothesis, len(one.rows), one.rate, one.gain, outcomes[one.hypothesis])
        for one in search.tried.verdicts.values()
    ]
    return tuple(sorted(trials, key=lambda one: (-one.explained_rate, -one.gain)))
