"""Rows that two causes hit at once: explained by both of them together, by neither alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.causes.search import Explanation, Search, contradict
from replay.diagnosis.causes.significance import Significance, measure

Mask = NDArray[np.bool_]

_SCREEN_ROWS = 100
_SCREEN_SHARE = 0.3  # of the budget left, at most
_FINALISTS = 3


def without_unions(search: Search, explanations: Sequence[Explanation]) -> list[Explanation]:
    """Causes less those that are two others at once: their rows are where these overlap.

    Args:
        search: Replays.
        explanations: The causes that were found.
    """
    kept = list(explanations)
    for one in explanations:
        others = [other.verdict.hypothesis for other in kept if other is not one]
        if any(_is_same(search, one, joint) for joint in _joints(search, others)):
            kept.remove(one)
    return kept


def _is_same(search: Search, one: Explanation, joint: Hypothesis) -> bool:
    """Whether two causes together give the scores of a third one, on each of the rows that it explains."""
    rows = one.verdict.rows[one.verdict.explained]
    return len(rows) > 0 and search.counterfactual.same_scores(one.verdict.hypothesis, joint, rows)


def _joints(search: Search, causes: Sequence[Hypothesis]) -> list[Hypothesis]:
    return [joint for kind in KINDS.values() for joint in kind.combine(search.counterfactual, causes)]


def combine(search: Search, explanations: Sequence[Explanation], left: Mask) -> tuple[list[Hypothesis], Mask]:
    """What explains rows that no cause explains alone.

    Args:
        search: Replays.
        explanations: The causes that were found.
        left: Of the counterfactual's mismatched rows those that none of them explains.

    Returns:
        Pairs of causes that explain more of these than chance would, and the rows that are left then.
    """
    found: list[Hypothesis] = []
    for joint in _joints(search, [one.verdict.hypothesis for one in explanations]):
        verdict = search.test(joint, search.counterfactual.bad[left]) if left.any() else None
        if verdict is not None and verdict.is_significant(len(search.tried)):
            found.append(joint)
            left = left.copy()
            left[left] = ~verdict.explained
    return found, left


def search_under(search: Search, explanations: Sequence[Explanation], left: Mask) -> Explanation | None:
    """What happened to rows that one of the causes hit as well, and that shows on no row alone.

    A feature that was null while another checkpoint answered explains no row by itself, where that checkpoint answered
    all of them.

    Args:
        search: Replays.
        explanations: The causes that were found.
        left: Of the counterfactual's mismatched rows those that nothing explains yet.

    Returns:
        A cause together with the one that it was found under; None where there is none.
    """
    rows = search.counterfactual.bad[left]
    if not len(rows):
        return None
    sample = np.sort(np.random.default_rng(0).permutation(rows)[:_SCREEN_ROWS])
    joints = _proposals(search, [one.verdict.hypothesis for one in explanations], sample)
    affordable = int(_SCREEN_SHARE * search.counterfactual.left) // len(sample)
    screened = measure(search.counterfactual, joints[:affordable], sample)
    best = sorted(screened, key=lambda one: one.promise, reverse=True)[:_FINALISTS]
    tested = [search.test(one.hypothesis, rows) for one in best if one.count]
    tried = len(search.tried) + len(screened)
    able = [one for one in tested if one is not None and one.is_significant(tried)]
    verdict = max(able, key=lambda one: (one.count, -one.hypothesis.num_names), default=None)
    return None if verdict is None else Explanation(verdict, _alternatives(verdict, able))


def _alternatives(best: Significance, able: Sequence[Significance]) -> tuple[Hypothesis, ...]:
    """What explains the very same rows."""
    return tuple(one.hypothesis for one in able if one is not best and np.array_equal(one.explained, best.explained))


def _proposals(search: Search, causes: Sequence[Hypothesis], rows: NDArray[np.int64]) -> list[Hypothesis]:
    """Each cause with each hypothesis of another kind that has no number to be fitted, cause by cause."""
    proposed = [one for kind in KINDS.values() if kind.may_stand for one in kind.propose(search.counterfactual, rows)]
    return [
        joint
        for cause in causes
        for other in proposed
        if not cause.parts and cause.kind != other.kind and not contradict(cause, other)
        for joint in _joints(search, [cause, other])
        if _has_one_model(search, joint)
    ]


def _has_one_model(search: Search, joint: Hypothesis) -> bool:
    """Two models cannot both have answered one row."""
    return sum(part.scorer != search.counterfactual.baseline for part in joint.parts) <= 1
