"""``joint``: two causes on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis, Layer
from replay.diagnosis.causes.kind import Kind, Words, describe, register

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay


@register("joint", prior=100)
class JointKind(Kind):
    """Two of the causes at once, on the rows that they leave; such rows are explained, and no cause of their own.

    It is a cause where one of the two shows on no row alone.
    """

    excluded = "not two causes at once"

    def combine(self, counterfactual: CounterfactualReplay, causes: Sequence[Hypothesis]) -> Iterable[Hypothesis]:
        """Every pair: the features of both, the model that is not the baseline, and then the layers of both."""
        for first, second in combinations(causes, 2):
            parts = (first, second)
            model = next((part for part in parts if part.scorer != counterfactual.baseline), first)
            yield Hypothesis(
                "joint",
                model.checkpoint,
                parts=parts,
                perturbations=(*first.perturbations, *second.perturbations),
                recipe=model.recipe,
                layer=_both(first, second),
            )

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """See :meth:`Kind.fields`."""
        return {"parameters": {"both": describe(hypothesis)}}

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return " and ".join(describe(part) for part in hypothesis.parts)

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        if "both" not in (cause.parameters or {}):
            return Words("two causes on the same rows", "as if two things had happened to the same rows")
        return Words("both at once: {both}", "as if two things had happened to the same rows: {both}")


def _both(first: Hypothesis, second: Hypothesis) -> Layer | None:
    layers = [part.layer for part in (first, second) if part.layer is not None]

    def through(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        for layer in layers:
            scores = layer(scores)
        return scores

    return through if layers else None
