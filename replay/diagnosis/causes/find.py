"""Causes of an incident: which counterfactuals make the replay agree with what online answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import IMPLAUSIBLE, UNEXPLAINED, Cause, Equivalent
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.equivalents.compare import compare
from replay.diagnosis.causes.exchanged import shown_rate, without_exchanged
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS, Kind, describe
from replay.diagnosis.causes.search import Explanation, OnProgress, Search, contradict
from replay.diagnosis.causes.significance import Significance, binomial_tail
from replay.diagnosis.causes.together import combine, search_under, without_unions
from replay.metrics.interval import wilson

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MOST_CAUSES = 4
_REMAINDER = 0.03  # of the mismatched rows; less is not worth a line of its own
_RULED_OUT = 0.1


@dataclass(frozen=True)
class Trial:
    """A line of the table of hypotheses tried.

    Attributes:
        hypothesis: What was replayed.
        rows_tested: On how many mismatched rows.
        explained_rate: Share of them that it explains.
        gain: Mean share of the way to the online score that it goes.
        outcome: ``cause``, ``equivalent``, ``ruled_out`` or ``partial`` (it explains some of a cause's rows).
        equivalence: Of an equivalent ``same_to_model``, ``same_on_rows`` or ``implausible``; else None.
    """

    hypothesis: Hypothesis
    rows_tested: int
    explained_rate: float
    gain: float
    outcome: str
    equivalence: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """What was found about an incident.

    Attributes:
        causes: Best first; only ``unexplained`` where there is no evidence.
        ruled_out: What was tried and excluded: the best attempt of each family, checkpoint, cast and splice.
        tried: Every hypothesis, the one that explains most first.
        rows_scored: Rows scored in the search.
        budget_spent: Whether the search ended because the budget did.
        joints: Pairs of the causes that explain rows which neither of the two explains alone.
    """

    causes: tuple[Cause, ...]
    ruled_out: tuple[Cause, ...]
    tried: tuple[Trial, ...]
    rows_scored: int
    budget_spent: bool
    joints: tuple[Hypothesis, ...] = ()


def find_causes(
    counterfactual: CounterfactualReplay,
    *,
    background_rate: float = 0.0,
    on_progress: OnProgress | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> Diagnosis:
    """Find what explains an incident's mismatched rows.

    Args:
        counterfactual: The rows, and where hypotheses are replayed.
        background_rate: Share of the mismatched rows that would be mismatched without the incident, such as those of
            features that moved between scoring and logging. They are left unexplained without a word.
        on_progress: Called with what is being done and the rows scored so far.
        kinds: Kinds of which hypotheses are proposed; None: all.

    Raises:
        ValueError: ``background_rate`` is not between 0 and 1.
    """
    if not 0.0 <= background_rate <= 1.0:
        raise ValueError(f"found background_rate={background_rate}, expected a share between 0 and 1")
    rows = counterfactual.bad
    if not len(rows):
        text = "the baseline agrees with online on every row of the sample that the model accepts"
        nothing = Cause(UNEXPLAINED, 0.0, 0, share=1.0, text=text)
        return Diagnosis((nothing,), (), (), counterfactual.rows_scored, False)
    search = Search(counterfactual, on_progress, kinds)
    explanations, left = _explain(search, rows, background_rate)
    explanations = without_unions(search, explanations)
    joints, left = combine(search, explanations, _left(search, explanations, rows))
    if explanations and _is_remainder(int(left.sum()), len(rows), background_rate):
        under = search_under(search, explanations, left)
        if under is not None and under.verdict.count >= _REMAINDER * len(rows):
            explanations.append(under)
            left &= _left(search, [under], rows)
    explanations, left = without_exchanged(counterfactual, explanations, joints, left, background_rate)
    is_spent = counterfactual.left < len(rows)
    equivalents = [
        compare(counterfactual, one.verdict.hypothesis, one.equivalent, one.verdict.rows) for one in explanations
    ]
    causes = _name_causes(search, explanations, equivalents, joints, rows)
    if not causes or _is_remainder(int(left.sum()), len(rows), background_rate):
        causes.append(_unexplained(left, rows, background_rate, bool(causes)))
    outcomes = _outcomes(search, explanations)
    equivalences = {hypothesis: one.kind for some in equivalents for hypothesis, one in some.items()}
    return Diagnosis(
        tuple(causes),
        _ruled_out(search, outcomes),
        _trials(search, outcomes, equivalences),
        counterfactual.rows_scored,
        is_spent,
        tuple(joints),
    )


def _explain(search: Search, rows: Integers, background_rate: float) -> tuple[list[Explanation], Mask]:
    """Search, take away what was explained, and search again what is left."""
    explanations: list[Explanation] = []
    left: Mask = np.ones(len(rows), np.bool_)
    # The first search is made whatever the background: rows that move further than its own are an incident too.
    while not explanations or (
        len(explanations) < _MOST_CAUSES and _is_remainder(int(left.sum()), len(rows), background_rate)
    ):
        one = search.run(rows[left])
        if one is None:
            break
        known = [former.verdict.hypothesis for former in explanations]
        if one.verdict.count < _REMAINDER * len(rows) or one.verdict.hypothesis in known:
            break
        refuted = [former for former in known if contradict(former, one.verdict.hypothesis)]
        if refuted:
            search.withdrawn += [*refuted, one.verdict.hypothesis]
            explanations = [former for former in explanations if former.verdict.hypothesis not in refuted]
        else:
            explanations.append(one)
        left = _left(search, explanations, rows)
    return explanations, left


def _left(search: Search, explanations: list[Explanation], rows: Integers) -> Mask:
    """Rows that none of the causes explains."""
    left: Mask = np.ones(len(rows), np.bool_)
    for one in explanations:
        left &= ~search.counterfactual.explains(one.verdict.hypothesis, rows)
    return left


def _is_remainder(count: int, total: int, background_rate: float) -> bool:
    """Whether so many unexplained rows are more than the background."""
    if count <= max(background_rate + _REMAINDER, 0.0) * total:
        return False
    return binomial_tail(count, total, max(background_rate, 1e-6)) < 1e-3


def _name_causes(
    search: Search,
    explanations: list[Explanation],
    equivalents: Sequence[Mapping[Hypothesis, Equivalent]],
    joints: Sequence[Hypothesis],
    rows: Integers,
) -> list[Cause]:
    """Causes with their shares, the largest first; rows that two hit at once are put down to the first of them."""
    left: Mask = np.ones(len(rows), np.bool_)
    causes = []
    for one, others in zip(explanations, equivalents, strict=True):
        hypothesis = one.verdict.hypothesis
        verdict = search.test(hypothesis, rows) or one.verdict
        explained = search.counterfactual.explains(hypothesis, rows)
        for joint in joints:
            if hypothesis in joint.parts:
                explained |= search.counterfactual.explains(joint, rows)
        share = float((explained & left).mean())
        causes.append(_name(search.counterfactual, list(others.values()), verdict, share, one.equivalent))
        left &= ~explained
    return sorted(causes, key=lambda cause: -(cause.share or 0.0))


def _name(
    counterfactual: CounterfactualReplay,
    equivalents: Sequence[Equivalent],
    verdict: Significance,
    share: float,
    alternatives: tuple[Hypothesis, ...],
) -> Cause:
    control = shown_rate(counterfactual, verdict.hypothesis)
    shown = verdict.held_out
    text = (
        f"{describe(verdict.hypothesis)}: {shown.count} of {len(shown.rows)} mismatched rows agree with what "
        f"online answered; chance would give {verdict.chance:.2%}"
    )
    if control is not None:
        text += f"; of good rows {control:.0%} would have disagreed"
    plausible = tuple(one for one in equivalents if one.kind != IMPLAUSIBLE)
    others = tuple(one.cause for one in plausible if one.instead is None)
    if others:
        text += f". The rows cannot tell it from {', or '.join(others)}"
    cause = replace(
        _cause(verdict, text),
        control_rate=control,
        share=share,
        equivalent=others,
        equivalents=plausible,
        alternatives=alternatives,
    )
    return _with_chance(KINDS[cause.kind].complete(counterfactual, cause, verdict), verdict)


def _cause(verdict: Significance, text: str) -> Cause:
    """A hypothesis and its evidence: the rows that it was not learnt from."""
    hypothesis, verdict = verdict.hypothesis, verdict.held_out
    low, high = wilson(verdict.count, len(verdict.rows))
    return Cause(
        hypothesis.kind,
        verdict.rate,
        len(verdict.rows),
        families=hypothesis.families or None,
        features=hypothesis.other_features or None,
        checkpoint=hypothesis.checkpoint,
        explained_low=0.0 if low is None else low,
        explained_high=1.0 if high is None else high,
        text=text,
        hypothesis=hypothesis,
        **KINDS[hypothesis.kind].fields(hypothesis),
    )


def _with_chance(cause: Cause, verdict: Significance) -> Cause:
    return replace(cause, parameters={**(cause.parameters or {}), "chance_rate": verdict.chance})


def _unexplained(left: Mask, rows: Integers, background_rate: float, has_causes: bool) -> Cause:
    count = int(left.sum())
    what = "the causes above" if has_causes else "any hypothesis that was tried"
    text = f"{count} of {len(rows)} mismatched rows agree with online under none of {what}"
    if background_rate > 0.0:
        text += f"; {background_rate:.1%} would be mismatched without the incident"
    return Cause(UNEXPLAINED, 0.0, len(rows), share=count / len(rows), text=text)


def _outcomes(search: Search, explanations: list[Explanation]) -> dict[Hypothesis, str]:
    outcomes = {
        hypothesis: "ruled_out" if _upper(verdict) < _RULED_OUT else "partial"
        for hypothesis, verdict in search.tried.items()
    }
    for one in explanations:
        outcomes |= dict.fromkeys(one.equivalent, "equivalent")
    return outcomes | {one.verdict.hypothesis: "cause" for one in explanations}


def _upper(verdict: Significance) -> float:
    return wilson(verdict.count, len(verdict.rows))[1] or 1.0


def _ruled_out(search: Search, outcomes: dict[Hypothesis, str]) -> tuple[Cause, ...]:
    """What a person would ask about, and the answer is no; of each set of features and each model the best attempt."""
    families = search.counterfactual.logged.families.values()
    best: dict[tuple[object, ...], Significance] = {}
    for hypothesis, verdict in search.tried.items():
        if not KINDS[hypothesis.kind].is_asked_for or (hypothesis.features and hypothesis.features not in families):
            continue
        subject = (hypothesis.kind, hypothesis.features, hypothesis.scorer)
        before = best.get(subject)
        if before is None or verdict.rate > before.rate:
            best[subject] = verdict
    return tuple(
        _with_chance(_cause(one, f"{describe(one.hypothesis)} explains {one.count} of {len(one.rows)} rows"), one)
        for one in best.values()
        if outcomes[one.hypothesis] == "ruled_out"
    )


def _trials(
    search: Search, outcomes: Mapping[Hypothesis, str], equivalences: Mapping[Hypothesis, str]
) -> tuple[Trial, ...]:
    trials = [
        Trial(hypothesis, len(one.rows), one.rate, one.gain, outcomes[hypothesis], equivalences.get(hypothesis))
        for hypothesis, one in ((tried, verdict.held_out) for tried, verdict in search.tried.items())
    ]
    return tuple(sorted(trials, key=lambda one: (-one.explained_rate, -one.gain)))
