"""Features of a batch as Arrow arrays, through structs and maps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.errors import TrafficError
from replay.features.codecs.buffers import null_mask, plain, take
from replay.features.paths import Catalog, Feature, FieldStep, KeyStep, Step

_Path = tuple[str, tuple[Step, ...]]


class FeatureReader:
    """Finds features in batches of one schema.

    Args:
        features: What will be asked for.
        schema: Schema of the batches, the one that the features were found in.
    """

    def __init__(self, features: Sequence[Feature], schema: pa.Schema) -> None:
        self.schema = schema
        self.features = {feature.name: feature for feature in features}
        self.indices = {feature.root: feature.place[0] for feature in features}
        self.keys: dict[_Path, list[str | int]] = defaultdict(list)
        for feature in features:
            for depth, step in enumerate(feature.steps):
                keys = self.keys[feature.root, feature.steps[:depth]] if isinstance(step, KeyStep) else []
                if isinstance(step, KeyStep) and step.key not in keys:
                    keys.append(step.key)

    def read(self, batch: pa.RecordBatch) -> LoggedColumns:
        """The batch's features; nothing is computed before it is asked for."""
        return LoggedColumns(self, batch)


class LoggedColumns:
    """Features of one batch.

    Args:
        reader: Knows where they are.
        batch: (num_rows,) logged rows.
    """

    def __init__(self, reader: FeatureReader, batch: pa.RecordBatch) -> None:
        self._reader = reader
        self._batch = batch
        self._nested: dict[_Path, pa.Array] = {}

    def __getitem__(self, feature: str) -> pa.Array:
        """One feature, (num_rows,)."""
        found = self._reader.features[feature]
        return self._at(found.root, found.steps)

    def _at(self, root: str, steps: tuple[Step, ...]) -> pa.Array:
        """The array at the end of a path; every array on the way is read once."""
        if not steps:
            return self._batch.column(self._reader.indices[root])
        path = (root, steps)
        if path not in self._nested:
            parent, last = steps[:-1], steps[-1]
            array = plain(self._at(root, parent))
            if isinstance(last, FieldStep):
                self._nested[path] = struct_field(array, last.index)
            else:
                keys = self._reader.keys[root, parent]
                for key, entries in zip(keys, map_entries(array, keys), strict=True):
                    self._nested[root, (*parent, KeyStep(key))] = entries
        return self._nested[path]


def struct_field(array: pa.StructArray, index: int) -> pa.Array:
    """A field of a struct, null where the struct is."""
    return array.field(index) if array.null_count == 0 else pc.struct_field(array, [index])


def map_entries(array: pa.MapArray, keys: Sequence[str | int]) -> list[pa.Array]:
    """The entries of a map under some keys, in one pass over the map.

    Args:
        array: (num_rows,).
        keys: Of the map's key type, each once.

    Returns:
        An array for each key, (num_rows,): null where the map is null or lacks the key; of a repeated key the first.
    """
    size, start = len(array), array.offset
    if size == 0:
        return [array.items.slice(0, 0) for _ in keys]
    offsets = np.frombuffer(array.buffers()[1], np.int32, size + 1, start * 4)
    first, last = int(offsets[0]), int(offsets[-1])
    logged = plain(array.keys.slice(first, last - first))
    if logged.type == pa.string_view():
        logged = logged.cast(pa.string())
    wanted = pc.index_in(logged, value_set=_key_set(keys, logged.type))
    hits = np.flatnonzero(~_nulls(wanted))[::-1]  # backwards, so that of a repeated key the first is written last
    rows = np.repeat(np.arange(size), np.diff(offsets))
    places = np.full((len(keys), size), -1, np.int64)
    places[wanted.fill_null(0).to_numpy()[hits], rows[hits]] = first + hits
    places[:, _nulls(array)] = -1
    return [take(array.items, pa.array(row, mask=row < 0)) for row in places]


def _key_set(keys: Sequence[str | int], kind: pa.DataType) -> pa.Array:
    """Keys as values of the map's key type; null, which no entry has for a key, for one that the type cannot hold."""
    if not pa.types.is_integer(kind):
        return pa.array(keys, kind)
    low, high = _bounds(kind)
    return pa.array([key if low <= int(key) <= high else None for key in keys], kind)


def _bounds(kind: pa.DataType) -> tuple[int, int]:
    info = np.iinfo(kind.to_pandas_dtype())
    return int(info.min), int(info.max)


def _nulls(array: pa.Array) -> npt.NDArray[np.bool_]:
    mask = null_mask(array)
    return np.zeros(len(array), bool) if mask is None else mask


def feature_column(batch: pa.RecordBatch, feature: str) -> pa.Array:
    """One feature's logged values, as they are.

    Args:
        batch: Any batch.
        feature: A column, or a path into a struct or map.

    Returns:
        (num_rows,), of the logged type; a null struct and a missing map entry are null.

    Raises:
        TrafficError: When the batch has no such feature.

    >>> batch = pa.RecordBatch.from_pylist([{"context": {"os": "ios"}}, {"context": None}])
    >>> feature_column(batch, "context.os").to_pylist()
    ['ios', None]
    """
    column = batch.schema.get_field_index(feature)
    if column >= 0:  # most are a column, which is found without a look at each of a wide table
        return batch.column(column)
    catalog = Catalog(batch.schema)
    found = catalog.find(feature)
    if found is None:
        raise TrafficError(f"the table has no column `{feature}`{suggestion(nearest(feature, catalog.names()))}")
    return FeatureReader([found], batch.schema).read(batch)[feature]
