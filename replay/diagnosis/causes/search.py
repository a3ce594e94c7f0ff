"""The search: a screen of all hypotheses on a few rows, refinement of the promising ones, a test on all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.description_length import description_length
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS, Kind
from replay.diagnosis.causes.significance import Significance, alike, explains_more, measure
from replay.diagnosis.causes.subset_search import trim

Integers = NDArray[np.int64]
OnProgress = Callable[[str, int], None]

_SCREEN_ROWS = 200
_LEAST_SCREEN_ROWS = 40
_SCREEN_SHARE = 0.4  # of the budget left, at most
_PER_KIND = 2
_RESERVE = 0.3  # of the budget, for the test on all rows
_FINALISTS = 16
_TURN = 32  # hypotheses that are screened at once


@dataclass(frozen=True, eq=False)
class Explanation:
    """What explains some rows best.

    Attributes:
        verdict: On the rows that were searched.
        equivalent: Hypotheses that these rows cannot tell from it, the simplest first.
    """

    verdict: Significance
    equivalent: tuple[Hypothesis, ...]


class Search:
    """Looks for the hypothesis that explains most of some mismatched rows.

    Args:
        counterfactual: Replays hypotheses.
        on_progress: Called with what is being done and the rows scored so far.
        kinds: Kinds of which hypotheses are proposed; None: all.

    Attributes:
        tried: Every hypothesis so far, each with its verdict on the most rows.
        withdrawn: Hypotheses that contradict each other, or say a part of what happened; none that contradicts one of
            them is chosen.
    """

    def __init__(
        self,
        counterfactual: CounterfactualReplay,
        on_progress: OnProgress | None = None,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        self.counterfactual = counterfactual
        self.tried: dict[Hypothesis, Significance] = {}
        self.withdrawn: list[Hypothesis] = []
        self._on_progress = on_progress
        self._kinds: Mapping[str, Kind] = KINDS if kinds is None else kinds

    def run(self, rows: Integers) -> Explanation | None:
        """Search once.

        Args:
            rows: ``(k,)`` mismatched rows that nothing explains yet.

        Returns:
            The best hypothesis that explains significantly more than chance; None where there is none.
        """
        counterfactual = self.counterfactual
        counterfactual.reserved = int(_RESERVE * counterfactual.left)
        sample = self._sample(rows)
        screened = self._screen(sample)
        self._report("refining")
        refined = self._refine(screened, sample, rows)
        counterfactual.reserved = 0
        self._report("testing")
        finalists = [self.test(hypothesis, rows) for hypothesis in _shortlist(screened, refined)]
        return self._choose([verdict for verdict in finalists if verdict is not None], rows)

    def test(self, hypothesis: Hypothesis, rows: Integers) -> Significance | None:
        """Replay a hypothesis on rows, chance and all; None where the budget does not reach."""
        verdicts = measure(self.counterfactual, [hypothesis], rows, with_chance=True)
        self._note(verdicts)
        return verdicts[0] if verdicts else None

    def _note(self, verdicts: Sequence[Significance]) -> None:
        """Remember verdicts; one on more rows replaces one on fewer."""
        for verdict in verdicts:
            before = self.tried.get(verdict.hypothesis)
            if before is None or len(verdict.rows) >= len(before.rows):
                self.tried[verdict.hypothesis] = verdict

    def _report(self, what: str) -> None:
        if self._on_progress is not None:
            self._on_progress(what, self.counterfactual.rows_scored)

    def _propose(self, rows: Integers) -> dict[str, list[Hypothesis]]:
        return {name: list(kind.propose(self.counterfactual, rows)) for name, kind in self._kinds.items()}

    def _sample(self, rows: Integers) -> Integers:
        """A few of the rows, drawn once; fewer where the budget is small."""
        planned = sum(len(some) for some in self._propose(rows[:_LEAST_SCREEN_ROWS]).values())
        affordable = int(_SCREEN_SHARE * self.counterfactual.left) // max(planned, 1)
        size = min(len(rows), _SCREEN_ROWS, max(affordable, _LEAST_SCREEN_ROWS))
        return np.sort(np.random.default_rng(0).permutation(rows)[:size])

    def _screen(self, rows: Integers) -> dict[str, list[Significance]]:
        """Every proposal on a few rows; kinds take turns, so that a small budget starves none of them."""
        counterfactual, proposals = self.counterfactual, self._propose(rows)
        limit = counterfactual.rows_scored + int(_SCREEN_SHARE * counterfactual.left)
        verdicts: dict[str, list[Significance]] = {kind: [] for kind in proposals}
        for some in _in_turns(proposals):
            if counterfactual.rows_scored + len(some) * len(rows) > limit:
                break
            for verdict in measure(counterfactual, some, rows):
                verdicts[verdict.hypothesis.kind].append(verdict)
            self._report("screening")
        for found in verdicts.values():
            self._note(found)
            found.sort(key=_promise, reverse=True)
        return verdicts

    def _refine(
        self, screened: Mapping[str, list[Significance]], sample: Integers, rows: Integers
    ) -> list[Significance]:
        refined: list[Significance] = []
        reserved = self.counterfactual.reserved
        for name, kind in self._kinds.items():
            self.counterfactual.reserved = reserved = int((1.0 - kind.of_reserve) * reserved)
            found = kind.refine(self.counterfactual, screened[name], sample, rows)
            refined += [verdict for verdict in found if verdict is not None]
        self._note(refined)
        return refined

    def _choose(self, verdicts: Sequence[Significance], rows: Integers) -> Explanation | None:
        """The one by which the rows are said in the fewest bits."""
        significant = [one for one in verdicts if one.is_significant(len(self.tried))]
        self.withdrawn += _parts(significant)
        able = [one for one in significant if not self._is_refuted(one)]
        if not able:
            return None
        by_length = sorted(able, key=self._length)
        settled = self._settle(by_length[0], rows)
        # What is left of it must be more than chance too, which explains more rows the fewer names it has.
        best = settled if settled.is_significant(len(self.tried)) else by_length[0]
        others = [one for one in by_length if one.hypothesis != best.hypothesis]
        equivalent = tuple(one.hypothesis for one in others if alike(best.explained, one.explained))
        return Explanation(best, equivalent)

    def _settle(self, best: Significance, rows: Integers) -> Significance:
        """The winner without what makes no difference, and its numbers as round as the rows allow."""
        counterfactual, kind = self.counterfactual, KINDS[best.hypothesis.kind]
        best = kind.settle(counterfactual, best, rows, lambda hypothesis: self.test(hypothesis, rows))
        hypothesis = best.hypothesis
        if kind.has_subsets and len(hypothesis.features) > 1:
            less = trim(
                counterfactual,
                lambda features: counterfactual.moved(hypothesis, features),
                best,
                hypothesis.features,
                rows,
            )
            if less.hypothesis.num_names <= hypothesis.num_names and less is not best:
                return self.test(less.hypothesis, rows) or best
        return best

    def _is_refuted(self, verdict: Significance) -> bool:
        if KINDS[verdict.hypothesis.kind].is_part(verdict):
            return True
        if any(contradict(verdict.hypothesis, other) for other in self.withdrawn):
            return True
        return any(kind.refutes(self.counterfactual, verdict) for kind in KINDS.values())

    def _length(self, verdict: Significance) -> tuple[float, int, int]:
        """Of two that are as long, the one that explains more rows, then the one that touches fewer features."""
        return description_length(self.counterfactual, verdict), -verdict.count, len(verdict.hypothesis.features)


def contradict(one: Hypothesis, other: Hypothesis) -> bool:
    """Whether two hypotheses cannot both be causes."""
    return KINDS[one.kind].contradicts(one, other) or KINDS[other.kind].contradicts(other, one)


def _parts(verdicts: Sequence[Significance]) -> list[Hypothesis]:
    """Hypotheses that say a part of what happened, unless one that contradicts them explains as many rows."""
    parts = [one for one in verdicts if KINDS[one.hypothesis.kind].is_part(one)]
    return [
        one.hypothesis
        for one in parts
        if all(
            explains_more(one.explained, other.explained)
            for other in verdicts
            if contradict(one.hypothesis, other.hypothesis)
        )
    ]


def _promise(verdict: Significance) -> tuple[int, float]:
    return verdict.promise


def _in_turns(proposals: Mapping[str, list[Hypothesis]]) -> Iterator[list[Hypothesis]]:
    """Proposals, some from each kind at a time, as many as fill a few chunks."""
    turn: list[Hypothesis] = []
    for one_of_each in zip_longest(*proposals.values()):
        turn.extend(one for one in one_of_each if one is not None)
        if len(turn) >= _TURN:
            yield turn
            turn = []
    yield turn


def _shortlist(screened: Mapping[str, list[Significance]], refined: Sequence[Significance]) -> list[Hypothesis]:
    """What is worth all rows: whatever explained most, the best of each kind, and fits that held on other rows."""
    held = [verdict for verdict in refined if verdict.has_chance and verdict.is_significant(1)]
    every = [*(one for some in screened.values() for one in some), *(one for one in refined if not one.has_chance)]
    most = sorted([*every, *held], key=_promise, reverse=True)[:_FINALISTS]
    best = [verdict for some in screened.values() for verdict in some[:_PER_KIND]]
    return list(dict.fromkeys(verdict.hypothesis for verdict in (*most, *held, *best)))
