"""When a hypothesis is evidence: what it explains, and how much of that chance would."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diff.tolerance import agrees

if TYPE_CHECKING:  # kinds of cause import this, and their words are read where there is no torch
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_TRIALS = 20_000  # wrong pairs that chance is measured on
_LEAST_SHIFTS = 4
_SAME = 0.01  # one-sided sign test: below it, one hypothesis explains more than the other
_LEAST_ROWS = 5
_LEAST_SHARE = 0.02
_LEAST_SHARE_FITTED = 0.15
_TIMES_CHANCE = 3.0
_TIMES_NEAR = 5.0  # of a fitted number, which goes through the middle of whatever it is related to
_WILD = 3.0
_BY_CHANCE = 0.02  # fewer rows of a small sample are no sign of anything


@dataclass(frozen=True, eq=False)
class Significance:
    """A hypothesis on some mismatched rows.

    Attributes:
        hypothesis: What was replayed.
        rows: ``(k,)``, on which.
        explained: ``(k,)``, changed by it and brought within tolerance of what online answered.
        gain: Share of the mean distance to the online scores that it takes away, on the logit where all are
            probabilities; negative where it leads further away.
        chance: Share that it would explain if it had nothing to do with the rows, or was only related to the cause.
        near: The part of that which the rows just beyond the tolerance tell: if it was only related.
        has_chance: Whether that was measured.
    """

    hypothesis: Hypothesis
    rows: Integers
    explained: Mask
    gain: float
    chance: float = 0.0
    has_chance: bool = False
    near: float = 0.0

    @property
    def count(self) -> int:
        """Rows explained."""
        return int(self.explained.sum())

    @property
    def rate(self) -> float:
        """Share of the rows that it explains."""
        return self.count / len(self.rows) if len(self.rows) else 0.0

    @property
    def held_out(self) -> Significance:
        """The same on the rows that the hypothesis was not learnt from."""
        if not self.hypothesis.learnt_from:
            return self
        new = ~np.isin(self.rows, self.hypothesis.learnt_from)
        return replace(self, rows=self.rows[new], explained=self.explained[new])

    @property
    def promise(self) -> tuple[int, float]:
        """What the search goes by: rows explained, as far as they are more than a few; then the gain."""
        return (self.count if self.count > _BY_CHANCE * len(self.rows) else 0, self.gain)

    def is_significant(self, num_tried: int) -> bool:
        """Whether it explains more than chance would, with so many hypotheses tried (Bonferroni), at 1 in 1,000.

        Rows that it was learnt from do not count.
        """
        new = self.held_out
        least = max(_LEAST_SHARE_FITTED, _TIMES_NEAR * self.near) if self.hypothesis.is_fitted else _LEAST_SHARE
        if new.count < _LEAST_ROWS or new.rate < max(least, _TIMES_CHANCE * self.chance):
            return False
        return binomial_tail(new.count, len(new.rows), self.chance) * max(num_tried, 1) < 1e-3


def measure(
    counterfactual: CounterfactualReplay, hypotheses: Sequence[Hypothesis], rows: Integers, *, with_chance: bool = False
) -> list[Significance]:
    """Replay hypotheses on the same rows and see what each explains; those that the budget does not reach are left out.

    Args:
        counterfactual: Replays them.
        hypotheses: Which.
        rows: ``(k,)`` mismatched rows.
        with_chance: Measure chance too.
    """
    scores = counterfactual.predict(hypotheses, rows)
    return [
        measure_scores(counterfactual, hypothesis, rows, answered, with_chance=with_chance)
        for hypothesis, answered in zip(hypotheses, scores, strict=True)
        if counterfactual.is_known(hypothesis, rows)
    ]


def measure_scores(
    counterfactual: CounterfactualReplay,
    hypothesis: Hypothesis,
    rows: Integers,
    scores: Floats,
    *,
    with_chance: bool = False,
) -> Significance:
    """The same for scores that are known."""
    base, online = counterfactual.base_scores[rows], counterfactual.online[rows]
    explained = counterfactual.agree(scores, rows) & (scores != base)
    gain = _gain(base, online, scores)
    if not with_chance:
        return Significance(hypothesis, rows, explained, gain)
    unrelated, near = _chances(counterfactual, rows, scores)
    return Significance(hypothesis, rows, explained, gain, max(unrelated, near), True, near)


def _gain(base: Floats, online: Floats, scores: Floats) -> float:
    """No row counts for more than three times its distance: a few wild ones must not decide."""
    left, middle, right = unbounded(base, online, scores)
    before = np.abs(left - middle)
    after = np.minimum(np.abs(right - middle), _WILD * before)
    total = float(before.sum())
    return 1.0 - float(np.where(np.isfinite(after), after, before).sum()) / total if total > 0.0 else 0.0


def unbounded(*scores: Floats) -> tuple[Floats, ...]:
    """Scores on the logit where all of them are probabilities, within (0, 1); else as they are.

    Effects of several causes add up on the logit, if anywhere.
    """
    finite = [one[np.isfinite(one)] for one in scores]
    if not all(len(one) and one.min() > 0.0 and one.max() < 1.0 for one in finite):
        return scores
    return tuple(np.log(one) - np.log1p(-one) for one in scores)


def _chances(counterfactual: CounterfactualReplay, rows: Integers, scores: Floats) -> tuple[float, float]:
    """Shares of rows that a hypothesis would explain, had it nothing to do with the cause, and were it only related.

    The first is that which the effect of *another* row, drawn from the same hypothesis, brings within tolerance.

    Two ways to have the wrong row: another row's replayed score, and another row's change of score. Where all scores
    lie close together the first succeeds by itself, where all changes are alike the second does; a hypothesis has to
    beat only the harder one, for either shows that it knows which row it is about.

    The second is that of a way to be nearly right: a hypothesis that is related to the cause brings many rows near the
    online score, and so some of them within tolerance. Those just beyond the tolerance, up to three times as far, tell
    how many; a true cause leaves hardly any there.

    One success and one failure are added throughout, so that a chance that was never seen is not taken for none.
    """
    base = counterfactual.base_scores[rows]
    changed = np.flatnonzero(np.isfinite(scores) & (scores != base))
    count = len(changed)
    if count < 2:
        return 1.0, 0.0
    shifts = np.unique(np.linspace(1, count - 1, min(count - 1, max(_LEAST_SHIFTS, _TRIALS // count))).astype(int))
    base, moved, where = base[changed], scores[changed], rows[changed]
    # Rows lie in time order, in which neighbours may be alike: a drawn order makes the pairs arbitrary.
    order = np.random.default_rng(0).permutation(count)
    base, moved, where = base[order], moved[order], where[order]
    by_score = by_change = 0
    for shift in shifts:
        by_score += int(counterfactual.agree(np.roll(moved, shift), where).sum())
        by_change += int(counterfactual.agree(base + np.roll(moved - base, shift), where).sum())
    trials = count * len(shifts)
    wrong_row = (min(by_score, by_change) + 1) / (trials + 2) * count
    return min(1.0, wrong_row / len(rows)), min(1.0, _near_misses(counterfactual, where, moved) / len(rows))


def _near_misses(counterfactual: CounterfactualReplay, rows: Integers, scores: Floats) -> float:
    """Rows expected within tolerance, had the misses around it gone on inside; the upper end of what is likely."""
    tolerance, online = counterfactual.tolerance, counterfactual.online[rows]
    wider = Tolerance(abs=3 * tolerance.abs, rel=3 * tolerance.rel)
    # The band beyond is twice as wide as the tolerance itself.
    beyond = int((agrees(scores, online, wider) & ~agrees(scores, online, tolerance)).sum())
    return (beyond + math.sqrt(beyond)) / 2 + 1


def explains_more(first: Mask, second: Mask) -> bool:
    """Whether the first explains more rows than the second, beyond chance: a sign test where they differ."""
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return only_first > only_second and binomial_tail(only_first, only_first + only_second, 0.5) < _SAME


def alike(first: Mask, second: Mask) -> bool:
    """Whether two explanations are indistinguishable: neither explains more, and they explain the same rows."""
    either = int((first | second).sum())
    if explains_more(first, second) or explains_more(second, first) or either == 0:
        return False
    return int((first & second).sum()) >= 0.9 * either


def binomial_tail(count: int, trials: int, chance: float) -> float:
    """``P(X >= count)`` of a binomial variable.

    >>> round(binomial_tail(2, 3, 0.5), 6), binomial_tail(0, 3, 0.5)
    (0.5, 1.0)
    """
    if count <= 0 or chance >= 1.0:
        return 1.0
    if chance <= 0.0 or count > trials:
        return 0.0
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(chance)
        + (trials - k) * math.log1p(-chance)
        for k in range(count, trials + 1)
    ]
    most = max(logs)
    return min(1.0, math.exp(most) * math.fsum(math.exp(one - most) for one in logs))


def fisher_tail(count: int, trials: int, others: int, other_trials: int) -> float:
    """Fisher's exact test, one-sided: the chance of at least so many, had rows of both kinds been drawn alike.

    Args:
        count: Rows of the first kind that have what is asked for, of ``trials``.
        trials: Rows of the first kind.
        others: The same of the second kind, of ``other_trials``.
        other_trials: Rows of the second kind.

    >>> round(fisher_tail(3, 3, 0, 3), 6), fisher_tail(0, 3, 2, 3)
    (0.05, 1.0)
    """
    having, total = count + others, trials + other_trials
    ways = math.comb(total, trials)
    most = min(having, trials)
    return sum(math.comb(having, k) * math.comb(total - having, trials - k) for k in range(count, most + 1)) / ways
