"""The keys of two tables in one type, as Arrow has them: what Spark's join compares."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.types import to_spark_type
from replay.traffic.key_digests import Digests
from replay.traffic.paths import ColumnPath, require_column
from replay.traffic.sources.types import key_type
from replay.xxh64 import spark_xxhash64

if TYPE_CHECKING:
    from replay.traffic.sources.pinned_source import PinnedSource


@dataclass(frozen=True)
class KeyColumns:
    """The key of one table. Picklable.

    Attributes:
        paths: Its columns.
        types: In which they are compared with the other table's.
    """

    paths: tuple[ColumnPath, ...]
    types: tuple[pa.DataType, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """The top-level columns, each once."""
        return tuple(dict.fromkeys(path.root for path in self.paths))

    def arrays(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The keys of a batch's rows, (n,) each."""
        return [to_spark_type(path.values(batch), kind) for path, kind in zip(self.paths, self.types, strict=True)]


def keys_of_both(schema: pa.Schema, source: PinnedSource) -> tuple[KeyColumns, KeyColumns]:
    """The keys of the traffic and of another table.

    Args:
        schema: Of the traffic.
        source: Nothing keeps it from being joined.
    """
    ours = tuple(require_column(schema, name) for name in source.config.key)
    theirs = tuple(require_column(source.table.schema, name) for name in source.config.key.values())
    compared = (key_type(mine.type, other.type) for mine, other in zip(ours, theirs, strict=True))
    types = tuple(kind for kind in compared if kind is not None)
    assert len(types) == len(ours), "keys that cannot be compared are refused before"
    return KeyColumns(ours, types), KeyColumns(theirs, types)


def digests_of(keys: Sequence[pa.Array]) -> tuple[Digests, npt.NDArray[np.bool_]]:
    """Digests of keys, and which keys have no null, which is nobody's key; (n,) each."""
    whole = functools.reduce(pc.and_, (key.is_valid() for key in keys))
    return spark_xxhash64(keys).view(np.uint64), whole.to_numpy(zero_copy_only=False)


def are_equal(keys: Sequence[pa.Array], others: Sequence[pa.Array]) -> npt.NDArray[np.bool_]:
    """Which keys are equal to others of the same types, (n,): NaN is itself, as Spark's joins have it; null is not."""
    same = functools.reduce(pc.and_, map(_equal, keys, others))
    return np.asarray(same.fill_null(False).to_numpy(zero_copy_only=False))


def _equal(one: pa.Array, other: pa.Array) -> pa.Array:
    same = pc.equal(one, other)
    return pc.or_(same, pc.and_(pc.is_nan(one), pc.is_nan(other))) if pa.types.is_floating(one.type) else same
