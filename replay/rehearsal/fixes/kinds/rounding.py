"""Logged scores have fewer digits than replayed ones: rounded, stored in half precision, or with amplified noise."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from replay.checkpoints import amplifies_noise
from replay.config import Tolerance
from replay.rehearsal.fixes.bench import Answers, Bench, Floats, Integers
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register
from replay.scoring.digits import FLOAT_DIGITS, decimals_of, is_held

_LEAST_SCORES = 5
_LARGEST_NOISE = 1e-2


@register("rounding", rank=50)
class Rounding(FixKind):
    """A tolerance of half a step. Rounding the replay as well would send scores next to the middle the other way."""

    def read(self, bench: Bench, answers: Answers, contract: Contract, rows: Integers) -> Iterator[Contract]:
        """What online's own digits show; for a logarithm, what the last bits of a probability come to."""
        if contract.tolerance != bench.start.tolerance:
            return
        online = bench.online[bench.fit]
        if len(np.unique(online)) < _LEAST_SCORES:
            return
        own = contract.tolerance
        decimals = decimals_of(online)
        if decimals is not None:
            tolerance = Tolerance(abs=_up(0.5 * 10.0**-decimals + own.abs), rel=own.rel)
            if tolerance.abs > own.abs * 1.5:
                yield contract.with_tolerance(tolerance, f"{_words(tolerance)} (online has {decimals} decimals)")
        for name, digits in FLOAT_DIGITS.items():
            if is_held(online, digits):
                tolerance = Tolerance(abs=max(own.abs, 6e-8), rel=_up(2.0**-digits + own.rel))
                yield contract.with_tolerance(tolerance, f"{_words(tolerance)} (online is stored as {name})")
        if amplifies_noise(contract.model.output):
            yield from _amplified(answers, contract, bench.online[rows])


def _words(tolerance: Tolerance) -> str:
    return f"`tolerance: {{abs: {tolerance.abs:g}, rel: {tolerance.rel:g}}}`"


def _amplified(answers: Answers, contract: Contract, online: Floats) -> Iterator[Contract]:
    """The tolerance within which a logarithm keeps the noise of float32 probabilities."""
    away = np.abs(answers.scores(contract.model.output) - online)
    away = away[np.isfinite(away)]
    if not len(away):
        return
    wide = Tolerance(abs=_up(2.0 * float(np.quantile(away, 0.99))), rel=contract.tolerance.rel)
    if contract.tolerance.abs < wide.abs <= _LARGEST_NOISE:
        yield contract.with_tolerance(wide, f"{_words(wide)} (the last bit of a probability near 0 or 1)")


def _up(number: float) -> float:
    """Two digits, rounded up.

    >>> _up(0.0000511), _up(0.000051)
    (5.2e-05, 5.1e-05)
    """
    if number <= 0.0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.ceil(number / step - 1e-9) * step:.2g}")
