"""``map``: each value of a feature was served as another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from replay.config.sections.scenarios import Perturbation
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.maps.forms import forms
from replay.diagnosis.causes.maps.observed import observe, spread
from replay.diagnosis.causes.maps.values import served_values
from replay.diagnosis.causes.quantities import MOST_ROWS, zoom
from replay.diagnosis.causes.significance import Significance, measure
from replay.metrics.fitted_number import rounded

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_PROBED = 40  # rows that say whether a feature has a part in it
_LEAST_HITS = 0.15
_MOST_FEATURES = 3
_EACH = 6  # rows that a logged value is learnt from
_MOST_LEARNT = 40_000  # rows that are scored to learn one map
_TESTED = 400
_ZOOMED = 3
_STEPS = np.linspace(-3.0, 3.0, 25)
_SHOWN = 6
_WITHIN = 0.5
_LEAST_OF_A_TABLE = 0.5  # of the rows that no other cause explains: a table is what most values became


@register("map", prior=85)
class MapKind(Kind):
    """What each logged value became: a shift, a remainder or a table, learnt on half of the rows, tested on others."""

    excluded = "not other values of a feature"
    of_reserve = 0.4

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterator[Hypothesis]:
        """Half a spread more and less of each number: what any amount is like."""
        for feature, width in _spreads(counterfactual).items():
            for part in (-0.5, 0.5):
                yield _shift(counterfactual, feature, by=float(f"{part * width:.2g}"))

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Any amount added to a number; then what rows say that values became."""
        spreads = _spreads(counterfactual)
        for feature in list(dict.fromkeys(one.hypothesis.features[0] for one in screened))[:_ZOOMED]:
            yield _zoomed(counterfactual, feature, spreads[feature], sample[:MOST_ROWS])
        order = np.random.default_rng(2).permutation(rows)
        learnt, tested = order[::2], np.sort(order[1::2][:_TESTED])
        for hypothesis in _learn(counterfactual, sample[:_PROBED], learnt):
            yield from measure(counterfactual, [hypothesis], tested, with_chance=True)

    def is_part(self, verdict: Significance) -> bool:
        """A table that says only what became of the few: what the others became is what happened."""
        return verdict.hypothesis.get("values") is not None and verdict.held_out.rate < _LEAST_OF_A_TABLE

    def contradicts(self, one: Hypothesis, other: Hypothesis) -> bool:
        """A feature has one map, and one that holds a constant has none."""
        return other.kind in ("map", "constant") and one != other and not set(one.features).isdisjoint(other.features)

    def is_plausible(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> bool:
        """No amount that takes most rows beyond all that was logged."""
        by = hypothesis.get("by")
        if by is None or hypothesis.get("modulo") is not None:
            return True
        logged = counterfactual.logged.column(hypothesis.features[0]).cast(pa.float64(), safe=False)
        numbers = logged.to_numpy(zero_copy_only=False)
        served = numbers[rows] + by
        return bool(np.mean((served >= np.nanmin(numbers)) & (served <= np.nanmax(numbers))) >= _WITHIN)

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """See :meth:`Kind.fields`; a table as text."""
        parameters = dict(hypothesis.parameters)
        table = parameters.get("values")
        return {"parameters": parameters if table is None else {"values": _in_words(table)}}

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        table = hypothesis.get("values")
        if table is not None:
            return f"{hypothesis.names} recoded: {_in_words(table)}"
        by, modulo = hypothesis.get("by"), hypothesis.get("modulo")
        return f"{hypothesis.names} {_shifted(by, modulo, hypothesis.get('start'), '{:g}'.format)}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        known = cause.parameters or {}
        if "values" in known:
            return Words("{names} recoded: {values}", "as if values of {names} had been others ({values})")
        by, modulo, start = ("{" + name + "}" if name in known else None for name in ("by", "modulo", "start"))
        how = _shifted(by, modulo, start, str)
        return Words(f"{{names}} {how}", f"as if {{names}} had been {how}")


def _shifted(by: Any, modulo: Any, start: Any, write: Callable[[Any], str]) -> str:
    """What was done, in words."""
    amount = "" if by is None else f"shifted by {write(by)}"
    within = "" if modulo is None else f"taken modulo {write(modulo)}" if by is None else f"modulo {write(modulo)}"
    begin = "" if start is None else f"from {write(start)} up"
    return ", ".join(filter(None, (amount, within))) + (f" {begin}" if begin else "")


def _in_words(table: Sequence[tuple[Any, Any]]) -> str:
    shown = [f"{value} as {'null' if served is None else served}" for value, served in table[:_SHOWN]]
    more = len(table) - _SHOWN
    return ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _shift(counterfactual: CounterfactualReplay, feature: str, **arguments: float) -> Hypothesis:
    return counterfactual.perturbed("map", (feature,), "shift", is_fitted=True, **arguments)


def _recode(counterfactual: CounterfactualReplay, feature: str, table: Mapping[Any, Any]) -> Hypothesis:
    made = counterfactual.hypothesis("map", (feature,), is_fitted=True, values=tuple(table.items()))
    named = {"families": made.families, "features": made.other_features}
    step = Perturbation.model_validate({"op": "remap", "values": dict(table), **named})
    return replace(made, perturbations=(step,))


def _spreads(counterfactual: CounterfactualReplay) -> dict[str, float]:
    """How far numbers lie apart, by feature: those that hold several."""
    spreads = {}
    for feature in filter(
        counterfactual.logged.is_scalar, filter(counterfactual.logged.is_quantity, counterfactual.logged.features)
    ):
        numbers = counterfactual.logged.column(feature).drop_null().cast(pa.float64(), safe=False)
        values = numbers.to_numpy(zero_copy_only=False)
        values = values[np.isfinite(values)]
        width = float(np.subtract(*np.quantile(values, [0.95, 0.05]))) if len(values) else 0.0
        if width > 0.0:
            spreads[feature] = width
    return spreads


def _zoomed(counterfactual: CounterfactualReplay, feature: str, width: float, rows: Integers) -> Significance | None:
    """The amount that explains most; of several that do, that of the fewest digits."""
    centre = zoom(counterfactual, lambda by: _shift(counterfactual, feature, by=by), _STEPS * width, rows)
    if centre is None:
        return None
    candidates = [_shift(counterfactual, feature, by=by) for by in (*rounded(centre, 7), centre) if by]
    return max(measure(counterfactual, candidates, rows), key=lambda verdict: verdict.count, default=None)


def _learn(counterfactual: CounterfactualReplay, probed: Integers, rows: Integers) -> Iterator[Hypothesis]:
    """Maps of the features that may have been others in most rows, as far as a part of the budget reaches."""
    found = []
    for feature in counterfactual.logged.features:
        values = served_values(counterfactual, feature)
        if values and len(values) * len(probed) <= counterfactual.left:
            hint = observe(counterfactual, feature, values, probed)
            found.append((hint.hit_rate, feature, values))
    found.sort(key=lambda one: -one[0])
    for hit_rate, feature, values in found[:_MOST_FEATURES]:
        few = spread(counterfactual, feature, rows, _MOST_LEARNT // len(values), _EACH)
        if hit_rate < _LEAST_HITS or len(values) * len(few) > counterfactual.left:
            continue
        for form in forms(observe(counterfactual, feature, values, few)):
            made = (
                _recode(counterfactual, feature, form.arguments["values"])
                if form.op == "remap"
                else _shift(counterfactual, feature, **form.arguments)
            )
            yield replace(made, learnt_from=tuple(few.tolist()))
