"""What the inputs of a model are made of, as a few thousand rows show it: types, shapes, nulls, values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.config import ModelConfig
from replay.features import Encoded, Encoder, Refusal, resolve_features
from replay.features.build import list_element
from replay.features.codecs.buffers import plain, plain_type
from replay.features.codecs.decimals import decimal_to_floats
from replay.features.lists import take_apart


@dataclass(frozen=True)
class FeatureFacts:
    """One feature of an input.

    Attributes:
        name: Its column or path.
        logged: Its type, as Arrow calls it: ``double``, ``list of int64``.
        nulls: Rows in which it is null.
        low: Smallest number, of lists among all elements; None where it holds none.
        high: Largest number.
        distinct: Distinct values of texts, and of what a vocabulary or hash looks up; None for other numbers.
        constant: The value that every row holds, or None where values differ or one is null.
        longest: Elements of the longest list; None where it is no list.
        accepted: Rows in which the contract takes it.
    """

    name: str
    logged: str
    nulls: int
    low: float | None
    high: float | None
    distinct: int | None
    constant: str | None
    longest: int | None
    accepted: int


@dataclass(frozen=True)
class InputFacts:
    """One argument of forward().

    Attributes:
        name: The input's.
        dtype: Of its tensor.
        shape: Of a row in it: empty for (batch,).
        features: What it is made of, in order; none where it is made of another input.
        made_of: ``mask of NAME``, ``offsets of NAME`` or ``lengths of NAME``, or None where it has features.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    features: tuple[FeatureFacts, ...]
    made_of: str | None


def look_at_inputs(
    model: ModelConfig, batch: pa.RecordBatch, encoder: Encoder, encoded: Encoded, refusals: tuple[Refusal, ...]
) -> tuple[InputFacts, ...]:
    """Look at every input over some rows.

    Args:
        model: The contract.
        batch: (num_rows,) logged rows.
        encoder: Of the contract.
        encoded: The rows as it encodes them.
        refusals: What it refuses of them.
    """
    columns = encoder.columns(batch)
    resolved = resolve_features(model, batch.schema).inputs
    refused = {(each.input, each.feature): int(np.count_nonzero(each.reasons)) for each in refusals}
    found = []
    for entry in model.inputs:
        looked_up = entry.vocabulary is not None or entry.hash is not None
        features = tuple(
            _look_at(
                each.feature.name,
                columns[each.feature.name],
                batch.num_rows - refused.get((entry.name, each.feature.name), 0),
                looked_up=looked_up,
            )
            for each in resolved[entry.name]
        )
        shape = tuple(encoded.tensors[entry.name].shape[1:])
        if entry.dtype == "string":
            shape = shape[:-1]  # the last one is bytes of the text
        other = {"mask of": entry.mask_of, "offsets of": entry.offsets_of, "lengths of": entry.lengths_of}
        if entry.shape:
            shape = entry.shape
        made_of = next((f"{what} {name}" for what, name in other.items() if name is not None), None)
        found.append(InputFacts(entry.name, entry.dtype, shape, features, made_of))
    return tuple(found)


def all_null(columns: Mapping[str, pa.Array]) -> tuple[str, ...]:
    """Features that are null in every row, of some."""
    return tuple(name for name, column in columns.items() if len(column) and plain(column).null_count == len(column))


def _look_at(name: str, column: pa.Array, accepted: int, *, looked_up: bool) -> FeatureFacts:
    array = plain(column)
    longest = None
    values = array
    if list_element(column.type) is not None:
        lists = take_apart(column)
        longest = int(lists.lengths.max(initial=0))
        values = plain(lists.elements())
    numbers = None if looked_up else numbers_of(values)
    low, high = _range(numbers)
    distinct = None if numbers is not None else len(values.drop_null().unique())
    return FeatureFacts(
        name=name,
        logged=_type_text(column.type),
        nulls=array.null_count,
        low=low,
        high=high,
        distinct=distinct,
        constant=_constant(array, low, high, distinct) if longest is None else None,
        longest=longest,
        accepted=accepted,
    )


def _type_text(logged: pa.DataType) -> str:
    """A logged type in short: a dictionary is its values, a list or vector its elements."""
    element = list_element(logged)
    return str(plain_type(logged)) if element is None else f"list of {plain_type(element)}"


def numbers_of(values: pa.Array) -> NDArray[np.float64] | None:
    """The values that are there, as numbers; None where the type is no number."""
    kind, valid = values.type, values.drop_null()
    if pa.types.is_boolean(kind):
        valid = valid.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        return decimal_to_floats(valid)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    return np.asarray(valid.to_numpy(zero_copy_only=False), np.float64)


def _range(numbers: NDArray[np.float64] | None) -> tuple[float | None, float | None]:
    known = None if numbers is None else numbers[~np.isnan(numbers)]
    if known is None or not known.size:
        return None, None
    return float(known.min()), float(known.max())


def _constant(array: pa.Array, low: float | None, high: float | None, distinct: int | None) -> str | None:
    """The value of a scalar column that holds one value and no null; NaN is another value."""
    if array.null_count or not len(array) or not (distinct == 1 or (low is not None and low == high)):
        return None
    first: Any = array[0].as_py()
    if isinstance(first, float) and (math.isnan(first) or pc.any(pc.is_nan(array)).as_py()):
        return None
    return f"{first:g}" if isinstance(first, float) else str(first)
