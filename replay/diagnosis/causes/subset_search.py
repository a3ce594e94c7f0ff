"""From a first guess to the right set: greedy forward, then backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.significance import Significance, explains_more, measure, unbounded

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Integers = NDArray[np.int64]
Make = Callable[[Sequence[str]], Hypothesis]

_MOST_STEPS = 12
_GAIN = 0.01  # less is noise of a small sample
_TAKES_PART = 0.35


def improve(
    counterfactual: CounterfactualReplay,
    make: Make,
    start: Sequence[str],
    units: Sequence[Sequence[str]],
    rows: Integers,
) -> Significance | None:
    """Add and drop units as long as more is explained, or, before anything is, as long as scores come nearer.

    Args:
        counterfactual: Replays them.
        make: From a set of names to a hypothesis.
        start: The first set.
        units: What is added or dropped at once.
        rows: ``(k,)`` mismatched rows.

    Returns:
        The best set's verdict; None where the budget does not reach.
    """
    found = measure(counterfactual, [make(start)], rows)
    if not found:
        return None
    best, names = found[0], frozenset(start)
    for _ in range(_MOST_STEPS):
        near = [names | set(unit) for unit in units] + [names - set(unit) for unit in units]
        sets = {make(sorted(one)): one for one in dict.fromkeys(near) if one and one != names}
        verdicts = measure(counterfactual, list(sets), rows)
        step = max(verdicts, key=lambda verdict: verdict.promise, default=best)
        if not _is_better(step, best):
            break
        best, names = step, sets[step.hypothesis]
    return best


def additive_start(
    counterfactual: CounterfactualReplay, make: Make, units: Sequence[Sequence[str]], rows: Integers
) -> tuple[str, ...]:
    """Units that together make up the change of score, if their effects simply add up: a least-squares fit.

    It needs no unit to explain anything by itself, where a greedy search would start in the dark.

    Returns:
        Names of the units that take part with about their whole effect; may be none.
    """
    verdicts = [(unit, make(unit)) for unit in units]
    scores = counterfactual.predict([hypothesis for _, hypothesis in verdicts], rows)
    if not len(scores):
        return ()
    base, online, *moved = unbounded(counterfactual.base_scores[rows], counterfactual.online[rows], *scores)
    effects = np.stack([one - base for one in moved], axis=1)
    effects[~np.isfinite(effects)] = 0.0
    change = online - base
    # Rows with a large change must not decide alone.
    weights = 1.0 / (np.abs(change) + np.median(np.abs(change)) + 1e-12)
    shares = np.linalg.lstsq(effects * weights[:, None], change * weights, rcond=1e-6)[0]
    chosen = {name for (unit, _), share in zip(verdicts, shares, strict=True) if share > _TAKES_PART for name in unit}
    return tuple(sorted(chosen))


def trim(
    counterfactual: CounterfactualReplay, make: Make, whole: Significance, names: Sequence[str], rows: Integers
) -> Significance:
    """Drop, one by one, what makes no difference to the rows that are explained.

    Args:
        counterfactual: Replays them.
        make: From a set of names to a hypothesis.
        whole: The verdict of all names on these rows.
        names: Features, or module prefixes.
        rows: ``(k,)`` mismatched rows.

    Returns:
        The verdict of what is left: without any of its names, significantly less is explained.
    """
    kept, best = list(names), whole
    for name in names:
        less = [one for one in kept if one != name]
        if not less:
            break
        found = measure(counterfactual, [make(less)], rows)
        if found and not explains_more(whole.explained, found[0].explained):
            kept, best = less, found[0]
    return best


def _is_better(step: Significance, best: Significance) -> bool:
    nearer = step.promise[0] >= best.promise[0] and step.gain > best.gain + _GAIN
    return nearer or explains_more(step.explained, best.explained)
