"""Rows in memory, as ``replay.score`` takes and gives them: pandas DataFrames, Arrow tables and record batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from replay.config import ModelConfig
from replay.config.names import is_glob, matches
from replay.errors import ConfigError, Problem, UsageError


def is_spark(rows: object) -> bool:
    """Whether rows are Spark's."""
    return _is(rows, "pyspark")


def column_names(rows: Any) -> list[str]:
    """Names of all columns, in their order."""
    return list(rows.schema.names) if isinstance(rows, (pa.Table, pa.RecordBatch)) else [str(n) for n in rows.columns]


def to_arrow(rows: Any, model: ModelConfig) -> pa.Table:
    """Rows as an Arrow table.

    Of pandas, the columns that the model may read are converted, as Arrow's ``from_pandas`` does: None, NaN, NaT and
    pandas' NA are nulls. The others keep their place, without values.

    Args:
        rows: A pandas DataFrame, a ``pyarrow.Table`` or a ``pyarrow.RecordBatch``.
        model: The model's contract.

    Raises:
        UsageError: It is something else.
        ConfigError: A column that the model reads holds what Arrow has no type for.
    """
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if isinstance(rows, pa.Table):
        return rows
    if not _is(rows, "pandas"):
        raise UsageError(
            f"found {type(rows).__module__}.{type(rows).__name__}, expected a pandas DataFrame, a pyarrow Table or "
            "RecordBatch, or a Spark DataFrame"
        )
    return _from_pandas(rows, [name for entry in model.inputs for name in _read_by(entry)])


def with_columns(rows: Any, added: Mapping[str, pa.ChunkedArray]) -> Any:
    """The same kind of rows with columns more, at the end; a DataFrame keeps its index."""
    if isinstance(rows, (pa.Table, pa.RecordBatch)):
        for name, values in added.items():
            whole = isinstance(rows, pa.RecordBatch)
            rows = rows.append_column(name, _combined(values) if whole else values)
        return rows
    return rows.assign(**{name: values.to_pandas().set_axis(rows.index) for name, values in added.items()})


def _is(rows: object, package: str) -> bool:
    """Whether rows are a DataFrame of a package, which need not be installed to tell."""
    return any(kind.__name__ == "DataFrame" and kind.__module__.split(".")[0] == package for kind in type(rows).__mro__)


def _combined(values: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _read_by(entry: Any) -> Sequence[str]:
    return [entry.feature] if entry.feature is not None else entry.features


def _from_pandas(frame: Any, patterns: Sequence[str]) -> pa.Table:
    arrays, fields, problems = [], [], []
    for place, name in enumerate(column_names(frame)):
        values = pa.chunked_array([pa.nulls(len(frame))])
        if any(_may_read(pattern, name) for pattern in patterns):
            try:
                values = pa.array(frame.iloc[:, place], from_pandas=True)
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                problems += list(_unreadable(name, patterns, error))
        arrays.append(values)
        fields.append(pa.field(name, values.type))
    if problems:
        raise ConfigError(problems)
    return pa.table(arrays, schema=pa.schema(fields))


def _may_read(pattern: str, column: str) -> bool:
    """Whether a name, path or glob may be about a column or what lies in it."""
    if not is_glob(pattern):
        return pattern == column or pattern.startswith(f"{column}.")
    literal = pattern[: min(place for sign in "*?[" if (place := pattern.find(sign)) >= 0)]
    return column.startswith(literal) or literal.startswith(f"{column}.") or matches(pattern, column)


def _unreadable(name: str, patterns: Sequence[str], error: Exception) -> Iterator[Problem]:
    """A column of any Python objects is nobody's business, unless the model reads it."""
    if any(matches(pattern, name) or pattern.startswith(f"{name}.") for pattern in patterns):
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        yield Problem(f"the column `{name}` holds what Arrow has no one type for ({reason}): give it one dtype")
