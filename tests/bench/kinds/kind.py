"""What a kind of feature is to the bench: columns of a table, inputs of a config, and how a careful loop encodes it."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]


class FeatureKind(Protocol):
    """One kind of feature.

    Attributes:
        name: Names it to the model.
        columns: It reads these.
        dictionaries: Of these, the ones to read as dictionaries: each distinct value is looked at once.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    dictionaries: ClassVar[tuple[str, ...]]

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        """Draw the columns."""

    def inputs(self) -> list[dict[str, object]]:
        """The config's ``model.inputs``; a vocabulary lies beside the config."""

    def encode(self, table: pa.Table) -> list[Array]:
        """The model's inputs, (num_rows, ...) each, as someone writes it by hand who knows Arrow well."""


def with_nulls(values: Array, random: np.random.Generator, rate: float, kind: pa.DataType) -> pa.Array:
    """An Arrow array in which some values are null."""
    return pa.array(values, kind, mask=random.random(len(values)) < rate)
