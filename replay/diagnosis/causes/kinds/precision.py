"""``precision``: the baseline's parameters, or those of some modules, went through a smaller type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from replay.config.sections.checkpoints import DerivedConfig
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.kinds.splice import module_prefixes
from replay.diagnosis.causes.significance import Significance, unbounded
from replay.diagnosis.causes.subset_search import additive_start, improve

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

_CASTS = ("float16", "bfloat16", "int8")
_EXPLAINED = 0.9  # by the whole model's cast: no part of it is looked for
_LEAST_ROWS = 20
_SIZES = (0.02, 3.0)  # of what a part of a cast does, in those of what the whole does
_LEAST_CORRELATION = 0.2


@register("precision", prior=30)
class PrecisionKind(Kind):
    """The baseline cast; then some of its modules alone."""

    excluded = "not a cast"
    is_asked_for = True
    may_stand = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """See :meth:`Kind.propose`."""
        return [_cast(counterfactual, dtype) for dtype in _CASTS if counterfactual.can_open_recipes]

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Sets of modules in each type whose cast moves scores as a part of what they are off would be moved."""
        modules = [(prefix,) for prefix in module_prefixes(counterfactual.parameters)]
        if len(modules) < 2 or any(verdict.rate > _EXPLAINED for verdict in screened):
            return
        for verdict in screened:
            if _may_be_in_part(counterfactual, verdict.hypothesis, sample):
                make = partial(_cast, counterfactual, verdict.hypothesis.get("dtype"))
                start = additive_start(counterfactual, make, modules, sample)
                if start:
                    yield improve(counterfactual, make, start, modules, sample)

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """See :meth:`Kind.fields`."""
        modules = hypothesis.get("params")
        named = {} if modules is None else {"params": ", ".join(modules)}
        return {"parameters": {"dtype": hypothesis.get("dtype"), **named}}

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        modules = hypothesis.get("params")
        part = "" if modules is None else f"{', '.join(modules)} of "
        return f"{part}{hypothesis.checkpoint} cast to {hypothesis.get('dtype')}"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        part = "{params} of " if "params" in (cause.parameters or {}) else ""
        return Words(
            f"{part}{{checkpoint}} cast to {{dtype}}", f"as if {part}{{checkpoint}} had been cast to {{dtype}}"
        )


def _cast(counterfactual: CounterfactualReplay, dtype: str, names: Sequence[str] = ()) -> Hypothesis:
    """The baseline cast, or the modules of these names: in one order, a module within another one by that one."""
    outer = [name for name in names if not any(name.startswith(f"{other}.") for other in names)]
    globs = tuple(f"{name}.*" for name in module_prefixes(counterfactual.parameters) if name in outer)
    named: dict[str, Any] = {"params": globs} if globs else {}
    recipe = DerivedConfig.model_validate({"from": counterfactual.baseline, "cast": dtype, **named})
    return counterfactual.hypothesis("precision", recipe=recipe, dtype=dtype, **named)


def _may_be_in_part(counterfactual: CounterfactualReplay, whole: Hypothesis, rows: Integers) -> bool:
    """Whether scores are off by about as much as a cast moves them, and on the same rows the same way.

    Parts of a model are opened one by one, which costs more than scoring does: most incidents are told by this.
    """
    scores = counterfactual.predict([whole], rows)[0]
    base, online, moved = unbounded(counterfactual.base_scores[rows], counterfactual.online[rows], scores)
    change, effect = online - base, moved - base
    known = np.isfinite(change) & np.isfinite(effect)
    change, effect = change[known], effect[known]
    if len(change) < _LEAST_ROWS or not effect.any():
        return False
    low, high = (times * float(np.median(np.abs(effect))) for times in _SIZES)
    if not low <= float(np.median(np.abs(change))) <= high:
        return False
    by_rank = np.corrcoef(np.argsort(np.argsort(change)), np.argsort(np.argsort(effect)))
    return abs(float(by_rank[0, 1])) >= _LEAST_CORRELATION
