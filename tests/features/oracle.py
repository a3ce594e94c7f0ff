"""The contract again, slow and obvious: Python values one at a time, floats rounded with fractions."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input

NULL, NOT_REPRESENTABLE, UNKNOWN, WRONG_LENGTH = (
    "null_without_default",
    "not_representable",
    "unknown_vocabulary",
    "wrong_length",
)

INTEGERS = {
    "int64": (-(2**63), 2**63 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int8": (-128, 127),
    "uint8": (0, 255),
}
# Bits of the significand, exponent of the smallest normal number, exponent of the largest number.
FLOATS = {
    "float64": (53, -1022, 1023),
    "float32": (24, -126, 127),
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
}


class RefusedError(Exception):
    """Why a row is rejected."""


def round_to_float(value: Fraction, dtype: str) -> float:
    """The nearest number of a float dtype, ties to even (which is how Python rounds fractions)."""
    digits, least, most = FLOATS[dtype]
    if value == 0:
        return 0.0
    exponent = max(least, value.numerator.bit_length() - value.denominator.bit_length() - 1)
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    unit = Fraction(2) ** (exponent - digits + 1)
    rounded = round(value / unit) * unit
    if abs(rounded) >= Fraction(2) ** (most + 1):
        raise RefusedError(NOT_REPRESENTABLE)
    return float(rounded)


def fit(value: Any, dtype: str) -> Any:
    """A logged number as a dtype holds it."""
    if isinstance(value, bool):
        return {"bool": value}.get(dtype, float(value) if dtype in FLOATS else int(value))
    if isinstance(value, Decimal):
        value = fit_decimal(value, dtype)
    if dtype in FLOATS:
        if isinstance(value, int):
            if round_to_float(Fraction(value), dtype) != value:
                raise RefusedError(NOT_REPRESENTABLE)
            return float(value)
        return value if not math.isfinite(value) else round_to_float(Fraction(value), dtype)
    if isinstance(value, float) and (not math.isfinite(value) or value != math.floor(value)):
        raise RefusedError(NOT_REPRESENTABLE)
    low, high = (0, 1) if dtype == "bool" else INTEGERS[dtype]
    if not low <= int(value) <= high:
        raise RefusedError(NOT_REPRESENTABLE)
    return bool(value) if dtype == "bool" else int(value)


def fit_decimal(value: Decimal, dtype: str) -> float | int:
    """A decimal as the nearest float64 for a float dtype, as an integer for the others."""
    exact = Fraction(value)
    if dtype in FLOATS:
        return round_to_float(exact, "float64")
    if exact.denominator != 1:
        raise RefusedError(NOT_REPRESENTABLE)
    return exact.numerator


def text(value: Any) -> bytes:
    """What is hashed and looked up."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else str(int(value))).encode()


def index(value: Any, entry: Input) -> int:
    """The index of a logged value."""
    if entry.hash is not None:
        return bucket(text(value), entry.hash) + entry.offset
    assert entry.vocabulary is not None
    vocabulary = json.loads(Path(entry.vocabulary).read_text())
    if isinstance(vocabulary, list):
        vocabulary = {str(known): place for place, known in enumerate(vocabulary)}
    found = vocabulary.get(text(value).decode(errors="replace"))
    if found is None and entry.unknown is None:
        raise RefusedError(UNKNOWN)
    return entry.unknown if found is None else found + entry.offset


def bucket(data: bytes, config: Hash) -> int:
    """The bucket of a value."""
    if config.function == "xxhash64":
        return xxhash.xxh64(data, seed=config.seed or 0).intdigest() % config.buckets
    if config.function == "crc32":
        return (zlib.crc32(data) & 0xFFFFFFFF) % config.buckets
    return int(hashlib.md5(data).hexdigest(), 16) % config.buckets


def one(value: Any, entry: Input, missing: Any) -> Any:
    """A scalar value, or an element of a list."""
    looked_up = entry.vocabulary is not None or entry.hash is not None
    if value is None:
        if missing is None:
            raise RefusedError(NULL)
        if looked_up:
            return index(missing, entry) if isinstance(missing, str) else missing
        return fit(float(missing) if entry.dtype in FLOATS else missing, entry.dtype)
    return index(value, entry) if looked_up else fit(value, entry.dtype)


def missing_of(entry: Input, feature: str) -> Any:
    """``missing`` of a feature; here names are literal or the one glob ``*``."""
    if isinstance(entry.missing, dict):
        return next((value for name, value in entry.missing.items() if name in (feature, "*")), None)
    return entry.missing


def step_into(value: Any, step: Any) -> Any:
    """A field of a struct (a dict) or an entry of a map (pairs); null where it is not there."""
    if value is None:
        return None
    if isinstance(value, dict):
        return value[step]
    return next((entry for key, entry in value if key == step), None)


def logged(batch: pa.RecordBatch, steps: Sequence[Any]) -> list[Any]:
    """A feature's values, one a row."""
    values = batch.column(steps[0]).to_pylist()
    for step in steps[1:]:
        values = [step_into(value, step) for value in values]
    return values


def list_row(value: list[Any] | None, entry: Input, width: int, missing: Any) -> tuple[list[Any], list[int]]:
    """A row of a list input, and of its mask."""
    if value is None:
        return [one(None, entry, missing)] * width, [0] * width
    if entry.pad is None and len(value) != width:
        raise RefusedError(WRONG_LENGTH)
    kept = [one(element, entry, missing) for element in value[:width]]
    padding = [one(None, entry, entry.pad) for _ in range(width - len(kept))]
    return kept + padding, [1] * len(kept) + [0] * len(padding)


def width_of(entry: Input, values: list[Any]) -> int:
    """Places in a row of a list input."""
    return entry.length or max([1, *(len(value) for value in values if value is not None)])


def encode(
    inputs: Sequence[Input], batch: pa.RecordBatch, steps: Mapping[str, Sequence[Any]] | None = None, lists: Any = ()
) -> tuple[dict[str, list[Any]], list[str]]:
    """Rows of every input, and why each row is rejected ("" where it is not).

    Args:
        inputs: The model's.
        batch: Logged rows.
        steps: Where features lie that are not top-level columns.
        lists: Names of the inputs that read lists.
    """
    paths = steps or {}
    columns = {
        name: logged(batch, paths.get(name, (name,)))
        for entry in inputs
        for name in (*entry.features, *([entry.feature] if entry.feature else []))
    }
    by_name = {entry.name: entry for entry in inputs}
    widths = {name: width_of(by_name[name], columns[by_name[name].feature or ""]) for name in lists}
    tensors: dict[str, list[Any]] = {entry.name: [] for entry in inputs}
    rejected = []
    for row in range(batch.num_rows):
        values, reason = encode_row(inputs, {name: column[row] for name, column in columns.items()}, widths)
        rejected.append(reason)
        for name, value in values.items():
            tensors[name].append(value)
    return tensors, rejected


def encode_row(
    inputs: Sequence[Input], row: Mapping[str, Any], widths: Mapping[str, int]
) -> tuple[dict[str, Any], str]:
    """One row of every input; zeros in all of them where one refuses it."""
    values: dict[str, Any] = {}
    masks: dict[str, list[int]] = {}
    reason = ""
    for entry in inputs:
        try:
            if entry.features:
                # Every column is looked at before one may refuse, for the first refusal counts.
                values[entry.name] = [one(row[name], entry, missing_of(entry, name)) for name in entry.features]
            elif entry.feature and entry.name in widths:
                missing = missing_of(entry, entry.feature)
                made = list_row(row[entry.feature], entry, widths[entry.name], missing)
                values[entry.name], masks[entry.name] = made
            elif entry.feature:
                values[entry.name] = one(row[entry.feature], entry, missing_of(entry, entry.feature))
        except RefusedError as refused:
            reason = reason or str(refused)
    for entry in inputs:
        if entry.mask_of is not None and not reason:
            values[entry.name] = masks[entry.mask_of]
    if reason:
        zeros = {entry.name: [0] * len(entry.features) if entry.features else 0 for entry in inputs}
        zeros |= {name: [0] * width for name, width in widths.items()}
        zeros |= {entry.name: [0] * widths[entry.mask_of] for entry in inputs if entry.mask_of}
        return zeros, reason
    return values, ""
