"""``precision``: the baseline's parameters went through a smaller type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from replay.config.sections.checkpoints import DerivedConfig
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual import CounterfactualReplay

_CASTS = ("float16", "bfloat16", "int8")


@register("precision", prior=30)
class PrecisionKind(Kind):
    """The baseline cast."""

    excluded = "not a cast"
    is_asked_for = True
    may_stand = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """See :meth:`Kind.propose`."""
        baseline = counterfactual.baseline
        for dtype in _CASTS if counterfactual.can_open_recipes else ():
            recipe = DerivedConfig.model_validate({"from": baseline, "cast": dtype})
            yield counterfactual.hypothesis("precision", recipe=recipe, dtype=dtype)

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return f"{hypothesis.checkpoint} cast to {hypothesis.get('dtype')}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("{checkpoint} cast to {dtype}", "as if {checkpoint} had been cast to {dtype}")
