"""How long it takes to say what happened: of causes that explain an incident, the shortest to say is named."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.causes.significance import Significance
from replay.diff.tolerance import allowed_difference

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Floats = NDArray[np.float64]

_DIGIT: Final = math.log2(10)
_UNITS: Final = (86_400, 3_600, 60, 1)
"""Seconds of the units in which a lag is said."""


def description_length(counterfactual: CounterfactualReplay, verdict: Significance) -> float:
    """Bits of the shortest way to say the scores of some rows by means of a hypothesis, up to a constant.

    A two-part code (Rissanen 1978, "Modeling by shortest data description"; Grünwald 2007, "The Minimum Description
    Length Principle"): first the hypothesis, then the rows as far as it leaves them open.

    - *What happened*: its kind, see :meth:`~replay.diagnosis.causes.kind.Kind.bits`, and the same number of bits for
      each name (family, feature, checkpoint, module, entry of a table): log2 of how many names there are.
    - *By how much*: see :func:`number_bits`. Kinds bring their numbers as round as the rows allow, so that no digit is
      counted that the explained rows do not need.
    - *What is left*: a row within the tolerance of what online answered takes nothing. Beyond, the tail of the noise is
      taken for exponential: the bits rise in proportion to the distance, and from twice the tolerance on a row takes
      :func:`literal_bits`, its score without the hypothesis. So a row at the very edge of the tolerance hardly speaks
      for or against anything, and one that is off does, however near another hypothesis may come to it.

    Only lengths over the same rows can be compared.

    Args:
        counterfactual: Replayed the hypothesis on these rows.
        verdict: A hypothesis on some mismatched rows.
    """
    scores = counterfactual.predict([verdict.hypothesis], verdict.rows)[0]
    online = counterfactual.online[verdict.rows]
    allowed = allowed_difference(online, counterfactual.tolerance)
    left = rows_bits(scores, online, allowed, literal_bits(counterfactual))
    return hypothesis_bits(counterfactual, verdict.hypothesis) + left


def hypothesis_bits(counterfactual: CounterfactualReplay, hypothesis: Hypothesis) -> float:
    """Bits that say what happened, and by how much."""
    names = len(counterfactual.logged.units) + len(counterfactual.checkpoints)
    word = math.log2(max(names, 2))
    words = len(hypothesis.families) + len(hypothesis.other_features) + (hypothesis.scorer != counterfactual.baseline)
    values = sum(_parameter_bits(value, word) for _, value in hypothesis.parameters)
    parts = sum(hypothesis_bits(counterfactual, part) for part in hypothesis.parts)
    return KINDS[hypothesis.kind].bits(hypothesis) + words * word + values + parts


def _parameter_bits(value: Any, word: float) -> float:
    """A table takes two names an entry; what a text takes its kind says."""
    if isinstance(value, tuple):
        return 2.0 * word * len(value)
    if isinstance(value, timedelta):
        return lag_bits(value)
    return number_bits(value) if isinstance(value, int | float) else 0.0


def number_bits(value: float) -> float:
    """Bits of a number: log2(10) a digit, its sign, and where the point is; or of that of which it is the reciprocal.

    The power of ten takes Elias's gamma code (1975) of a whole number.

    >>> [round(number_bits(value), 1) for value in (0, 1, 1000, -1, 1 / 60, 2.54)]
    [1.0, 4.3, 8.3, 5.3, 7.3, 13.0]
    """
    if value == 0 or not math.isfinite(value):
        return 1.0
    return min(_decimal_bits(value), 1.0 + _decimal_bits(float(f"{1 / value:.12g}")))


def _decimal_bits(value: float) -> float:
    _, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    power = 1.0 + 2.0 * math.floor(math.log2(1 + abs(int(exponent))))
    return (value < 0) + _DIGIT * len(digits) + power


def lag_bits(lag: timedelta) -> float:
    """Bits of a duration: a unit, and how many of them.

    >>> round(lag_bits(timedelta(days=1)), 1), round(lag_bits(timedelta(seconds=3_661)), 1)
    (6.3, 16.3)
    """
    seconds = lag.total_seconds()
    return math.log2(len(_UNITS)) + min(number_bits(seconds / unit) for unit in _UNITS)


def rows_bits(scores: Floats, online: Floats, allowed: Floats, literal: float) -> float:
    """Bits of the scores of rows as far as a hypothesis leaves them open.

    Args:
        scores: ``(k,)``, replayed under it; NaN where it gives none.
        online: ``(k,)``, what online answered.
        allowed: ``(k,)``, how far apart two scores that agree may be.
        literal: What a row takes at most.

    >>> rows_bits(np.array([0.5, 0.75, 9.0, np.nan]), np.full(4, 0.5), np.full(4, 0.2), 4.0)
    9.0
    """
    with np.errstate(all="ignore"):
        beyond = np.clip(np.abs(scores - online) / allowed - 1.0, 0.0, 1.0)
    beyond[np.isnan(beyond)] = 1.0
    beyond[scores == online] = 0.0
    return float(literal * beyond.sum())


def literal_bits(counterfactual: CounterfactualReplay) -> float:
    """Bits of an online score without any hypothesis: how rarely the score of another row agrees with it.

    One agreement and one disagreement are added, so that the bits are bounded by the number of pairs.
    """
    rows = np.concatenate((counterfactual.bad, counterfactual.good))
    every = np.sort(counterfactual.online[rows])
    online = counterfactual.online[counterfactual.bad]
    allowed = allowed_difference(online, counterfactual.tolerance)
    low, high = np.searchsorted(every, online - allowed, "left"), np.searchsorted(every, online + allowed, "right")
    agreeing = int(np.sum(high - low - 1))
    return -math.log2((agreeing + 1) / (len(online) * (len(every) - 1) + 2))
