"""What a column is to a least change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa

from replay.config.sections.model.input import Input
from replay.features.codecs.base import NUMPY_TYPES
from replay.scenarios.least_change.base import MOST_CELLS, ColumnSummary
from replay.scenarios.least_change.listed import ListSummary
from replay.scenarios.least_change.numbers import NumberSummary
from replay.scenarios.least_change.values import ValueSummary

Kind = Literal["numbers", "values", "lists"]


def kind_of(form: pa.DataType, inputs: Sequence[Input], feature: str) -> Kind:
    """Whether a feature's values have an order that means something, or only equal each other or not.

    Floats and decimals are numbers. Integers are where an input takes them as floats, or transforms them; where all
    look them up, hash them or take them as indices, they are ids.

    Args:
        form: The working type of its values.
        inputs: The inputs that read it.
        feature: Its name.
    """
    if pa.types.is_large_list(form):
        return "lists"
    if pa.types.is_floating(form) or pa.types.is_decimal(form):
        return "numbers"
    if form not in NUMPY_TYPES:
        return "values"
    return "numbers" if any(_takes_amounts(entry, feature) for entry in inputs) else "values"


def summary_of(kind: Kind, form: pa.DataType, most: int = MOST_CELLS) -> ColumnSummary:
    """An empty summary of a column.

    Args:
        kind: From :func:`kind_of`.
        form: The working type of its values.
        most: Cells that are kept, at least 2.
    """
    kinds: dict[Kind, type[ColumnSummary]] = {"numbers": NumberSummary, "values": ValueSummary, "lists": ListSummary}
    return kinds[kind](form, most)


def _takes_amounts(entry: Input, feature: str) -> bool:
    """Whether an input takes a number as an amount, not as a name."""
    if entry.vocabulary is not None or entry.hash is not None:
        return False
    return bool(entry.dtype.startswith(("float", "bfloat")) or entry.transform.of(feature))
