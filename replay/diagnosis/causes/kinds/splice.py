"""``splice``: the model that answered was put together from several checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from replay.config.sections.checkpoints import SpliceConfig
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Integers, Kind, Words, register
from replay.diagnosis.causes.significance import Significance
from replay.diagnosis.causes.subset_search import additive_start, improve

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay


@register("splice", prior=40)
class SpliceKind(Kind):
    """Modules from other checkpoints, alone and together."""

    excluded = "not a mix of modules"
    is_asked_for = True

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """Every module from every other checkpoint."""
        prefixes = module_prefixes(counterfactual.parameters)
        others = counterfactual.other_checkpoints
        return [splice(counterfactual, {prefix: name}) for name in others for prefix in prefixes]

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """Sets of modules of each checkpoint, from the best single one and from effects that add up."""
        modules = [(prefix,) for prefix in module_prefixes(counterfactual.parameters)]
        for checkpoint in counterfactual.other_checkpoints:
            globs = [verdict.hypothesis.get("splice") for verdict in screened]
            best = next((one for one in globs if one[0][1] == checkpoint), None)
            if best is None:
                continue
            make = partial(_modules_of, counterfactual, checkpoint)
            single = tuple(glob.removesuffix(".*") for glob, _ in best[:-1])
            for start in dict.fromkeys([single, additive_start(counterfactual, make, modules, sample)]):
                if start:
                    yield improve(counterfactual, make, start, modules, sample)

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """See :meth:`Kind.fields`."""
        return {"checkpoints": dict(hypothesis.get("splice"))}

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return ", ".join(f"{glob} of {checkpoint}" for glob, checkpoint in hypothesis.get("splice"))

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("parameters mixed: {modules}", "as if the model had been put together from {modules}")


def splice(counterfactual: CounterfactualReplay, modules: Mapping[str, str]) -> Hypothesis:
    """Some modules from other checkpoints, the rest from the baseline.

    Args:
        counterfactual: Knows the baseline.
        modules: Checkpoint by module prefix. A module within another one of the same checkpoint is said by that one;
            within one of another checkpoint it is the exception, and comes first.
    """
    named = [prefix for prefix, checkpoint in modules.items() if _around(prefix, modules) != checkpoint]
    globs = [(f"{prefix}.*", modules[prefix]) for prefix in sorted(named, key=lambda prefix: -prefix.count("."))]
    globs.append(("*", counterfactual.baseline))
    return counterfactual.hypothesis("splice", recipe=SpliceConfig(splice=dict(globs)), splice=tuple(globs))


def _around(prefix: str, modules: Mapping[str, str]) -> str | None:
    """The checkpoint of the innermost module that holds this one."""
    outer = [one for one in modules if prefix.startswith(f"{one}.")]
    return modules[max(outer, key=len)] if outer else None


def _modules_of(counterfactual: CounterfactualReplay, checkpoint: str, names: Sequence[str]) -> Hypothesis:
    """The modules of these names from another checkpoint, in one order whatever order they were found in."""
    prefixes = module_prefixes(counterfactual.parameters)
    return splice(counterfactual, {prefix: checkpoint for prefix in prefixes if prefix in names})


def module_prefixes(parameters: Sequence[str], most: int = 16) -> tuple[str, ...]:
    """Modules whose parameters may come from another checkpoint: the outermost level that has several, and one below.

    Args:
        parameters: Names of parameters, such as ``query_tower.0.weight``.
        most: A level with more modules is left out.

    >>> module_prefixes(["model.query.0.weight", "model.query.1.weight", "model.item.weight"])
    ('model.query', 'model.item', 'model.query.0', 'model.query.1')
    """
    paths = [tuple(name.split(".")[:-1]) for name in parameters]
    found: list[str] = []
    deepest = max((len(path) for path in paths), default=0)
    levels = 0
    for depth in range(1, deepest + 1):
        level = tuple(dict.fromkeys(".".join(path[:depth]) for path in paths if len(path) >= depth))
        if len(level) > 1 and len(level) <= most:
            found.extend(name for name in level if name not in found)
            levels += 1
        if levels == 2:
            break
    return tuple(found)
