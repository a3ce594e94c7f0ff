"""Files and row groups in which no row can fulfil a condition, by partition values and statistics alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.column import nodes
from replay.traffic.computed.evaluate import KERNELS, evaluate
from replay.traffic.computed.kernel import INTEGERS, arrow_type
from replay.traffic.read.selecting.statistics import value_range

if TYPE_CHECKING:
    from replay.traffic.table.data_files import DataFile
    from replay.traffic.table.pinned import PinnedTraffic

_SWAPPED: Final = {
    "LessThan": "GreaterThan",
    "LessThanOrEqual": "GreaterThanOrEqual",
    "GreaterThan": "LessThan",
    "GreaterThanOrEqual": "LessThanOrEqual",
}
# Of a range of values, and of what a column is compared with: no value of the range is in the relation to it.
_NEVER: Final[dict[str, Callable[[Any, Any, Any], bool]]] = {
    "EqualTo": lambda low, high, value: value < low or value > high,
    "EqualNullSafe": lambda low, high, value: value < low or value > high,
    "LessThan": lambda low, high, value: low >= value,
    "LessThanOrEqual": lambda low, high, value: low > value,
    "GreaterThan": lambda low, high, value: high <= value,
    "GreaterThanOrEqual": lambda low, high, value: high < value,
}


@dataclass(frozen=True)
class ColumnComparison:
    """A column compared with values that are written down.

    Attributes:
        leaf: The column's dotted place in a Parquet footer.
        dtype: Its type.
        relation: Catalyst's class, such as ``LessThan``.
        values: Any of them makes the comparison true; as :class:`ValueRange` has values.
    """

    leaf: str
    dtype: pa.DataType
    relation: str
    values: tuple[Any, ...]

    def never(self, group: Any) -> bool:
        """Whether it is true for no row of a row group (``pyarrow.parquet.RowGroupMetaData``)."""
        if pa.types.is_floating(self.dtype) and self.relation.startswith("GreaterThan"):
            return False  # NaN, which no statistics count, is greater than every number
        found = value_range(group, self.leaf, self.dtype)
        if found is None:
            return False
        return all(_NEVER[self.relation](found.low, found.high, value) for value in self.values)


@dataclass(frozen=True)
class Skipping:
    """Parts of a condition that are all true where it is.

    Attributes:
        parts: What each of them is, with the logged columns that it reads; none can fail.
        comparisons: Those that compare a column.
        types: Of the logged columns.
    """

    parts: tuple[tuple[ExpressionNode, frozenset[str]], ...]
    comparisons: tuple[ColumnComparison, ...]
    types: dict[str, pa.DataType]

    def skips_file(self, file: DataFile) -> bool:
        """Whether no row of a file fulfils the condition, by the file's partition values."""
        known = file.partition_values
        values = {name: pa.array([known[name]], dtype) for name, dtype in self.types.items() if name in known}
        return any(not _is_true(evaluate(tree, values)) for tree, reads in self.parts if reads and reads <= {*values})

    def skips_group(self, group: Any) -> bool:
        """Whether no row of a row group fulfils the condition, by its statistics."""
        return any(comparison.never(group) for comparison in self.comparisons)


def skipping(traffic: PinnedTraffic) -> Skipping | None:
    """What of the ``where`` of a table tells which files and row groups need not be read; None without one."""
    where = traffic.where
    if where is None or where.tree is None:
        return None
    logged = {field.name: field.type for field in traffic.logged_schema if traffic.is_logged(field.name)}
    parts = []
    for tree in _parts(where.tree):
        inner = nodes(tree)
        reads = frozenset(node.name for node in inner if node.kind == "AttributeReference")
        if reads <= logged.keys() and not any(_may_fail(node) for node in inner):
            parts.append((tree, reads))
    compared = (_comparison(tree) for tree, _ in parts)
    return Skipping(tuple(parts), tuple(each for each in compared if each is not None), logged)


def _parts(tree: ExpressionNode) -> Iterator[ExpressionNode]:
    """What is joined by ``AND``."""
    if tree.kind in ("And", "Between"):
        for child in tree.children:
            yield from _parts(child)
    else:
        yield tree


def _may_fail(node: ExpressionNode) -> bool:
    return node.kind in KERNELS and KERNELS[node.kind].may_fail(node)


def _is_true(value: Any) -> bool:
    return (value if isinstance(value, pa.Scalar) else value[0]).as_py() is True


def _comparison(tree: ExpressionNode) -> ColumnComparison | None:
    if tree.kind == "In":
        return _compared("EqualTo", tree.children[0], tree.children[1:])
    if tree.kind not in _NEVER:
        return None
    left, right = tree.children
    if _leaf(left) is None:
        return _compared(_SWAPPED.get(tree.kind, tree.kind), right, [left])
    return _compared(tree.kind, left, [right])


def _compared(relation: str, column: ExpressionNode, written: Sequence[ExpressionNode]) -> ColumnComparison | None:
    leaf = _leaf(column)
    dtype = arrow_type(column.dtype)
    if (
        leaf is None
        or dtype is None
        or any(node.kind == "AttributeReference" for one in written for node in nodes(one))
    ):
        return None
    values = [_plain(evaluate(one, {})) for one in written]
    if any(value is None or value != value for value in values):
        return None
    return ColumnComparison(leaf, dtype, relation, tuple(values))


def _leaf(tree: ExpressionNode) -> str | None:
    """A column, or a field of structs, as a footer names it; None where that may be the name of another one, too."""
    if tree.kind == "Cast":
        return _leaf(tree.children[0]) if _keeps_every_value(tree) else None
    if "." in tree.name:
        return None
    if tree.kind == "AttributeReference":
        return tree.name
    root = _leaf(tree.children[0]) if tree.kind == "GetStructField" else None
    return None if root is None else f"{root}.{tree.name}"


def _keeps_every_value(cast: ExpressionNode) -> bool:
    source, target = cast.children[0].dtype, cast.dtype
    return (source in INTEGERS and target in INTEGERS) or (source, target) == ("float", "double")


def _plain(scalar: Any) -> Any:
    """A literal as :class:`ValueRange` has values."""
    if not isinstance(scalar, pa.Scalar):
        return None
    if pa.types.is_date(scalar.type):
        return scalar.cast(pa.int32()).as_py()
    if pa.types.is_timestamp(scalar.type):
        return scalar.cast(pa.int64()).as_py()
    value = scalar.as_py()
    return value.encode() if isinstance(value, str) else value
