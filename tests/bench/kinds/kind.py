"""What a kind of feature is to the bench: columns of a table, inputs of a config, and how a careful loop encodes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]


class FeatureKind:
    """One kind of feature: some columns of it.

    Attributes:
        name: Of the kind.
        columns: It reads these.
        dictionaries: Of these, the ones to read as dictionaries, so that each distinct value is looked at once.
    """

    name: str
    columns: tuple[str, ...]
    dictionaries: tuple[str, ...] = ()

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        """Draw the columns."""
        raise NotImplementedError

    def inputs(self) -> list[dict[str, object]]:
        """The config's ``model.inputs``."""
        raise NotImplementedError

    def part(self) -> dict[str, object]:
        """The model's part that takes these inputs; see :class:`tests.bench.model.BenchModel`."""
        raise NotImplementedError

    def encode(self, table: pa.Table) -> list[Array]:
        """The model's inputs, (num_rows, ...) each, as someone writes it by hand who knows Arrow well."""
        raise NotImplementedError

    def write_files(self, directory: Path) -> None:
        """Write what the inputs name, beside the config."""


def with_nulls(values: Array, random: np.random.Generator, rate: float, kind: pa.DataType) -> pa.Array:
    """An Arrow array in which some values are null."""
    return pa.array(values, kind, mask=random.random(len(values)) < rate if rate else None)


def stack(table: pa.Table, columns: tuple[str, ...], missing: float, dtype: type[np.generic]) -> Array:
    """Columns side by side, (num_rows, num_columns), nulls filled."""
    # Column by column in memory, and seen as rows: torch takes either layout.
    out = np.empty((len(columns), table.num_rows), dtype)
    for place, name in enumerate(columns):
        start = 0
        for chunk in table.column(name).chunks:
            out[place, start : start + len(chunk)] = chunk.fill_null(missing).to_numpy()
            start += len(chunk)
    return out.T
