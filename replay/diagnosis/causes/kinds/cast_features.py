"""``cast_features``: values went through a smaller type, or lost digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.significance import Significance, measure
from replay.diagnosis.causes.subset_search import additive_start, improve
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.lists import take_apart
from replay.scenarios.forms import to_working

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
    from replay.scenarios.ops.cast import Cast

Arguments = tuple[tuple[str, Any], ...]
Outcomes = dict[str, dict[Arguments, int]]

_WHOLE: Final[tuple[dict[str, str], ...]] = ({"rounding": "toward_zero"}, {}, {"rounding": "down"})
_NARROW: Final = ("int32", "int16", "int8", "uint32", "uint16", "uint8")
_TRIED: Final[tuple[dict[str, Any], ...]] = (
    *({"dtype": "int64", **how} for how in _WHOLE),
    *({"dtype": dtype} for dtype in ("float32", "float16", "bfloat16")),
    *({"decimals": places} for places in (1, 2, 3, 4)),
    *({"decimals": places, "rounding": "toward_zero"} for places in (1, 2, 3)),
    *({"dtype": dtype, **how} for dtype in _NARROW for how in _WHOLE[:2]),
    *({"dtype": dtype, **how, "overflow": "wrap"} for dtype in _NARROW for how in _WHOLE[:1]),
)
_CASTS: Final[tuple[Arguments, ...]] = tuple(tuple(one.items()) for one in _TRIED)
"""The commonest first: of two that make the same of all rows, the first one is tried."""
_PROBED = 40
_KEPT = 3
_GOOD = 40
_LEAST_EFFECT = 0.1
_HOW: Final = {"nearest": "rounded", "toward_zero": "cut off", "down": "rounded down"}


@register("cast_features", prior=75)
class CastFeaturesKind(Kind):
    """Numbers made integers, through smaller types or with fewer decimal places; alone and by unit."""

    excluded = "not a cast of a feature"
    has_subsets = True

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Whatever changes values, on a few rows; then the best on more, and of other features."""
        outcomes = _outcomes(counterfactual, sample)
        probed = sample[:: max(len(sample) // _PROBED, 1)][:_PROBED]
        casts = _large_enough(counterfactual, outcomes, probed)
        proposals = _proposals(counterfactual, outcomes, casts)
        hints = measure(counterfactual, [*proposals, *_sets(counterfactual, proposals, probed)], probed)
        best = [sorted(hints, key=key, reverse=True)[:_KEPT] for key in (_promise, _gain)]
        kept = dict.fromkeys(hint.hypothesis for some in best for hint in some if hint.count or hint.gain > 0.0)
        found = measure(counterfactual, list(kept), sample)
        found.sort(key=lambda verdict: verdict.promise, reverse=True)
        yield from found
        for start in [verdict.hypothesis for verdict in found if verdict.count][:1]:
            units = [(name,) for name, casts in outcomes.items() if start.parameters in casts]
            yield improve(counterfactual, partial(counterfactual.moved, start), start.features, units, sample)

    def contradicts(self, one: Hypothesis, other: Hypothesis) -> bool:
        """A feature goes through one type: where some rows are rounded down and others up, it is noise."""
        is_same = other.kind == one.kind and other.parameters != one.parameters
        return is_same and not set(one.features).isdisjoint(other.features)

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return f"{hypothesis.names} {_in_words(dict(hypothesis.parameters))}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        how = _in_words(cause.parameters or {})
        return Words(f"{{names}} {how}", f"as if {{names}} had been {how}")


def _promise(hint: Significance) -> tuple[int, float]:
    return hint.promise


def _gain(hint: Significance) -> float:
    """Of rows that are hardly off many agree under anything."""
    return hint.gain


def _in_words(arguments: Mapping[str, Any]) -> str:
    how = _HOW[str(arguments.get("rounding", "nearest"))]
    places, dtype = arguments.get("decimals"), str(arguments.get("dtype", "a smaller type"))
    if places is not None:
        return f"{how} to {places:.0f} decimal place{'' if places == 1 else 's'}"
    wraps = arguments.get("overflow") == "wrap"
    if dtype == "int64":
        return f"{how} to integers"
    return f"wrapped around in {dtype}" if wraps else f"cast to {dtype}"


@cache
def _ops() -> dict[Arguments, Cast]:
    from replay.scenarios.ops.cast import Cast

    return {arguments: Cast(**dict(arguments)) for arguments in _CASTS}


def _outcomes(counterfactual: CounterfactualReplay, rows: Integers) -> Outcomes:
    """Casts that change some of the rows, by feature, each with the number of the first that makes the same of them.

    Good rows tell casts apart too: ids from 256 on are the same through int8 and through uint8, those below are not.
    """
    found: Outcomes = {}
    rows = np.concatenate((rows, counterfactual.good[:_GOOD]))
    for feature in counterfactual.logged.features:
        numbers = _numbers(counterfactual, feature, rows)
        if numbers is None:
            continue
        seen = [numbers]
        for arguments, op in _ops().items():
            made = op.of(numbers)
            place = next((place for place, one in enumerate(seen) if one.equals(made)), len(seen))
            if place == len(seen):
                seen.append(made)
            if place:
                found.setdefault(feature, {})[arguments] = place
    return found


def _numbers(counterfactual: CounterfactualReplay, feature: str, rows: Integers) -> pa.Array | None:
    """Values of a feature, or the elements of its lists; None where they are no numbers of several values."""
    values = to_working(counterfactual.logged.column(feature).take(pa.array(rows)))
    flat = take_apart(values).elements() if pa.types.is_large_list(values.type) else values
    if pa.types.is_boolean(flat.type) or not (flat.type in NUMPY_TYPES or pa.types.is_decimal(flat.type)):
        return None
    return flat


def _large_enough(counterfactual: CounterfactualReplay, outcomes: Outcomes, rows: Integers) -> list[Arguments]:
    """Casts that move scores about as far as they are off, where they meet every feature that they change."""
    every = {
        arguments: [name for name, casts in outcomes.items() if arguments in casts]
        for arguments in _CASTS
        if any(arguments in casts for casts in outcomes.values())
    }
    made = [_cast(counterfactual, names, arguments) for arguments, names in every.items()]
    if not made:
        return []
    scores, base = counterfactual.predict(made, rows), counterfactual.base_scores[rows]
    off = np.median(np.abs(counterfactual.online[rows] - base))
    effects = np.median(np.abs(scores - base), axis=1)
    able = [one for one, effect in zip(made, effects, strict=True) if not effect < _LEAST_EFFECT * off]
    # What leaves good rows alone says more than what would have changed them as well.
    good = counterfactual.good[:_GOOD]
    changed = counterfactual.predict(able, good) != counterfactual.base_scores[good] if able and len(good) else None
    counts = np.zeros(len(able)) if changed is None else changed.sum(axis=1)
    return [able[place].parameters for place in np.argsort(counts, kind="stable")]


def _cast(counterfactual: CounterfactualReplay, features: Sequence[str], arguments: Arguments) -> Hypothesis:
    return counterfactual.perturbed("cast_features", features, "cast", **dict(arguments))


def _proposals(
    counterfactual: CounterfactualReplay, outcomes: Outcomes, casts: Sequence[Arguments]
) -> list[Hypothesis]:
    """Every cast of every unit, of those that make the same of all rows the first."""
    made: dict[tuple[tuple[str, int], ...], Hypothesis] = {}
    for arguments in casts:
        for unit in counterfactual.logged.units:
            places = {name: outcomes[name][arguments] for name in unit if arguments in outcomes.get(name, {})}
            if places and tuple(places.items()) not in made:
                made[tuple(places.items())] = _cast(counterfactual, tuple(places), arguments)
    return list(made.values())


def _sets(
    counterfactual: CounterfactualReplay, proposals: Sequence[Hypothesis], rows: Integers
) -> Iterator[Hypothesis]:
    """For each cast of single features those that together make up the change of score."""
    singles: dict[Arguments, list[Hypothesis]] = {}
    for proposal in proposals:
        if len(proposal.features) == 1:
            singles.setdefault(proposal.parameters, []).append(proposal)
    for some in singles.values():
        make = partial(counterfactual.moved, some[0])
        names = additive_start(counterfactual, make, [one.features for one in some], rows)
        if len(names) > 1:
            yield make(names)
