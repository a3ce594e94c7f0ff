"""Rows to tensors, as a replay makes them: for training and for serving, so that there is one definition."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from replay.checkpoints import arranging, texts_of
from replay.config import ModelConfig, ReplayConfig, load_config
from replay.contracts.fingerprint import contract_fingerprint
from replay.errors import TrafficError, UsageError
from replay.features import REJECT_REASONS, Encoded, Encoder


class RowEncoder:
    """Encodes rows by a contract; picklable, so that the workers of a data loader can have it.

    Args:
        model: The contract.
        schema: Types of the columns of rows that come as Python values; None: as Arrow guesses them from each batch.
    """

    def __init__(self, model: ModelConfig, schema: pa.Schema | None = None) -> None:
        self.model = model
        self._schema = schema
        self._encoders: dict[pa.Schema, Encoder] = {}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the contract, see :func:`replay.contracts.fingerprint.contract_fingerprint`."""
        return contract_fingerprint(self.model)

    def __call__(self, rows: Any) -> dict[str, Any]:
        """Tensors of rows, as forward() takes them.

        Args:
            rows: A ``pyarrow`` RecordBatch or Table, a pandas DataFrame, a mapping of columns, or a sequence of rows as
                mappings: (num_rows,) with every column that the contract reads.

        Returns:
            By the input's name, in the contract's order, (num_rows, ...); text as a list of strings.

        Raises:
            TrafficError: The contract rejects a row, or a column is not there, or of a type that does not fit.
            UsageError: Rows are something else.
        """
        batch = self._batch(rows)
        encoder = self._encoder(batch.schema)
        encoded = encoder.encode(batch)
        self._refuse(encoder, batch, encoded)
        arrange = arranging(self.model)
        tensors = encoded.tensors if arrange is None else arrange(encoded.tensors)
        text = {entry.name for entry in self.model.inputs if entry.dtype == "string"}
        return {name: texts_of(tensor).tolist() if name in text else tensor for name, tensor in tensors.items()}

    def encode(self, rows: Any) -> Encoded:
        """The same before it is arranged for forward(), with the reason of each row that the contract rejects."""
        batch = self._batch(rows)
        return self._encoder(batch.schema).encode(batch)

    def features_of(self, batch: pa.RecordBatch) -> dict[str, tuple[str, ...]]:
        """Features of each input that reads some, in order."""
        encoder = self._encoder(batch.schema)
        return {entry.name: encoder.features_of(entry.name) for entry in self.model.inputs}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_encoders": {}}

    def _encoder(self, schema: pa.Schema) -> Encoder:
        if schema not in self._encoders:
            self._encoders[schema] = Encoder(self.model, schema)
        return self._encoders[schema]

    def _batch(self, rows: Any) -> pa.RecordBatch:
        if isinstance(rows, pa.RecordBatch):
            return rows
        if isinstance(rows, pa.Table):
            (batch,) = rows.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=rows.schema)]
            return batch
        if type(rows).__module__.split(".")[0] == "pandas" and hasattr(rows, "columns"):
            return pa.RecordBatch.from_pandas(rows, preserve_index=False)
        if isinstance(rows, Mapping):
            return pa.RecordBatch.from_pydict(dict(rows), schema=self._schema)
        if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
            return pa.RecordBatch.from_pylist(list(rows), schema=self._schema)
        raise UsageError(
            f"found rows of {type(rows).__module__}.{type(rows).__name__}, expected a pyarrow RecordBatch or Table, a "
            "pandas DataFrame, a mapping of columns, or a sequence of rows"
        )

    def _refuse(self, encoder: Encoder, batch: pa.RecordBatch, encoded: Encoded) -> None:
        rejected = np.flatnonzero(encoded.rejected)
        if not len(rejected):
            return
        first = int(rejected[0])
        feature = encoder.blame(batch, encoded.rejected)[first].as_py()
        reason = REJECT_REASONS[int(encoded.rejected[first])]
        raise TrafficError(
            f"the contract rejects {len(rejected):,} of {batch.num_rows:,} rows, the first of them row {first} by "
            f"`{feature}`: {reason}. Leave such rows out (`encode` says which), or give the input what accepts them, "
            "such as `missing` or `unknown`"
        )


def encoder(
    config: ReplayConfig | str | os.PathLike[str], checkpoint: str | None = None, *, schema: pa.Schema | None = None
) -> RowEncoder:
    """The contract of a config as a function from rows to tensors, for training and serving.

    It is what a replay encodes rows by, bit for bit.

    Args:
        config: A config, or the path or URL of its file.
        checkpoint: Whose contract; default: the baseline's.
        schema: Types of the columns of rows that come as Python values (dicts); without one, Arrow guesses them from
            each batch, and a column without any value has none.

    Raises:
        ConfigError: The config is wrong.
        UsageError: There is no such checkpoint.
    """
    loaded = config if isinstance(config, ReplayConfig) else load_config(config)
    name = checkpoint or loaded.baseline
    if name not in loaded.all_checkpoints:
        raise UsageError(f"there is no checkpoint `{name}`: expected one of {', '.join(loaded.all_checkpoints)}")
    return RowEncoder(loaded.contract_of(name), schema)
