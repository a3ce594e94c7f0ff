"""Values that a feature may have held: those that were logged, and those of the range or the vocabulary around them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Value = float | str

MOST_VALUES: Final = 300
"""A feature with more values is not learnt one by one."""

UNKNOWN: Final = "oov:unknown"
"""Text that stands for any that is in no vocabulary."""

PERIODS: Final = ((24, 0), (7, 0), (7, 1), (12, 0), (12, 1), (60, 0))
"""Length and begin of ranges that begin again where they end: hours, weekdays, months, minutes."""

_DAY_AND_HOUR: Final = (24, 60)
"""They hold weekdays and months as well: what is logged of a few hours could be either."""


def as_values(logged: pa.Array) -> list[Value]:
    """Values as a config has them; without nulls, those that it has no way to write, and NaN."""
    return [one for one in value_by_row(logged) if one is not None]


def value_by_row(logged: pa.Array) -> list[Value | None]:
    """Values as a config has them, one for each row: None for a null, what a config has no way to write, and NaN."""
    values = [_value(one) for one in logged.to_pylist()]
    return [one if one == one else None for one in values]


def _value(logged: object) -> Value | None:
    if isinstance(logged, bytes):
        return logged.decode(errors="replace")
    if isinstance(logged, Decimal):
        return float(logged)
    return logged if isinstance(logged, bool | int | float | str) else None


def served_values(counterfactual: CounterfactualReplay, feature: str) -> list[Value | None]:
    """Values that a feature may have held in place of a logged one, the most frequent first, null last.

    Whole numbers come with the others of their range; text with its vocabulary and one value that is in none.

    Returns:
        None of them for lists, bools and fractions, and where they would be more than ``MOST_VALUES``.
    """
    if not counterfactual.logged.is_scalar(feature):
        return []
    logged = _logged_values(counterfactual.logged.column(feature))
    if len(logged) < 2 or any(isinstance(one, bool) for one in logged):
        return []
    if isinstance(logged[0], str):
        others: list[Value] = _words(counterfactual, feature)
    elif all(float(one).is_integer() for one in logged):
        others = list(_range(logged))
    else:
        return []
    values: list[Value | None] = [*dict.fromkeys([*logged, *others]), None]
    return values if len(values) <= MOST_VALUES else []


def _logged_values(column: pa.Array) -> list[Value]:
    """Distinct values, the most frequent first; none where they are too many."""
    if pa.types.is_null(column.type) or pa.types.is_temporal(column.type):
        return []
    counts = pc.value_counts(column.drop_null())
    if len(counts) > MOST_VALUES:
        return []
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")
    return as_values(counts.field("values").take(pa.array(order)))


def _range(logged: list[Value]) -> range:
    """From the least to the largest, or all of a day's hours or an hour's minutes, of which a part may be logged."""
    numbers = [int(one) for one in logged]
    low, high = min(numbers), max(numbers)
    for length in _DAY_AND_HOUR:
        if low >= 0 and high < length:
            return range(length)
    return range(low, high + 1) if high - low < MOST_VALUES else range(0)


def _words(counterfactual: CounterfactualReplay, feature: str) -> list[Value]:
    entry = counterfactual.logged.inputs[feature]
    if entry.vocabulary is None:
        return []
    words = load_vocabulary(entry.vocabulary, TARGETS[entry.dtype])
    known: list[Value] = [word.decode(errors="replace") for word in words] if len(words) <= MOST_VALUES else []
    return [*known, UNKNOWN]
