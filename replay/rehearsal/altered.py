"""Values that the model gets otherwise than they were logged, without a row being rejected for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import ModelConfig
from replay.config.sections.model.input import Input
from replay.features import Encoder, Refusal
from replay.features.build import list_element
from replay.features.codecs.buffers import plain
from replay.features.lists import take_apart
from replay.features.rejects import NULL
from replay.rehearsal.inputs import numbers_of
from replay.rehearsal.rejects import UnknownValues, unknown_values

_EXACT: Final = 2**24
"""The first whole number after which float32 does not hold the next one."""


@dataclass(frozen=True)
class AlteredFeature:
    """What of one feature the model gets otherwise.

    Attributes:
        input: The input that reads it.
        feature: Its column or path.
        rows: Rows that were looked at.
        values: Values in them that are there: of lists, elements.
        missing: Rows in which it is null, and gets the value of `missing`.
        unknown: Values that a vocabulary lacks, and that get the index of `unknown`.
        unknown_values: The most frequent of these, with how often they occur.
        unknown_distinct: Different ones.
        rounded: Whole numbers, beyond 16,777,216, that float32 rounds to another one.
        rounded_example: One of them, and what it becomes.
    """

    input: str
    feature: str
    rows: int
    values: int
    missing: int = 0
    unknown: int = 0
    unknown_values: Mapping[str, int] | None = None
    unknown_distinct: int = 0
    rounded: int = 0
    rounded_example: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        return {**vars(self), "unknown_values": dict(self.unknown_values or {})}


def list_altered(
    model: ModelConfig, batch: pa.RecordBatch, encoder: Encoder, refusals: Sequence[Refusal]
) -> tuple[AlteredFeature, ...]:
    """Count what some rows hold that the model gets otherwise; features of which it gets all as logged are left out.

    Args:
        model: The contract.
        batch: (num_rows,) logged rows.
        encoder: Of the contract.
        refusals: What it refuses of them: that is no value that the model gets.
    """
    columns = encoder.columns(batch)
    refused = {(each.input, each.feature): each for each in refusals}
    found = []
    for entry in model.inputs:
        for feature in encoder.features_of(entry.name):
            column = columns[feature]
            null = refused.get((entry.name, feature))
            rejected = 0 if null is None else int(np.count_nonzero(null.reasons == NULL))
            found.append(_look_at(entry, feature, column, rejected))
    return tuple(one for one in found if one.missing or one.unknown or one.rounded)


def _look_at(entry: Input, feature: str, column: pa.Array, rejected: int) -> AlteredFeature:
    values = plain(take_apart(column).elements()) if list_element(column.type) is not None else plain(column)
    unknown = UnknownValues()
    if entry.vocabulary is not None and entry.unknown is not None:
        unknown = unknown_values(column, entry.model_copy(update={"unknown": None}))
    rounded = np.empty(0) if entry.transform.of(feature) else _rounded(entry, values)
    return AlteredFeature(
        input=entry.name,
        feature=feature,
        rows=len(column),
        values=len(values) - values.null_count,
        missing=max(plain(column).null_count - rejected, 0),
        unknown=unknown.total,
        unknown_values=unknown.most,
        unknown_distinct=unknown.distinct,
        rounded=len(rounded),
        rounded_example=f"{rounded[0]:.0f} becomes {np.float32(rounded[0]):.0f}" if len(rounded) else None,
    )


def _rounded(entry: Input, values: pa.Array) -> NDArray[np.float64]:
    """Whole numbers that float32 rounds: where they are integers they are rejected, as ids must not be."""
    wide = pa.types.is_float64(values.type) or pa.types.is_decimal(values.type)
    if entry.dtype != "float32" or not wide:
        return np.empty(0)
    numbers = numbers_of(values)
    if numbers is None:
        return np.empty(0)
    numbers = numbers[np.isfinite(numbers) & (np.abs(numbers) > _EXACT) & (np.abs(numbers) < np.finfo(np.float32).max)]
    whole = numbers[numbers == np.rint(numbers)]
    rounded: NDArray[np.float64] = whole[whole.astype(np.float32).astype(np.float64) != whole]
    return rounded
