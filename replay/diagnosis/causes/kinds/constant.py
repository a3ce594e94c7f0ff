"""``constant``: a feature held one value on every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.maps.values import Value, as_values, value_by_row
from replay.diagnosis.causes.quantities import MOST_ROWS, zoom
from replay.diagnosis.causes.significance import Significance, fisher_tail, measure
from replay.diagnosis.causes.subset_search import improve
from replay.features.codecs.defaults import missing_for
from replay.features.codecs.numeric import is_list
from replay.metrics.fitted_number import rounded

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_DEFAULTS = (0.0, 1.0, -1.0)
_FREQUENT = 5
_COMMON = 0.02
_QUANTILES = 15
_ZOOMED = 24
_MOST_IDS = 500
_ID_ROWS = 40
_MOST_FEATURES = 2  # of a hypothesis that other values may refute
_MOST_ROWS = 200
_ONE_VALUE = 0.9
_NOT_BY_CHANCE = 1e-6


@register("constant", prior=70)
class ConstantKind(Kind):
    """Defaults, frequent values, middle and ends; then any number, and every value of an id."""

    excluded = "not a fixed value"
    has_subsets = True
    reads_values = False
    replaces_values = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterator[Hypothesis]:
        """Defaults for units of several features, and what a broken feature is likely to hold for single ones."""
        for unit in counterfactual.logged.units:
            if len(unit) > 1 and all(map(counterfactual.logged.is_quantity, unit)):
                yield from (constant(counterfactual, unit, value) for value in _DEFAULTS)
        for feature in counterfactual.logged.features:
            yield from (
                constant(counterfactual, (feature,), value) for value in typical_values(counterfactual, feature)
            )

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Any number for a feature, other sets for the best value, and every value of an id."""
        numbers = list(filter(counterfactual.logged.is_quantity, counterfactual.logged.features))
        single = dict.fromkeys(one.hypothesis.features[0] for one in screened if len(one.hypothesis.features) == 1)
        scalars = [name for name in single if name in numbers and counterfactual.logged.is_scalar(name)]
        for feature in scalars[:_ZOOMED]:
            yield _zoomed(counterfactual, feature, sample[:MOST_ROWS])
        for start in [verdict.hypothesis for verdict in screened if verdict.count][:1]:
            make = partial(counterfactual.moved, start)
            yield improve(counterfactual, make, start.features, [(name,) for name in numbers], sample)
        for feature in counterfactual.logged.features if screened else ():
            if counterfactual.logged.is_scalar(feature) and feature not in numbers:
                yield _best_id(counterfactual, feature, sample[:_ID_ROWS])

    def refutes(self, counterfactual: CounterfactualReplay, verdict: Significance) -> bool:
        """Whether the rows that one value of a feature leaves are explained by its other values.

        Then the feature held many values, as after a shuffle, of which this is only the most frequent one. Or whether
        one of this kind says what became of a single logged value, and rows beside it kept theirs.
        """
        hypothesis = verdict.hypothesis
        if hypothesis.kind == "constant" and _is_of_one_value(counterfactual, verdict):
            return True
        names = list(filter(counterfactual.logged.is_scalar, hypothesis.features))
        left = _contested(counterfactual, verdict)[:_MOST_ROWS]
        if not names or len(hypothesis.features) > _MOST_FEATURES or len(left) < 0.15 * len(verdict.rows):
            return False
        values = [(name, one) for name in names for one in _common_values(counterfactual, name)]
        tried = [constant(counterfactual, (name,), one) for name, one in values if one != hypothesis.get("value")]
        others = measure(counterfactual, tried, left, with_chance=True)
        if not others:
            return False
        explained = float(np.logical_or.reduce([one.explained for one in others]).mean())
        # Where the tolerance is wide, one of many values fits almost any row.
        by_chance = 1.0 - float(np.prod([1.0 - one.chance for one in others]))
        return explained - by_chance > 0.2 * (1.0 - by_chance)

    def contradicts(self, one: Hypothesis, other: Hypothesis) -> bool:
        """Several values of one feature are no constant: it held many, and these are the frequent ones."""
        is_same = other.kind == one.kind and other.get("value") != one.get("value")
        return is_same and not set(one.features).isdisjoint(other.features)

    def is_plausible(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> bool:
        """Zero, what a null becomes, and what is logged; of numbers all within their range."""
        value = hypothesis.get("value")
        return all(_is_usual(counterfactual, feature, value) for feature in hypothesis.features)

    def instead(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> str:
        """See :meth:`Kind.instead`."""
        value = hypothesis.get("value")
        return "zero" if value == 0 else f"fixed at {value}"

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return f"{hypothesis.names} = {hypothesis.get('value')}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("{names} fixed at {value}", "as if {names} had always been {value}")


def constant(counterfactual: CounterfactualReplay, features: Sequence[str], value: Value) -> Hypothesis:
    """The hypothesis that features held one value."""
    return counterfactual.perturbed("constant", features, "constant", is_fitted=True, value=value)


def typical_values(counterfactual: CounterfactualReplay, feature: str) -> list[Value]:
    """Values that a broken feature is likely to hold: defaults, the most frequent, the middle and the ends.

    An id is kept to the values that were logged: beyond them its table may have no row.
    """
    is_quantity = counterfactual.logged.is_quantity(feature)
    if not counterfactual.logged.is_scalar(feature):
        return [0.0, 1.0] if is_quantity else []
    # A row whose feature held the very value is no mismatch: what is usual shows in the control rows.
    usual = counterfactual.good if len(counterfactual.good) else counterfactual.bad
    present = counterfactual.logged.column(feature).take(pa.array(usual)).drop_null()
    if not len(present) or pa.types.is_null(present.type):
        return []
    counts = pc.value_counts(present)
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:_FREQUENT]
    frequent = as_values(counts.field("values").take(pa.array(order)))
    if not is_quantity:
        return list(dict.fromkeys(frequent))
    numbers = present.cast(pa.float64()).to_numpy(zero_copy_only=False)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return list(_DEFAULTS)
    middle = float(np.sort(numbers)[len(numbers) // 2])
    return list(dict.fromkeys([*_DEFAULTS, middle, *frequent, float(numbers.min()), float(numbers.max())]))


def _is_usual(counterfactual: CounterfactualReplay, feature: str, value: Value) -> bool:
    """Whether a broken feature may well hold a value: zero, what a null becomes, or what was logged."""
    if value in (0, missing_for(counterfactual.logged.inputs[feature], feature)):
        return True
    logged = counterfactual.logged.column(feature)
    while is_list(logged.type):
        logged = logged.flatten()
    logged = logged.drop_null()
    if not len(logged) or pa.types.is_null(logged.type):
        return False
    if not counterfactual.logged.is_quantity(feature):
        return value in as_values(logged.unique())
    ends = pc.min_max(logged.cast(pa.float64(), safe=False)).as_py()
    return bool(ends["min"] <= value <= ends["max"])


def _is_of_one_value(counterfactual: CounterfactualReplay, verdict: Significance) -> bool:
    """Whether it struck rows of one logged value, beside rows of other values on which it would show and did not."""
    hypothesis, inside = verdict.hypothesis, counterfactual.evidence.inside
    if inside is None or len(hypothesis.features) > 1 or not counterfactual.logged.is_scalar(hypothesis.features[0]):
        return False
    near = counterfactual.good[inside[counterfactual.good]]
    scores = counterfactual.predict([hypothesis], near)[0]
    kept = near[~counterfactual.agree(scores, near)] if counterfactual.is_known(hypothesis, near) else near[:0]
    struck = verdict.rows[verdict.explained]
    column = counterfactual.logged.column(hypothesis.features[0])
    counted = pc.value_counts(column.take(pa.array(struck))).to_pylist()
    if not counted or not len(kept):
        return False
    most = max(counted, key=lambda one: one["counts"])
    others = sum(one == most["values"] for one in column.take(pa.array(kept)).to_pylist())
    is_one = most["counts"] >= _ONE_VALUE * len(struck)
    return bool(is_one and fisher_tail(most["counts"], len(struck), others, len(kept)) < _NOT_BY_CHANCE)


def _contested(counterfactual: CounterfactualReplay, verdict: Significance) -> Integers:
    """Rows that a hypothesis does not explain; of one that lists values, those for which it says what they became."""
    left = verdict.rows[~verdict.explained]
    listed = verdict.hypothesis.get("values")
    if listed is None:
        return left
    logged = value_by_row(counterfactual.logged.column(verdict.hypothesis.features[0]).take(pa.array(left)))
    said = {value for value, _ in listed}
    kept: Integers = left[np.array([one in said for one in logged], bool)]
    return kept


def _common_values(counterfactual: CounterfactualReplay, feature: str) -> list[Value]:
    """Values that at least 2% of the rows hold: by these a feature of few values is distinguished from a constant."""
    column = counterfactual.logged.column(feature)
    if pa.types.is_null(column.type):
        return []
    counts = pc.value_counts(column.drop_null())
    return as_values(
        counts.filter(pa.array(counts.field("counts").to_numpy() >= _COMMON * len(column))).field("values")
    )


def _zoomed(counterfactual: CounterfactualReplay, feature: str, rows: Integers) -> Significance | None:
    """The value of a feature that explains most; of several that do, that of the fewest digits."""
    numbers = (
        counterfactual.logged.column(feature).drop_null().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    )
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None
    ends = np.quantile(numbers, np.linspace(0.0, 1.0, _QUANTILES))
    reach = max(ends[-1] - ends[0], 1.0)
    grid = np.unique(np.concatenate([ends, [ends[0] - reach, ends[-1] + reach, 0.0]]))
    is_whole = pa.types.is_integer(counterfactual.logged.type_of(feature))

    def make(value: float) -> Hypothesis:
        return constant(counterfactual, (feature,), round(value) if is_whole else value)

    centre = zoom(counterfactual, make, grid, rows)
    if centre is None:
        return None
    candidates = [make(value) for value in (*rounded(centre, 7), centre)]
    return max(measure(counterfactual, candidates, rows), key=lambda verdict: verdict.count, default=None)


def _best_id(counterfactual: CounterfactualReplay, feature: str, rows: Integers) -> Significance | None:
    """The logged value of a feature that explains most, of those that are not too many to try one by one."""
    values = [one for one in counterfactual.logged.column(feature).unique().to_pylist() if isinstance(one, (str, int))]
    if len(values) > _MOST_IDS:
        return None
    verdicts = measure(counterfactual, [constant(counterfactual, (feature,), value) for value in values], rows)
    return max(verdicts, key=lambda verdict: verdict.promise, default=None)
