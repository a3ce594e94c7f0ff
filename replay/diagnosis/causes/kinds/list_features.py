"""``list_features``: lists came in another order, of another length, or padded on the other side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.significance import Significance, measure
from replay.diagnosis.causes.subset_search import improve
from replay.features.lists import take_apart

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_PROBED = 40  # rows that say which lengths are worth more
_MOST_LENGTHS = 256  # each is tried; of longer lists the usual ones
_USUAL: Final = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 25, 30, 32, 40, 48, 50, 60, 64, 75, 80, 90),
    *(100, 120, 128, 150, 200, 250, 256, 300, 400, 500, 512, 1000, 1024),
)
_LEAST_LONGER = 20
_AS_OFTEN = 0.3
_IN_WORDS: Final = {
    "reverse": "in reverse order",
    "first": "cut to the first {first}",
    "last": "cut to the last {last}",
    "skip_first": "without the first element",
    "skip_last": "without the last element",
    "pad_side": "padded on the {pad_side}",
}


@register("list_features", prior=55)
class ListFeaturesKind(Kind):
    """Lists reversed, without an element at an end, padded on the other side; then cut to another length."""

    excluded = "not lists in another order or of another length"
    has_subsets = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterator[Hypothesis]:
        """What has no number, for every list and those of a unit together."""
        for unit in _units(counterfactual):
            yield _rearranged(counterfactual, unit, reverse=True)
            yield _rearranged(counterfactual, unit, skip_first=1)
            yield _rearranged(counterfactual, unit, skip_last=1)
            sides = {counterfactual.logged.inputs[feature].pad_side or "right" for feature in unit}
            if len(sides) == 1:
                yield _rearranged(counterfactual, unit, pad_side="left" if sides == {"right"} else "right")

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """The length on which most rows agree, of either end; then other sets of lists for the best change."""
        lists = [unit for unit in _units(counterfactual) if len(unit) == 1]
        found = list(screened[:1])
        for unit in _units(counterfactual):
            found += _cut(counterfactual, unit, sample)
        found.sort(key=lambda verdict: verdict.promise, reverse=True)
        yield from found
        for start in [verdict.hypothesis for verdict in found if verdict.count][:1]:
            yield improve(counterfactual, partial(counterfactual.moved, start), start.features, lists, sample)

    def refutes(self, counterfactual: CounterfactualReplay, verdict: Significance) -> bool:
        """Whether it explains short lists alone: of two elements, any order is one or the other."""
        hypothesis = verdict.hypothesis
        if hypothesis.kind != "list_features":
            return False
        lengths = np.max([_lengths_of(counterfactual, name)[verdict.rows] for name in hypothesis.features], axis=0)
        longer = lengths > np.median(lengths)
        if longer.sum() < _LEAST_LONGER:
            return False
        return bool(verdict.explained[longer].mean() < _AS_OFTEN * verdict.explained[~longer].mean())

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """See :meth:`Kind.fields`; text and numbers alone."""
        return {"parameters": {name: _plain(value) for name, value in hypothesis.parameters}}

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        ((name, value),) = hypothesis.parameters
        return f"{hypothesis.names} {_IN_WORDS[name].format(**{name: value})}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        known = cause.parameters or {}
        how = next((words for name, words in _IN_WORDS.items() if name in known), "in another form")
        return Words(f"{{names}} {how}", f"as if {{names}} had been {how}")


def _rearranged(counterfactual: CounterfactualReplay, features: Sequence[str], **change: Any) -> Hypothesis:
    return counterfactual.perturbed("list_features", features, "rearrange", **change)


def _plain(value: Any) -> str | float:
    return "yes" if value is True else value


def _units(counterfactual: CounterfactualReplay) -> list[tuple[str, ...]]:
    """Lists that the same thing may have happened to: those of each unit, and each alone."""
    lists = [
        tuple(name for name in unit if not counterfactual.logged.is_scalar(name))
        for unit in counterfactual.logged.units
    ]
    return list(dict.fromkeys(unit for unit in lists if unit))


def _cut(counterfactual: CounterfactualReplay, unit: tuple[str, ...], sample: Integers) -> Iterator[Significance]:
    """The first and the last so many elements, as many as explain most."""
    probed = sample[:: max(len(sample) // _PROBED, 1)][:_PROBED]
    for end in ("first", "last"):
        tried = [_length(counterfactual, unit, end, width) for width in _lengths(counterfactual, unit)]
        hints = measure(counterfactual, tried, probed)
        best = max(hints, key=lambda verdict: verdict.promise, default=None)
        if best is not None and (best.count or best.gain > 0.0):
            yield from measure(counterfactual, [best.hypothesis], sample)


def _length(counterfactual: CounterfactualReplay, unit: tuple[str, ...], end: str, width: int) -> Hypothesis:
    return counterfactual.perturbed("list_features", unit, "rearrange", is_fitted=True, **{end: width})


def _lengths(counterfactual: CounterfactualReplay, unit: tuple[str, ...]) -> list[int]:
    """Lengths below that of the longest list that lists may have been cut to."""
    longest = max(int(_lengths_of(counterfactual, name).max(initial=0)) for name in unit)
    if longest <= _MOST_LENGTHS:
        return list(range(1, longest))
    known = [counterfactual.logged.inputs[name].length or 1 for name in unit]
    near = (width + step for width in known for step in (-1, 0, 1))
    return [int(width) for width in np.unique([*_USUAL, *near]) if 0 < width < longest]


def _lengths_of(counterfactual: CounterfactualReplay, feature: str) -> Integers:
    """Logged elements of every row, ``(num_rows,)``."""
    return take_apart(counterfactual.logged.column(feature)).lengths
