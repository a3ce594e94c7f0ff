"""Which values of a feature give what online answered, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kinds.constant import constant
from replay.diagnosis.causes.maps.values import Value, value_by_row

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Observed:
    """What rows say of one feature.

    Attributes:
        feature: Its name.
        rows: ``(k,)`` mismatched rows in which it was logged.
        logged: ``(k,)``, what was logged.
        values: ``(m,)``, what may have been served.
        hits: ``(m, k)``, whether the row would have got its online score with the value.
    """

    feature: str
    rows: Integers
    logged: Sequence[Value]
    values: Sequence[Value | None]
    hits: Mask

    @property
    def hit_rate(self) -> float:
        """Share of the rows that some value explains."""
        return float(self.hits.any(axis=0).mean()) if len(self.rows) else 0.0


def observe(
    counterfactual: CounterfactualReplay, feature: str, values: Sequence[Value | None], rows: Integers
) -> Observed:
    """Replay every value on every row; those that the budget does not reach are no hits.

    Args:
        counterfactual: Replays.
        feature: Which.
        values: What may have been served.
        rows: ``(k,)`` mismatched rows; those with a null are left out.
    """
    rows, logged = _with_values(counterfactual, feature, rows)
    scores = counterfactual.predict([_held(counterfactual, feature, value) for value in values], rows)
    hits = np.stack([counterfactual.agree(one, rows) for one in scores])
    return Observed(feature, rows, logged, values, hits)


def spread(counterfactual: CounterfactualReplay, feature: str, rows: Integers, most: int, each: int) -> Integers:
    """At most so many of some rows, of ``each`` logged value as many at most, in the given order."""
    rows, logged = _with_values(counterfactual, feature, rows)
    return rows[list(_few_of_each(logged, each))][:most]


def _few_of_each(logged: Sequence[Value], each: int) -> Iterator[int]:
    seen: Counter[Value] = Counter()
    for place, value in enumerate(logged):
        seen[value] += 1
        if seen[value] <= each:
            yield place


def _with_values(counterfactual: CounterfactualReplay, feature: str, rows: Integers) -> tuple[Integers, list[Value]]:
    logged = value_by_row(counterfactual.logged.column(feature).take(pa.array(rows)))
    valid = np.array([one is not None for one in logged], bool)
    return rows[valid], [one for one in logged if one is not None]


def _held(counterfactual: CounterfactualReplay, feature: str, value: Value | None) -> Hypothesis:
    if value is None:
        return counterfactual.perturbed("null_features", (feature,), "nulls")
    return constant(counterfactual, (feature,), value)
