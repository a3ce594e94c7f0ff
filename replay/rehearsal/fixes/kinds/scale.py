"""Online logs percent or per mille of what the model answers."""

from __future__ import annotations

from collections.abc import Iterator

from replay.rehearsal.fixes.bench import Answers, Bench, Integers
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register


@register("scale", rank=30)
class OutputScale(FixKind):
    """A factor of 100 or 1000; none where the config has one. Any other factor is no contract but a cause."""

    def read(self, bench: Bench, answers: Answers, contract: Contract, rows: Integers) -> Iterator[Contract]:
        """Both factors, or none."""
        own = contract.model.output.scale
        for scale in (100, 1000) if own is None else (None,):
            yield contract.with_output("no `scale`" if scale is None else f"`scale: {scale}`", scale=scale)
