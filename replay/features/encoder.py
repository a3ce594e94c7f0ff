"""The model's contract at work: Arrow batches in, named tensors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from replay.config.sections.model.contract import ModelConfig
from replay.errors import Problem, TrafficError
from replay.features.build import build_inputs
from replay.features.inputs import Block
from replay.features.paths import Catalog
from replay.features.problems import raise_problems
from replay.features.reader import FeatureReader, LoggedColumns
from replay.features.rejects import Reasons, first_reason
from replay.features.resolve import resolve_features

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Encoded:
    """Rows as the model takes them.

    Attributes:
        tensors: By input name, in the config's order; the first dimension is the rows. They share no memory with the
            logged batch, and need not lie row by row themselves. Lists are padded and offsets are lengths, also where
            the model takes them end to end: that is made of them when it is called.
        rejected: (num_rows,) int8: 0, or the index in ``REJECT_REASONS`` of why the row is rejected. A rejected row
            holds zeros in every tensor.
    """

    tensors: dict[str, torch.Tensor]
    rejected: Reasons


@dataclass(frozen=True)
class Refusal:
    """Rows that one feature breaks the contract in.

    Attributes:
        input: The input that reads it.
        feature: Its name.
        reasons: (num_rows,) int8: 0, or the index in ``REJECT_REASONS``.
    """

    input: str
    feature: str
    reasons: Reasons


def check_features(
    model: ModelConfig, schema: pa.Schema, map_keys: Mapping[str, Sequence[str]] | None = None
) -> tuple[Problem, ...]:
    """Everything that keeps a model from reading a table: names, families, types, defaults, vocabularies, lengths.

    Args:
        model: The model's contract.
        schema: Schema of the logged table.
        map_keys: Keys by the name of a map column, for globs over maps.
    """
    resolution = resolve_features(model, schema, map_keys)
    return (*resolution.problems, *build_inputs(model, resolution)[2])


class Encoder:
    """Encodes batches of one schema.

    Args:
        model: The model's contract.
        schema: Schema of the logged table. A batch may order its columns differently and hold more or fewer, as long as
            it holds ``roots`` in the same types, or as dictionaries of them.
        map_keys: Keys by the name (or path) of a map column, for globs over maps.

    Raises:
        ConfigError: When the config is wrong by itself, with all problems.
        TrafficError: When the table lacks a column, or has it in a type that does not fit, with all problems.

    >>> from replay.config.sections.model.input import Input
    >>> model = ModelConfig(inputs=(Input(name="dense", features=("I*",), missing=0.0),))
    >>> batch = pa.RecordBatch.from_pydict({"I1": [1.5, None], "I2": [3, 2**24 + 1]})
    >>> encoded = Encoder(model, batch.schema).encode(batch)
    >>> encoded.tensors["dense"].tolist(), encoded.rejected.tolist()
    ([[1.5, 3.0], [0.0, 0.0]], [0, 2])
    """

    def __init__(
        self, model: ModelConfig, schema: pa.Schema, map_keys: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        resolution = resolve_features(model, schema, map_keys)
        self._inputs, self._derived, problems = build_inputs(model, resolution)
        raise_problems((*resolution.problems, *problems))
        self.roots = resolution.roots
        """Top-level columns that it reads, in schema order."""
        self.features = tuple(feature.name for feature in resolution.features)
        """Features that it reads (columns and paths), in schema order."""
        self._order = tuple(entry.name for entry in model.inputs)
        self._map_keys = map_keys
        self._types = {feature.name: feature.type for feature in resolution.features}
        self._reader = FeatureReader(resolution.features, schema)

    @property
    def types(self) -> Mapping[str, pa.DataType]:
        """Logged type of every feature, in schema order."""
        return self._types

    def columns(self, batch: pa.RecordBatch) -> LoggedColumns:
        """The features of a batch as they are logged, by name; nothing is computed before it is asked for."""
        return self._reader_of(batch.schema).read(batch)

    def encode(self, batch: pa.RecordBatch) -> Encoded:
        """Encode all rows of a batch.

        Args:
            batch: (num_rows,) logged rows.

        Raises:
            TrafficError: When the batch lacks a column, or has it in another type than the schema.
        """
        columns = self.columns(batch)
        blocks = {entry.name: entry.encode(columns, batch.num_rows) for entry in self._inputs}
        tensors = {name: block.tensor for name, block in blocks.items()}
        for derived in self._derived:
            tensors[derived.name] = derived.encode(blocks[derived.source])
        return _finish({name: tensors[name] for name in self._order}, blocks, batch.num_rows)

    def features_of(self, name: str) -> tuple[str, ...]:
        """The features of an input, in order; none where it is made of another input."""
        return next((tuple(entry.features) for entry in self._inputs if entry.name == name), ())

    def feature_at(self, name: str, column: int | None) -> str | None:
        """The feature in a column of an input's tensor; None where that is made of another input.

        Args:
            name: The input's.
            column: Of a stack; of a list, whatever the place, it is the list's feature.
        """
        entry = next((entry for entry in self._inputs if entry.name == name), None)
        if entry is None:
            return None
        return entry.features[0] if len(entry.features) == 1 or column is None else entry.features[column]

    def refusals(self, batch: pa.RecordBatch) -> tuple[Refusal, ...]:
        """Every feature that refuses rows of a batch, in the order of the inputs; a row may be refused by several."""
        columns = self.columns(batch)
        return tuple(
            Refusal(entry.name, feature, reasons)
            for entry in self._inputs
            for feature, reasons in entry.refusals(columns, batch.num_rows).items()
        )

    def blame(self, batch: pa.RecordBatch, rejected: Reasons) -> pa.Array:
        """The feature by which each row is rejected: the first one in the order of the inputs, as the reason is its.

        Args:
            batch: What :meth:`encode` was given.
            rejected: (num_rows,) what it said.

        Returns:
            (num_rows,) strings, null where a row is accepted.
        """
        rows = np.flatnonzero(rejected)
        guilty = np.full(batch.num_rows, -1, np.int32)
        refusals = self.refusals(batch.take(pa.array(rows)))
        for place, refusal in reversed(list(enumerate(refusals))):
            guilty[rows[refusal.reasons != 0]] = place
        names = pa.array([refusal.feature for refusal in refusals], pa.string())
        return names.take(pa.array(guilty, mask=guilty < 0))

    def encode_features(self, columns: Mapping[str, pa.Array], into: Mapping[str, torch.Tensor]) -> Encoded:
        """Encode some features again, for some rows: what a scenario changed, and nothing else.

        Of a stack only the columns of these features are written. The result is what :meth:`encode` gives for a batch
        with these features replaced, except that a ragged input without ``length`` is never narrower than it was.

        Args:
            columns: Arrays of the logged types by feature, (num_rows,) each.
            into: Tensors of the same rows, all of which :meth:`encode` accepted; copies, for they are written in place.

        Returns:
            All inputs. A tensor is the one of ``into``, or a new one where a ragged input became wider.

        Raises:
            ValueError: When no input reads a feature, or its array has another type or number of rows.
        """
        num_rows = len(next(iter(into.values())))
        self._check_given(columns, num_rows)
        affected = [entry for entry in self._inputs if not columns.keys().isdisjoint(entry.features)]
        blocks = {entry.name: entry.update(columns, into[entry.name]) for entry in affected}
        tensors = {**into, **{name: block.tensor for name, block in blocks.items()}}
        for derived in self._derived:
            if derived.source in blocks:
                tensors[derived.name] = derived.encode(blocks[derived.source])
        return _finish(tensors, blocks, num_rows)

    def _check_given(self, columns: Mapping[str, pa.Array], num_rows: int) -> None:
        for name, array in columns.items():
            if name not in self._types:
                raise ValueError(f"no input reads `{name}`")
            if array.type != self._types[name]:
                raise ValueError(f"found `{name}` as {array.type}, expected {self._types[name]} as it is logged")
            if len(array) != num_rows:
                raise ValueError(f"found {len(array)} rows of `{name}`, expected {num_rows}")

    def _reader_of(self, schema: pa.Schema) -> FeatureReader:
        """The reader for batches of a schema; most batches have the schema of the one before."""
        if schema is self._reader.schema or schema.equals(self._reader.schema):
            return self._reader
        catalog = Catalog(schema, self._map_keys)
        features = []
        for name, logged in self._types.items():
            found = catalog.find(name)
            if found is None or not _is_same(found.type, logged) or schema.names.count(found.root) > 1:
                what = "no such column" if found is None else f"columns of {found.type}"
                raise TrafficError(
                    f"a batch has {what} for `{name}`, expected one of {logged} as in the table's schema"
                )
            features.append(found)
        self._reader = FeatureReader(features, schema)
        return self._reader


def _is_same(found: pa.DataType, logged: pa.DataType) -> bool:
    return bool(found == logged or (pa.types.is_dictionary(found) and found.value_type == logged))


def _finish(tensors: dict[str, torch.Tensor], blocks: Mapping[str, Block], num_rows: int) -> Encoded:
    """Merge the reasons of all inputs, and put zeros where a row is rejected."""
    import torch

    reasons: Reasons | None = None
    for block in blocks.values():
        reasons = first_reason(reasons, block.reasons)
    if reasons is None:
        return Encoded(tensors, np.zeros(num_rows, np.int8))
    rows = torch.from_numpy(reasons != 0)
    for tensor in tensors.values():
        tensor[rows] = 0
    return Encoded(tensors, reasons)
