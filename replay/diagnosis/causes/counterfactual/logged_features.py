"""What was logged of an incident's rows, and how the model reads it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.config.sections.model.contract import ModelConfig
from replay.diagnosis.causes.counterfactual.entity_history import EntityHistory
from replay.diagnosis.causes.evidence import Evidence
from replay.errors import TrafficError
from replay.features import Encoder, feature_column, resolve_features
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.numeric import is_list
from replay.scenarios.forms import working_type

Integers = NDArray[np.int64]


class LoggedFeatures:
    """The features of some rows, and of their entities' past.

    Args:
        model: The model's contract.
        evidence: The rows.

    Attributes:
        model: As given.
        encoder: From features to tensors.
        tensors: What the model is given of the rows as they were logged, by input name, ``(num_rows, ...)`` each.
        accepted: ``(num_rows,)`` bool, rows that the model's contract accepts.
        features: In schema order.
        families: Features by family.
        inputs: The input that takes each feature.
        units: What fails together: families, everything, then single features; each set once.
        history: Where the entities' older values are; None where there is no history.
        past_features: Features that the history holds.
    """

    def __init__(self, model: ModelConfig, evidence: Evidence) -> None:
        schema = evidence.batch.schema
        self.model = model
        self.encoder = Encoder(model, schema)
        self.features = self.encoder.features
        self._columns = self.encoder.columns(evidence.batch)
        self._types = {feature: self._columns[feature].type for feature in self.features}
        resolution = resolve_features(model, schema)
        self.families = dict(resolution.families)
        self.inputs = {
            found.feature.name: entry for entry in model.inputs for found in resolution.inputs.get(entry.name, ())
        }
        units = [*self.families.values(), self.features, *((feature,) for feature in self.features)]
        self.units = list(dict.fromkeys(tuple(unit) for unit in units if unit))
        encoded = self.encoder.encode(evidence.batch)
        self.tensors = encoded.tensors
        self.accepted: NDArray[np.bool_] = encoded.rejected == 0
        self.history = _history(evidence)
        self._past = _past(evidence)
        self._past_columns: dict[str, pa.Array] = {}
        self.past_features = tuple(name for name in self.features if self._is_past(name))

    def as_logged(self, feature: str) -> pa.Array:
        """A feature's values, ``(num_rows,)``, of the logged type."""
        return self._columns[feature]

    def column(self, feature: str) -> pa.Array:
        """A feature's values, ``(num_rows,)``; those of a dictionary as they are."""
        column = self._columns[feature]
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def type_of(self, feature: str) -> pa.DataType:
        """A feature's logged type."""
        return self._types[feature]

    def is_quantity(self, feature: str) -> bool:
        """Whether a feature is a number, or a list of numbers, that the model takes as a float, not as an index."""
        entry, kind = self.inputs[feature], working_type(self._types[feature])
        element = kind.value_type if pa.types.is_large_list(kind) else kind
        is_looked_up = entry.vocabulary is not None or entry.hash is not None
        is_index = is_looked_up or ("float" not in entry.dtype and not entry.transform.of(feature))
        return not is_index and element in NUMPY_TYPES and not pa.types.is_boolean(element)

    def is_scalar(self, feature: str) -> bool:
        """Whether a feature is one value a row, and no list."""
        kind = self._types[feature]
        return not (is_list(kind) or pa.types.is_nested(kind))

    def encoded(self, rows: Integers) -> NDArray[np.uint8]:
        """What the model is given of ``(k,)`` rows as bytes, ``(k, bytes)``: equal for equal inputs."""
        index = torch.from_numpy(rows)
        parts = [tensor[index].contiguous().reshape(len(rows), -1) for tensor in self.tensors.values()]
        columns = [part.view(torch.uint8).numpy() for part in parts if part.shape[1]]
        return np.hstack(columns) if columns else np.empty((len(rows), 0), np.uint8)

    def past(self, feature: str) -> pa.Array:
        """A feature's values in the history, ``(num_history,)``.

        Raises:
            ValueError: There is no history.
        """
        if self._past is None:
            raise ValueError("found no history, expected one where stale features are tried")
        if feature not in self._past_columns:
            self._past_columns[feature] = feature_column(self._past, feature).cast(self._types[feature])
        return self._past_columns[feature]

    def _is_past(self, feature: str) -> bool:
        if self.history is None or self._past is None:
            return False
        try:
            return len(self.past(feature)) > 0
        except (TrafficError, pa.ArrowException):
            return False


def _history(evidence: Evidence) -> EntityHistory | None:
    table = evidence.history
    if table is None or evidence.entity is None or evidence.time_us is None or table.num_rows == 0:
        return None
    entity = table.column("entity").combine_chunks()
    times = table.column("time_us").to_numpy().astype(np.int64)
    return EntityHistory(entity, times, evidence.entity, evidence.time_us)


def _past(evidence: Evidence) -> pa.RecordBatch | None:
    table = evidence.history
    return None if table is None or table.num_rows == 0 else table.combine_chunks().to_batches()[0]
