"""Indices are off by one: the model keeps 0 for padding or for unknown values, or counts from 1."""

from __future__ import annotations

from collections.abc import Iterator

from replay.rehearsal.fixes.bench import Bench
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register


@register("offset", rank=80)
class IndexOffset(FixKind):
    """One more or one less on each input of indices, and on all of them."""

    def propose(self, bench: Bench, contract: Contract) -> Iterator[Contract]:
        """Each input by itself first."""
        places = [
            place
            for place, entry in enumerate(contract.model.inputs)
            if not entry.is_derived and entry.dtype.startswith(("int", "uint"))
        ]
        for step in (1, -1):
            for place in places:
                changed = _shifted(contract, place, step)
                if changed is not None:
                    yield changed
        for step in (1, -1) if len(places) > 1 else ():
            every: Contract | None = contract
            for place in places:
                every = every and _shifted(every, place, step)
            if every is not None:
                words = f"{', '.join(every.changes[len(contract.changes) :])}"
                yield Contract(every.model, every.tolerance, (*contract.changes, words))


def _shifted(contract: Contract, place: int, step: int) -> Contract | None:
    entry = contract.model.inputs[place]
    offset = entry.offset + step
    return contract.with_input(place, f"`offset: {offset}` of `{entry.name}`", offset=offset)
