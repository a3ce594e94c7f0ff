"""Values that are not in a vocabulary have another index."""

from __future__ import annotations

from collections.abc import Iterator

from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS
from replay.rehearsal.fixes.bench import Bench
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register


@register("unknown", rank=90)
class UnknownIndex(FixKind):
    """The indices that vocabularies keep for unknown values: the first ones, and those around the last."""

    for_some = True

    def propose(self, bench: Bench, contract: Contract) -> Iterator[Contract]:
        """Each index for each input with a vocabulary and an ``unknown``."""
        for place, entry in enumerate(contract.model.inputs):
            if entry.vocabulary is None or entry.unknown is None:
                continue
            indices = load_vocabulary(entry.vocabulary, TARGETS[entry.dtype]).values()
            last = max(indices, default=0) + entry.offset
            for index in dict.fromkeys((0, 1, last + 1, last, len(indices), last + 2, 2)):
                if index != entry.unknown:
                    changed = contract.with_input(place, f"`unknown: {index}` of `{entry.name}`", unknown=index)
                    if changed is not None:
                        yield changed
