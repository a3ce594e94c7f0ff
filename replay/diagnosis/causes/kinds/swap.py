"""``swap``: two features were exchanged."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config.sections.scenarios import Perturbation
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Mask, Words, register

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_MOST_PAIRS = 200


@register("swap", prior=80)
class SwapKind(Kind):
    """Pairs of features of one type that one input or one family holds: columns that can be mistaken."""

    excluded = "not two features exchanged"

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """See :meth:`Kind.propose`."""
        groups: list[tuple[str, ...]] = [*counterfactual.logged.families.values()]
        by_input: dict[str, list[str]] = {}
        for feature in counterfactual.logged.features:
            by_input.setdefault(counterfactual.logged.inputs[feature].name, []).append(feature)
        groups.extend(tuple(names) for names in by_input.values())
        pairs = dict.fromkeys(
            pair
            for group in groups
            for pair in combinations(group, 2)
            if counterfactual.logged.type_of(pair[0]) == counterfactual.logged.type_of(pair[1])
        )
        return [_swap(counterfactual, *pair) for pair in list(pairs)[:_MOST_PAIRS]]

    def marks(
        self, counterfactual: CounterfactualReplay, one: Hypothesis, other: Hypothesis, rows: Integers
    ) -> Iterable[tuple[str, Mask]]:
        """Rows in which the two hold the same value are not changed."""
        first, second = (counterfactual.logged.column(feature).take(pa.array(rows)) for feature in one.features)
        if pa.types.is_nested(first.type):
            return
        codes = pa.concat_arrays([first, second]).dictionary_encode(null_encoding="encode").indices.to_numpy()
        differ = codes[: len(rows)] != codes[len(rows) :]
        yield f"with {one.features[0]} and {one.features[1]} different", differ
        yield f"with {one.features[0]} and {one.features[1]} equal", ~differ

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return f"{hypothesis.names} exchanged"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("{names} exchanged", "as if {names} had been exchanged")


def _swap(counterfactual: CounterfactualReplay, first: str, second: str) -> Hypothesis:
    first, second = (name for name in counterfactual.logged.features if name in (first, second))
    step = Perturbation.model_validate({"op": "swap", "features": (first,), "with": (second,)})
    return counterfactual.hypothesis("swap", (first, second), perturbations=(step,))
