"""The search: a screen of all hypotheses on a few rows, refinement of the promising ones, a test on all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.asof import round_lag
from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.hypotheses import KINDS, Hypothesis
from replay.diagnosis.causes.proposals import can_scale, common_values, is_scalar, propose, spliced, units
from replay.diagnosis.causes.quantities import best_id, zoom_constant, zoom_factor
from replay.diagnosis.causes.significance import Significance, alike, assess, judge
from replay.diagnosis.causes.staleness import lag_interval, refine_lag
from replay.diagnosis.causes.subset_search import Make, additive_start, improve, judge_all, trim
from replay.diagnosis.noise.affine_fit import fit_affine

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
OnProgress = Callable[[str, int], None]

_SCREEN_ROWS = 200
_LEAST_SCREEN_ROWS = 40
_SCREEN_SHARE = 0.4  # of the budget left, at most
_STARTS = 3
_ZOOMED = 24
_PER_KIND = 2
_MOST_TOUCHED = 2
_RESERVE = 0.3  # of the budget, for the test on all rows
_FINALISTS = 16
_REFINED_ROWS = 80  # of the screen's, for a first lag
_LAG_ROWS = 1000
_TURN = 32  # hypotheses that are screened at once


@dataclass
class Tried:
    """Every hypothesis that was replayed, with its best-founded verdict."""

    verdicts: dict[Hypothesis, Significance] = field(default_factory=dict)

    def add(self, verdicts: Sequence[Significance]) -> None:
        """Note verdicts; one on more rows replaces one on fewer."""
        for verdict in verdicts:
            before = self.verdicts.get(verdict.hypothesis)
            if before is None or len(verdict.rows) >= len(before.rows):
                self.verdicts[verdict.hypothesis] = verdict

    def __len__(self) -> int:
        return len(self.verdicts)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What explains some rows best.

    Attributes:
        verdict: On the rows that were searched.
        equivalent: Verdicts of hypotheses that these rows cannot tell from it.
    """

    verdict: Significance
    equivalent: tuple[Significance, ...]


class Search:
    """Looks for the hypothesis that explains most of some mismatched rows.

    Args:
        laboratory: Where hypotheses are replayed.
        on_progress: Called with what is being done and the rows scored so far.

    Attributes:
        tried: Every hypothesis so far.
    """

    def __init__(self, laboratory: CounterfactualReplay, on_progress: OnProgress | None = None) -> None:
        self.laboratory = laboratory
        self.tried = Tried()
        self._on_progress = on_progress

    def run(self, rows: Integers) -> Explanation | None:
        """Search once.

        Args:
            rows: ``(k,)`` mismatched rows that nothing explains yet.

        Returns:
            The best hypothesis that explains significantly more than chance; None where there is none.
        """
        laboratory = self.laboratory
        laboratory.reserved = int(_RESERVE * laboratory.left)
        sample = self._sample(rows)
        screened = self._screen(sample)
        self._report("refining")
        refined = [*self._refine(screened, sample), *self._affine(rows)]
        self.tried.add(refined)
        laboratory.reserved = 0
        self._report("testing")
        finalists = self._test(_shortlist(screened, refined), rows)
        return self._choose(finalists, rows)

    def test(self, hypotheses: Sequence[Hypothesis], rows: Integers) -> list[Significance]:
        """Judge hypotheses on rows, chance and all; without those that the budget does not reach."""
        return self._test(hypotheses, rows)

    def _report(self, what: str) -> None:
        if self._on_progress is not None:
            self._on_progress(what, self.laboratory.rows_scored)

    def _sample(self, rows: Integers) -> Integers:
        """A few of the rows, drawn once; fewer where the budget is small."""
        planned = sum(len(some) for some in propose(self.laboratory, rows[:_LEAST_SCREEN_ROWS]).values())
        affordable = int(_SCREEN_SHARE * self.laboratory.left) // max(planned, 1)
        size = min(len(rows), _SCREEN_ROWS, max(affordable, _LEAST_SCREEN_ROWS))
        return np.sort(np.random.default_rng(0).permutation(rows)[:size])

    def _screen(self, rows: Integers) -> dict[str, list[Significance]]:
        """Every proposal on a few rows; kinds take turns, so that a small budget starves none of them."""
        proposals = propose(self.laboratory, rows)
        limit = self.laboratory.rows_scored + int(_SCREEN_SHARE * self.laboratory.left)
        verdicts: dict[str, list[Significance]] = {kind: [] for kind in proposals}
        for some in _in_turns(proposals):
            if self.laboratory.rows_scored + len(some) * len(rows) > limit:
                break
            for verdict in judge_all(self.laboratory, some, rows):
                verdicts[verdict.hypothesis.kind].append(verdict)
            self._report("screening")
        for found in verdicts.values():
            self.tried.add(found)
            found.sort(key=_promise, reverse=True)
        return verdicts

    def _refine(self, screened: Mapping[str, list[Significance]], rows: Integers) -> list[Significance]:
        refiners: tuple[Callable[[Mapping[str, list[Significance]], Integers], Iterator[Significance | None]], ...] = (
            self._refine_nulls,
            self._refine_stale,
            self._refine_splices,
            self._refine_quantities,
            self._refine_ids,
        )
        return [verdict for refine in refiners for verdict in refine(screened, rows) if verdict is not None]

    def _refine_nulls(
        self, screened: Mapping[str, list[Significance]], rows: Integers
    ) -> Iterator[Significance | None]:
        lab, sets = self.laboratory, units(self.laboratory)
        make: Make = partial(lab.on, "null_features")
        singles = [(feature,) for feature in lab.features]
        starts = [verdict.hypothesis.touched for verdict in screened["null_features"][:_STARTS]]
        starts.extend([additive_start(lab, make, singles, rows), lab.features])
        for start in dict.fromkeys(starts):
            if start:
                yield improve(lab, make, start, sets, rows)

    def _refine_stale(
        self, screened: Mapping[str, list[Significance]], rows: Integers
    ) -> Iterator[Significance | None]:
        lab = self.laboratory
        sets = [unit for unit in units(lab) if set(lab.past_features).issuperset(unit)]
        for start in _distinct(screened["stale_features"])[:_STARTS]:
            best: Hypothesis | None = start.hypothesis
            for _ in range(2):
                if best is None or best.lag_us is None:
                    break
                refined = refine_lag(lab, best.touched, best.lag_us, rows[:_REFINED_ROWS]) or best
                make = _remade(lab, refined)
                grown = improve(lab, make, refined.touched, sets, rows)
                yield grown
                if grown is None or grown.hypothesis.touched == best.touched:
                    break
                best = grown.hypothesis

    def _refine_splices(
        self, screened: Mapping[str, list[Significance]], rows: Integers
    ) -> Iterator[Significance | None]:
        lab = self.laboratory
        modules = [(one,) for one in lab.prefixes]
        for checkpoint in [name for name in lab.checkpoints if name != lab.baseline] if screened["splice"] else ():
            make = partial(_splice_of, lab, checkpoint)
            best = next(one for one in screened["splice"] if one.hypothesis.splice[0][1] == checkpoint)
            starts = [_modules(best.hypothesis), additive_start(lab, make, modules, rows)]
            for start in dict.fromkeys(starts):
                if start:
                    yield improve(lab, make, start, modules, rows)

    def _refine_quantities(
        self, screened: Mapping[str, list[Significance]], rows: Integers
    ) -> Iterator[Significance | None]:
        lab = self.laboratory
        for kind, zoom in (("scale", zoom_factor), ("constant", zoom_constant)):
            names = dict.fromkeys(
                verdict.hypothesis.touched[0] for verdict in screened[kind] if len(verdict.hypothesis.touched) == 1
            )
            able = [name for name in names if can_scale(lab, name) and is_scalar(lab, name)]
            for name in able[:_ZOOMED]:
                yield zoom(lab, name, rows)
            for start in [verdict for verdict in screened[kind] if verdict.count][:1]:
                numbers = [(name,) for name in lab.features if can_scale(lab, name)]
                make = _remade(lab, start.hypothesis)
                yield improve(lab, make, start.hypothesis.touched, numbers, rows)

    def _refine_ids(self, screened: Mapping[str, list[Significance]], rows: Integers) -> Iterator[Significance | None]:
        lab = self.laboratory
        for name in lab.features if screened["constant"] else ():
            if is_scalar(lab, name) and not can_scale(lab, name):
                yield best_id(lab, name, rows)

    def _affine(self, rows: Integers) -> list[Significance]:
        """Affine changes that hold on the rows that they were not fitted on."""
        fits, tested = fit_affine(self.laboratory, rows)
        verdicts = [judge(self.laboratory, fit, tested, with_chance=True) for fit in fits]
        self.tried.add(verdicts)
        return [verdict for verdict in verdicts if verdict.is_significant(len(verdicts))]

    def _test(self, hypotheses: Sequence[Hypothesis], rows: Integers) -> list[Significance]:
        lab, verdicts = self.laboratory, []
        for hypothesis in hypotheses:
            scores = lab.predict([hypothesis], rows)[0]
            if lab.is_known(hypothesis, rows):
                verdicts.append(assess(lab, hypothesis, rows, scores, with_chance=True))
        self.tried.add(verdicts)
        return verdicts

    def _choose(self, verdicts: Sequence[Significance], rows: Integers) -> Explanation | None:
        """The simplest of those that explain most."""
        num_tried = len(self.tried)
        able = [one for one in verdicts if one.is_significant(num_tried) and not self._is_one_of_many(one)]
        if not able:
            return None
        leader = max(able, key=lambda one: (one.count, -_complexity(one)[0]))
        peers = [one for one in able if one is leader or alike(leader.explained, one.explained)]
        best = min(peers, key=lambda one: (*_complexity(one), -one.count))
        final = self._settle(best, rows)
        others = [one for one in peers if one.hypothesis != final.hypothesis and alike(final.explained, one.explained)]
        return Explanation(final, tuple(sorted(others, key=_complexity)))

    def _settle(self, best: Significance, rows: Integers) -> Significance:
        """The winner without what makes no difference, and its lag as round as the rows allow."""
        lab, hypothesis = self.laboratory, best.hypothesis
        if hypothesis.kind == "stale_features":
            best = self._rounder(best, rows)
            hypothesis = best.hypothesis
        if hypothesis.kind in ("null_features", "stale_features", "scale", "constant") and len(hypothesis.touched) > 1:
            less = trim(lab, _remade(lab, hypothesis), best, hypothesis.touched, rows)
            if less.hypothesis.num_names <= hypothesis.num_names and less is not best:
                tested = self._test([less.hypothesis], rows)
                return tested[0] if tested else best
        return best

    def _nearer(self, best: Significance, rows: Integers) -> Significance:
        """The lag again, from more rows than the screen had: of those of a mixture only a part tells it."""
        lab, hypothesis = self.laboratory, best.hypothesis
        drawn = np.sort(np.random.default_rng(1).permutation(rows)[:_LAG_ROWS])
        again = refine_lag(lab, hypothesis.touched, hypothesis.lag_us or 0, drawn)
        tested = [] if again is None else self._test([again], rows)
        return tested[0] if tested and tested[0].count > best.count else best

    def _rounder(self, best: Significance, rows: Integers) -> Significance:
        best = self._nearer(best, rows)
        above, up_to = lag_interval(self.laboratory, best)
        if above >= up_to:
            return best
        again = _remade(self.laboratory, best.hypothesis, lag_us=round_lag(above, up_to))(best.hypothesis.touched)
        tested = self._test([again], rows)
        return tested[0] if tested and tested[0].count >= best.count else best

    def _is_one_of_many(self, verdict: Significance) -> bool:
        """Whether the rows that one value of a feature leaves are explained by its other values.

        Then the feature held many values, as after a shuffle, of which this is only the most frequent one.
        """
        lab, hypothesis = self.laboratory, verdict.hypothesis
        names = [name for name in hypothesis.touched if is_scalar(lab, name)]
        if not names or len(hypothesis.touched) > _MOST_TOUCHED:
            return False
        left = verdict.rows[~verdict.explained][:_SCREEN_ROWS]
        if len(left) < 0.15 * len(verdict.rows):
            return False
        values = [(name, one) for name in names for one in common_values(lab, name) if one != hypothesis.value]
        others = [judge(lab, lab.on("constant", (name,), value=one), left, with_chance=True) for name, one in values]
        if not others:
            return False
        explained = float(np.logical_or.reduce([one.explained for one in others]).mean())
        # Where the tolerance is wide, one of many values fits almost any row.
        by_chance = 1.0 - float(np.prod([1.0 - one.chance for one in others]))
        return explained - by_chance > 0.2 * (1.0 - by_chance)


def _promise(verdict: Significance) -> tuple[int, float]:
    return verdict.promise


def _complexity(verdict: Significance) -> tuple[int, int]:
    hypothesis = verdict.hypothesis
    return KINDS.index(hypothesis.kind), hypothesis.num_names


def _in_turns(proposals: Mapping[str, list[Hypothesis]]) -> Iterator[list[Hypothesis]]:
    """Proposals, some from each kind at a time, as many as fill a few chunks."""
    turn: list[Hypothesis] = []
    for one_of_each in zip_longest(*proposals.values()):
        turn.extend(one for one in one_of_each if one is not None)
        if len(turn) >= _TURN:
            yield turn
            turn = []
    yield turn


def _distinct(verdicts: Sequence[Significance]) -> list[Significance]:
    """The first verdict of each set of features that comes nearest."""
    found: dict[tuple[str, ...], Significance] = {}
    for verdict in verdicts:
        found.setdefault(verdict.hypothesis.touched, verdict)
    return list(found.values())


def _remade(laboratory: CounterfactualReplay, like: Hypothesis, **changed: int) -> Make:
    """Makes the same hypothesis about other features."""
    given: dict[str, Any] = {
        "lag_us": like.lag_us,
        "value": like.value,
        "factor": like.factor,
        "function": like.function,
        **changed,
    }
    return lambda names: laboratory.on(like.kind, names, **given)


def _splice_of(laboratory: CounterfactualReplay, checkpoint: str, names: Sequence[str]) -> Hypothesis:
    """The modules of these names from another checkpoint, in one order whatever order they were found in."""
    return spliced(laboratory, {prefix: checkpoint for prefix in laboratory.prefixes if prefix in names})


def _modules(hypothesis: Hypothesis) -> tuple[str, ...]:
    return tuple(glob.removesuffix(".*") for glob, _ in hypothesis.splice[:-1])


def _shortlist(screened: Mapping[str, list[Significance]], refined: Sequence[Significance]) -> list[Hypothesis]:
    """What is worth all rows: whatever explained most, and the best of each kind."""
    every = [*(one for some in screened.values() for one in some), *refined]
    most = sorted(every, key=_promise, reverse=True)[:_FINALISTS]
    best = [verdict for some in screened.values() for verdict in some[:_PER_KIND]]
    fits = [verdict for verdict in refined if verdict.hypothesis.kind == "affine"]
    return list(dict.fromkeys(verdict.hypothesis for verdict in (*most, *fits, *best)))
