"""``stale_features``: older values were served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from replay.config import render_duration
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.counterfactual.entity_history import densest_lag, round_lag
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Mask, Test, Words, register
from replay.diagnosis.causes.significance import Significance
from replay.diagnosis.causes.subset_search import improve

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

LAGS_S = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 2700),
    *(3600 * hours for hours in (1, 1.5, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 120, 168, 240, 336, 720)),
)
_MICROSECOND = timedelta(microseconds=1)
_STARTS = 3
_ROWS = 80  # of the sample, for a first lag
_FINAL_ROWS = 1000
_OLDER = 40
_LEAST = 3
_HARDLY = 0.1


@register("stale_features", prior=50)
class StaleFeaturesKind(Kind):
    """A grid of lags for every unit; then the lag on which most rows agree."""

    excluded = "not another family stale"
    is_asked_for = True
    may_stand = True
    has_subsets = True
    replaces_values = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterator[Hypothesis]:
        """Lags that lead to the same history on the rows are tried once."""
        history = counterfactual.logged.history
        if history is None:
            return
        lags: list[int] = []
        seen: set[bytes] = set()
        for seconds in LAGS_S:
            lag = int(seconds * 1_000_000)
            indices = history.indices(rows, lag)
            if (indices >= 0).any() and indices.tobytes() not in seen:
                seen.add(indices.tobytes())
                lags.append(lag)
        for unit in _units(counterfactual):
            yield from (stale(counterfactual, unit, lag) for lag in lags)

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """By turns the lag, and the features that are that old."""
        best_of_features: dict[tuple[str, ...], Hypothesis] = {}
        for verdict in screened:
            best_of_features.setdefault(verdict.hypothesis.features, verdict.hypothesis)
        for start in list(best_of_features.values())[:_STARTS]:
            best = start
            for _ in range(2):
                better = refine_lag(counterfactual, best, sample[:_ROWS]) or best
                make = partial(counterfactual.moved, better)
                grown = improve(counterfactual, make, better.features, _units(counterfactual), sample)
                yield grown
                if grown is None or grown.hypothesis.features == best.features:
                    break
                best = grown.hypothesis

    def settle(
        self, counterfactual: CounterfactualReplay, best: Significance, rows: Integers, test: Test
    ) -> Significance:
        """The lag again, from more rows than the screen had: of those of a mixture a part tells it; then rounded."""
        drawn = np.sort(np.random.default_rng(1).permutation(rows)[:_FINAL_ROWS])
        again = refine_lag(counterfactual, best.hypothesis, drawn)
        nearer = None if again is None else test(again)
        if nearer is not None and nearer.count > best.count:
            best = nearer
        above, up_to = lag_interval(counterfactual, best)
        if above >= up_to:
            return best
        rounder = test(stale(counterfactual, best.hypothesis.features, round_lag(above, up_to)))
        return rounder if rounder is not None and rounder.count >= best.count else best

    def is_plausible(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> bool:
        """No lag that is longer than the log."""
        history = counterfactual.logged.history
        return history is None or _lag_us(hypothesis) <= history.longest_us

    def instead(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> str:
        """To nearly all rows a lag for which there is no value is only that there is none."""
        known = _is_known(counterfactual, hypothesis, rows)
        return "without history" if known.mean() < _HARDLY else super().instead(counterfactual, hypothesis, rows)

    def marks(
        self, counterfactual: CounterfactualReplay, one: Hypothesis, other: Hypothesis, rows: Integers
    ) -> Iterator[tuple[str, Mask]]:
        """Entities with a value so old, and without; for two lags, those whose value changed between them."""
        history = counterfactual.logged.history
        if history is None:
            return
        lag = _in_words(one)
        known = _is_known(counterfactual, one, rows)
        yield f"of entities with a value {lag} old", known
        yield f"of entities without a value {lag} old", ~known
        if other.kind == one.kind and _lag_us(one) < _lag_us(other):
            changed = history.indices(rows, _lag_us(one)) != history.indices(rows, _lag_us(other))
            yield f"of entities with a new value between {_in_words(other)} and {lag} before", changed

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """See :meth:`Kind.fields`."""
        return {"lag_seconds": hypothesis.get("lag").total_seconds()}

    def complete(self, counterfactual: CounterfactualReplay, cause: Cause, verdict: Significance) -> Cause:
        """The lags that explain the rows just as well."""
        low, high = lag_interval(counterfactual, verdict)
        return replace(cause, parameters={"lag_low_seconds": max(low, 0) / 1e6, "lag_high_seconds": high / 1e6})

    def describe(self, hypothesis: Hypothesis) -> str:
        """To the second: what the data tells is a range of lags."""
        return f"{hypothesis.names} stale by {_in_words(hypothesis)}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("{names} stale by {lag_seconds:s}", "as if {names} had been {lag_seconds:s} old")


def stale(counterfactual: CounterfactualReplay, features: Sequence[str], lag_us: int) -> Hypothesis:
    """The hypothesis that features were the entity's newest values that are at least so old."""
    return counterfactual.perturbed("stale_features", features, "stale", lag=lag_us * _MICROSECOND)


def refine_lag(counterfactual: CounterfactualReplay, near: Hypothesis, rows: Integers) -> Hypothesis | None:
    """The roundest lag on which most rows agree: each row that an older value explains gives an interval of lags.

    Args:
        counterfactual: Replays.
        near: The features, and a first guess from the grid of lags.
        rows: ``(k,)`` mismatched rows.

    Returns:
        The hypothesis; None where the history cannot tell.
    """
    history = counterfactual.logged.history
    if history is None:
        return None
    grid = [0, *(int(seconds * 1_000_000) for seconds in LAGS_S), 4 * int(LAGS_S[-1] * 1_000_000)]
    nearest = min(range(len(grid)), key=lambda index: abs(grid[index] - _lag_us(near)))
    shortest, longest = grid[max(nearest - 2, 0)], grid[min(nearest + 2, len(grid) - 1)]
    some, indices = history.between(rows, shortest + 1, longest, _OLDER)
    # A row without a value so old tells lags too: those longer than what is known of its entity.
    none = rows[history.indices(rows, longest) < 0]
    some, indices = np.concatenate([some, none]), np.concatenate([indices, np.full(len(none), -1)])
    if not len(some):
        return None
    scores = counterfactual.score_past(near, some, indices)
    hit = counterfactual.agree(scores, some) & (scores != counterfactual.base_scores[some])
    above, up_to, count = densest_lag(*history.lags(some[hit], indices[hit]))
    if count < _LEAST:
        return None
    return stale(counterfactual, near.features, round_lag(above, up_to))


def lag_interval(counterfactual: CounterfactualReplay, verdict: Significance) -> tuple[int, int]:
    """Lags that would explain the rows just as well: above the first number, up to the second, in microseconds."""
    history = counterfactual.logged.history
    if history is None:
        return (0, 0)
    rows = verdict.rows[verdict.explained]
    above, up_to, _ = densest_lag(*history.lags(rows, history.indices(rows, _lag_us(verdict.hypothesis))))
    return above, up_to


def _units(counterfactual: CounterfactualReplay) -> list[tuple[str, ...]]:
    """What may be stale together: units whose every feature has a history."""
    return [unit for unit in counterfactual.logged.units if set(counterfactual.logged.past_features).issuperset(unit)]


def _is_known(counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> Mask:
    """Rows whose entity has a value so old."""
    history = counterfactual.logged.history
    known: Mask = np.zeros(len(rows), np.bool_) if history is None else history.indices(rows, _lag_us(hypothesis)) >= 0
    return known


def _in_words(hypothesis: Hypothesis) -> str:
    return render_duration(timedelta(seconds=round(hypothesis.get("lag").total_seconds())))


def _lag_us(hypothesis: Hypothesis) -> int:
    lag: timedelta = hypothesis.get("lag")
    return lag // _MICROSECOND
