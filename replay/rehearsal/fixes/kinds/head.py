"""Another part of the model's answer is the score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from replay.rehearsal.fixes.bench import Answers, Bench, Integers, closeness
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_MOST = 4


@register("head", rank=10)
class Head(FixKind):
    """Another head or key; of two or more heads also their softmax."""

    def read(self, bench: Bench, answers: Answers, contract: Contract, rows: Integers) -> Iterator[Contract]:
        """The parts of the answer that order the rows most as online does."""
        output = contract.model.output
        parts = list(answers.selected)
        online = bench.online[rows]
        near = [float(closeness(answers.selected[part].numpy()[None, :], online)[0]) for part in parts]
        own = (output.select, "softmax" in output.transforms)
        for index in np.argsort(-np.array(near), kind="stable")[:_MOST]:
            select, softmax = parts[index]
            if (select, softmax) == own:
                continue
            rest = tuple(name for name in output.transforms if name != "softmax")
            if not softmax:
                keys = {"select": select, "transform": rest if len(rest) > 1 else (*rest, None)[0]}
                yield contract.with_output(f"`select: {_flow(select)}`", **keys)
                continue
            words = (
                "`transform: softmax`" if select == output.select else f"`select: {_flow(select)}, transform: softmax`"
            )
            yield contract.with_output(words, select=select, transform="softmax")


def _flow(select: object) -> str:
    return f"[{', '.join(map(str, select))}]" if isinstance(select, tuple) else str(select)
