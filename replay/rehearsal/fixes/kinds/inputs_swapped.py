"""Two inputs of the same shape and type are exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from replay.config import Input
from replay.rehearsal.fixes.bench import Bench
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_MOST = 12
_NAMES = ("name", "mask_of", "offsets_of", "lengths_of")


@register("inputs swapped", rank=70)
class InputsSwapped(FixKind):
    """Two inputs that forward() takes in each other's place, or under each other's name."""

    def propose(self, bench: Bench, contract: Contract) -> Iterator[Contract]:
        """Pairs whose exchange brings a few rows closer to online."""
        model = contract.model
        tensors, _ = bench.encode(model, bench.screen[:2])
        kinds = {name: (tensor.dtype, tensor.shape[1:]) for name, tensor in tensors.items()}
        readers = [(place, entry.name) for place, entry in enumerate(model.inputs) if not entry.is_derived]
        pairs = [pair for pair in combinations(readers, 2) if kinds[pair[0][1]] == kinds[pair[1][1]]]
        changes = [lambda rows, a=a, b=b: {**rows, a: rows[b], b: rows[a]} for (_, a), (_, b) in pairs]
        if not pairs:
            return
        own, *tried = bench.try_tensors(contract, [dict, *changes], bench.screen)
        better = [index for index, one in enumerate(tried) if one[0] > own[0] or one[1] > own[1]]
        for index in sorted(better, key=lambda index: tried[index], reverse=True)[:_MOST]:
            (left, a), (right, b) = pairs[index]
            yield contract.with_inputs(_swapped(contract, left, right), f"the inputs `{a}` and `{b}` exchanged")


def _swapped(contract: Contract, left: int, right: int) -> list[Input]:
    """What two inputs read in each other's place, under the name that the place has; masks follow what they are of."""
    inputs = list(contract.model.inputs)
    a, b = inputs[left].name, inputs[right].name
    inputs[left], inputs[right] = inputs[right], inputs[left]
    names = {a: b, b: a}
    return [
        entry.model_copy(update={key: names[value] for key in _NAMES if (value := getattr(entry, key)) in names})
        for entry in inputs
    ]
