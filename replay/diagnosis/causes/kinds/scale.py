"""``scale``: a feature came in another unit, with another sign, or through a function too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.quantities import MOST_ROWS, zoom
from replay.diagnosis.causes.significance import Significance, measure
from replay.diagnosis.causes.subset_search import improve
from replay.metrics.fitted_number import rounded

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_FACTORS = (
    *(1000.0, 0.001, 100.0, 0.01, 60.0, 1 / 60, 3600.0, 1 / 3600, 24.0, 1 / 24),
    *(10.0, 0.1, -1.0, 2.0, 0.5, 1e6, 1e-6),
)
_FUNCTIONS = ("log1p", "expm1")
_GRID = np.log(np.logspace(-3, 3, 19))
_ZOOMED = 24
_FAR = 1000.0
_COMPARED = 200


@register("scale", prior=60)
class ScaleKind(Kind):
    """Changes of unit and sign, log1p and expm1, of units of features; then any factor on a feature."""

    excluded = "not a scaled feature"
    has_subsets = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterator[Hypothesis]:
        """See :meth:`Kind.propose`."""
        numbers = [tuple(filter(counterfactual.logged.is_quantity, unit)) for unit in counterfactual.logged.units]
        for unit in dict.fromkeys(unit for unit in numbers if unit):
            yield from (_scale(counterfactual, unit, factor) for factor in _FACTORS)
            for function in _FUNCTIONS:
                yield counterfactual.perturbed("scale", unit, "scale", is_fitted=True, function=function)

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Any factor on a feature, and other sets for the best factor."""
        single = dict.fromkeys(one.hypothesis.features[0] for one in screened if len(one.hypothesis.features) == 1)
        for feature in list(filter(counterfactual.logged.is_scalar, single))[:_ZOOMED]:
            yield _zoomed(counterfactual, feature, sample[:MOST_ROWS])
        numbers = [(name,) for name in filter(counterfactual.logged.is_quantity, counterfactual.logged.features)]
        for start in [verdict.hypothesis for verdict in screened if verdict.count][:1]:
            yield improve(counterfactual, partial(counterfactual.moved, start), start.features, numbers, sample)

    def refutes(self, counterfactual: CounterfactualReplay, verdict: Significance) -> bool:
        """Whether it is no unit at all: what says zero, or without end, is said by others where it is so."""
        hypothesis = verdict.hypothesis
        is_ours = hypothesis.kind == "scale"
        return is_ours and not self.is_plausible(counterfactual, hypothesis, verdict.rows[verdict.explained])

    def contradicts(self, one: Hypothesis, other: Hypothesis) -> bool:
        """A feature has one factor, and then it holds no constant and has no map: its values moved otherwise."""
        is_other = (other.kind, other.parameters) != (one.kind, one.parameters)
        is_value = is_other and other.kind in ("scale", "constant", "map")
        return is_value and not set(one.features).isdisjoint(other.features)

    def is_plausible(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> bool:
        """Not where a factor a thousand times further out gives the same scores: it only says zero, or without end."""
        factor = hypothesis.get("factor")
        if factor is None or 1.0 / _FAR < abs(factor) < _FAR:
            return True
        further = _scale(counterfactual, hypothesis.features, factor * (_FAR if abs(factor) > 1.0 else 1.0 / _FAR))
        return not counterfactual.same_scores(hypothesis, further, rows[:_COMPARED])

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        function, factor = hypothesis.get("function"), hypothesis.get("factor")
        return f"{function}({hypothesis.names})" if function else f"{hypothesis.names} multiplied by {factor:g}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        how = "put through {function}" if "function" in (cause.parameters or {}) else "multiplied by {factor}"
        return Words(f"{{names}} {how}", f"as if {{names}} had been {how}")


def _scale(counterfactual: CounterfactualReplay, features: Sequence[str], factor: float) -> Hypothesis:
    return counterfactual.perturbed("scale", features, "scale", is_fitted=True, factor=factor)


def _zoomed(counterfactual: CounterfactualReplay, feature: str, rows: Integers) -> Significance | None:
    """The factor on a feature that explains most; of several that do, that of the fewest digits, or of its inverse."""
    centre = zoom(counterfactual, lambda log: _scale(counterfactual, (feature,), float(np.exp(log))), _GRID, rows)
    if centre is None:
        return None
    factor = float(np.exp(centre))
    values = rounded(factor, 7)
    inverses = [1.0 / inverse for inverse in rounded(1.0 / factor, 4)]
    candidates = [_scale(counterfactual, (feature,), one) for one in (*values[:3], *inverses, *values[3:], factor)]
    return max(measure(counterfactual, candidates, rows), key=lambda verdict: verdict.count, default=None)
