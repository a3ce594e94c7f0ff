"""Serving keeps scores within a range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from replay.diff.tolerance import allowed_difference
from replay.rehearsal.fixes.bench import Answers, Bench, Floats, Integers, Mask
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_LEAST_ROWS = 5
_SHARE = 0.9


@register("clip", rank=40)
class OutputClip(FixKind):
    """The least score that online answers, where the replay gives less, or the largest, where it gives more."""

    for_some = True

    def read(self, bench: Bench, answers: Answers, contract: Contract, rows: Integers) -> Iterator[Contract]:
        """The bounds that the rows show."""
        if contract.model.output.clip is not None:
            return
        scores, online = answers.scores(contract.model.output), bench.online[rows]
        slack = allowed_difference(online, contract.tolerance)
        low, high = float(online.min()), float(online.max())
        bounds = {}
        if _holds(scores < low - slack, scores, online, low):
            bounds["min"] = _written(low, bench)
        if _holds(scores > high + slack, scores, online, high):
            bounds["max"] = _written(high, bench)
        if bounds:
            words = ", ".join(f"{name}: {value!r}" for name, value in bounds.items())
            yield contract.with_output(f"`clip: {{{words}}}`", clip=bounds)


def _holds(beyond: Mask, scores: Floats, online: Floats, bound: float) -> bool:
    """Whether online answered the bound where the replay goes beyond it, and other scores elsewhere."""
    if beyond.sum() < _LEAST_ROWS or len(np.unique(scores[beyond])) < _LEAST_ROWS:
        return False
    return bool((online[beyond] == bound).mean() >= _SHARE) and bool((online[~beyond] != bound).any())


def _written(bound: float, bench: Bench) -> float:
    """The number that one would write: of a float32 column the shortest that it stands for."""
    return float(str(np.float32(bound))) if str(bench.online_type) in ("float", "halffloat") else bound
