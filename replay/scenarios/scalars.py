"""Values of a config in the type of a feature, without loss."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from replay.config.sections.dtypes import as_number
from replay.config.sections.model.input import Scalar
from replay.scenarios.op import OpProblem, Site


def typed_scalar(value: Scalar, site: Site) -> pa.Scalar:
    """A value of a config in a feature's own type, or in that of its elements.

    Args:
        value: As the config has it.
        site: The feature.

    Raises:
        OpProblem: The type cannot hold it, as it stands.
    """
    kind = site.scalar
    try:
        return pa.scalar(_python(value, kind), kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise OpProblem(
            f"`{site.feature}` is logged as {site.logged}, which cannot hold the value {value!r}: give one that it can"
        ) from error


def _python(value: Scalar, kind: pa.DataType) -> Any:
    """The value as Arrow takes it for a type, without loss.

    Raises:
        TypeError: It is another kind of value.
        ValueError: It is not the type's to hold.
    """
    number = as_number(value) if isinstance(value, str) and pa.types.is_floating(kind) else None
    if number is not None:
        value = number  # `nan` and `inf` of a config that went through JSON, `1e-3` to some YAML readers
    if isinstance(value, str):
        return _text(value, kind)
    if not (pa.types.is_boolean(kind) or _is_number(kind)):
        raise TypeError("not a number")
    if pa.types.is_decimal(kind):
        return Decimal(str(value + 0))  # `+ 0` makes a number of a bool
    if pa.types.is_floating(kind):
        return _float(float(value), kind)
    whole = int(value)
    if whole != value or (pa.types.is_boolean(kind) and whole not in (0, 1)):
        raise ValueError("not an integer")
    return bool(whole) if pa.types.is_boolean(kind) else whole


def _text(value: str, kind: pa.DataType) -> str | bytes:
    if pa.types.is_large_string(kind):
        return value
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return value.encode()
    raise TypeError("not text")


def _float(value: float, kind: pa.DataType) -> Any:
    """The nearest value of a float type; a finite value that overflows is not the type's to hold."""
    with np.errstate(over="ignore"):
        nearest = kind.to_pandas_dtype()(value)
    if np.isinf(nearest) and not np.isinf(value):
        raise ValueError("out of range")
    return nearest


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
