"""Serving takes the logarithm of counts and amounts, or logs them when it has taken it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from replay.config import Input
from replay.features import resolve_features
from replay.rehearsal.fixes.bench import Bench, Tensors
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_ROWS = 128
_BUDGET = 200_000  # rows that the search for features of one input may cost
_PERFECT = 1.0 - 1e-9

_Chosen = frozenset[int]


@register("log1p", rank=110)
class LogForgotten(FixKind):
    """``transform: log1p`` of a whole input, or of the features with which rows come closest to online; or less."""

    def propose(self, bench: Bench, contract: Contract) -> Iterator[Contract]:
        """For inputs of numbers without a transform, and for those with a logarithm."""
        inputs = resolve_features(contract.model, bench.batch.schema).inputs
        for place, entry in enumerate(contract.model.inputs):
            if "float" not in entry.dtype or entry.mask_of or entry.vocabulary or entry.hash:
                continue
            names = [resolved.feature.name for resolved in inputs.get(entry.name, ())]
            if entry.transform:
                made = _without(contract, place, names)
            elif entry.feature is not None:
                made = contract.with_input(place, f"`transform: log1p` of `{entry.name}`", transform="log1p")
            else:
                yield from _forgotten(bench, contract, place, names)
                continue
            if made is not None:
                yield made


def _without(contract: Contract, place: int, names: Sequence[str]) -> Contract | None:
    """The input without any logarithm; None where it has none."""
    entry = contract.model.inputs[place]
    left = {name: [step for step in entry.transform.of(name) if step.op != "log1p"] for name in names}
    if all(len(left[name]) == len(entry.transform.of(name)) for name in names):
        return None
    steps: Any = {name: steps for name, steps in left.items() if steps}
    return contract.with_input(place, f"no `log1p` in the transform of `{entry.name}`", transform=steps or ())


def _forgotten(bench: Bench, contract: Contract, place: int, names: Sequence[str]) -> Iterator[Contract]:
    entry = contract.model.inputs[place]
    every = _possible(bench, contract, entry)
    if len(every) == len(names):
        made = contract.with_input(place, f"`transform: log1p` of `{entry.name}`", transform="log1p")
        if made is not None:
            yield made
    for start in dict.fromkeys((_Chosen(), every)):
        chosen = _climb(bench, contract, entry.name, every, start)
        if chosen and len(chosen) < len(names):
            features = [names[column] for column in sorted(chosen)]
            words = f"`transform: {{{', '.join(f'{name}: log1p' for name in features)}}}` of `{entry.name}`"
            made = contract.with_input(place, words, transform=dict.fromkeys(features, "log1p"))
            if made is not None:
                yield made


def _possible(bench: Bench, contract: Contract, entry: Input) -> _Chosen:
    """Columns without a number of which there is no logarithm, and with more than one number."""
    tensors, accepted = bench.encode(contract.model, bench.fit)
    stack = tensors[entry.name][torch.from_numpy(accepted)]
    if not len(stack):
        return _Chosen()
    able = (stack > -1.0).all(dim=0) & (stack.amin(dim=0) < stack.amax(dim=0))
    return _Chosen(able.nonzero().flatten().tolist())


def _climb(bench: Bench, contract: Contract, name: str, every: _Chosen, chosen: _Chosen) -> _Chosen:
    """Take one feature more or one less, as long as that brings the rows closer to online."""
    rows = bench.fit[:_ROWS]
    spent, (best,) = 0, bench.try_tensors(contract, [partial(_logged, name, sorted(chosen))], rows)
    while every and best[1] < _PERFECT and spent < _BUDGET:
        sets = [chosen ^ {column} for column in sorted(every)]
        tried = bench.try_tensors(contract, [partial(_logged, name, sorted(one)) for one in sets], rows)
        spent += len(sets) * len(rows)
        index = max(range(len(sets)), key=lambda place: tried[place])
        if tried[index] <= best:
            break
        chosen, best = sets[index], tried[index]
    return chosen


def _logged(name: str, columns: list[int], tensors: Tensors) -> Tensors:
    stack = tensors[name].clone()
    stack[:, columns] = torch.log1p(stack[:, columns].double()).to(stack.dtype)
    return {**tensors, name: stack}
