"""What a hypothesis does to the logged values of one feature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.diagnosis.causes.hypotheses import Hypothesis
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.lists import take_apart
from replay.scenarios.forms import make_lists, to_logged, to_working
from replay.scenarios.ops.numbers import map_numbers

Floats = NDArray[np.float64]

_FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "log1p": lambda numbers: np.log1p(np.maximum(numbers, 0.0)),
    "expm1": np.expm1,
}


def scale(values: pa.Array, hypothesis: Hypothesis) -> pa.Array:
    """Multiply numbers, or take their logarithm; nulls stay null, and of a list each element changes.

    Args:
        values: ``(num_rows,)`` of the logged type.
        hypothesis: Of kind ``scale``.
    """
    if hypothesis.function is not None:
        change = _FUNCTIONS[hypothesis.function]
        return _map_elements(values, lambda flat: map_numbers(flat, change))
    factor = np.float64(1.0 if hypothesis.factor is None else hypothesis.factor)
    return _map_elements(values, lambda flat: map_numbers(flat, lambda numbers: numbers * factor))


def constant(values: pa.Array, hypothesis: Hypothesis) -> pa.Array:
    """Replace every value, null or not, by one; of a list that is not null each element.

    Raises:
        pyarrow.ArrowInvalid: The type cannot hold the value.
    """
    value = hypothesis.value

    def fill(flat: pa.Array) -> pa.Array:
        whole = isinstance(value, float) and not pa.types.is_floating(flat.type) and value.is_integer()
        return pa.repeat(pa.scalar(int(value) if whole else value, flat.type), len(flat))  # type: ignore[arg-type]

    return _map_elements(values, fill)


def is_number(logged: pa.DataType) -> bool:
    """Whether a feature of this type can be scaled: a number, or a list of numbers."""
    kind = to_working(pa.nulls(0, logged)).type
    element = kind.value_type if pa.types.is_large_list(kind) else kind
    return element in NUMPY_TYPES and not pa.types.is_boolean(element)


def _map_elements(values: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    working = to_working(values)
    if not pa.types.is_large_list(working.type):
        return to_logged(change(working), values.type)
    lists = take_apart(working)
    return to_logged(make_lists(change(lists.elements()), lists.lengths, lists.null), values.type)
