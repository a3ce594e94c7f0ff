"""``null_features``: features were not served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.significance import Significance
from replay.diagnosis.causes.subset_search import Make, additive_start, improve

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_STARTS = 3


@register("null_features", prior=10)
class NullFeaturesKind(Kind):
    """Families, features and sets of them null."""

    excluded = "not another family or feature null"
    is_asked_for = True
    may_stand = True
    has_subsets = True
    reads_values = False
    replaces_values = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """Every family, everything, and every feature."""
        return [_null(counterfactual, unit) for unit in counterfactual.logged.units]

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Sets, from the best single units, from effects that add up, and from everything."""
        make: Make = partial(_null, counterfactual)
        singles = [(feature,) for feature in counterfactual.logged.features]
        starts = [verdict.hypothesis.features for verdict in screened[:_STARTS]]
        starts.extend([additive_start(counterfactual, make, singles, sample), counterfactual.logged.features])
        for start in dict.fromkeys(starts):
            if start:
                yield improve(counterfactual, make, start, counterfactual.logged.units, sample)

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return f"{hypothesis.names} null"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("{names} null", "as if {names} had been null")


def _null(counterfactual: CounterfactualReplay, features: Sequence[str]) -> Hypothesis:
    return counterfactual.perturbed("null_features", features, "nulls")
