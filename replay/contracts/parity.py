"""Somebody's own feature code beside a contract: its tensors for logged rows, and ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.contracts.row_encoder import RowEncoder
from replay.errors import RunFailed

MOST_EXAMPLES: Final = 3

Transform = Callable[[list[dict[str, Any]]], Mapping[str, Any]]
"""From rows as mappings of logged values (None: null) to an array or tensor by input, (num_rows, ...) each."""


@dataclass(frozen=True)
class DifferentRow:
    """A row whose tensors differ.

    Attributes:
        row: Its place among the compared rows.
        logged: The features that the input reads, as logged.
        ours: What the contract makes of them.
        theirs: What the other code does.
    """

    row: int
    logged: dict[str, Any]
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class InputParity:
    """One input of the two.

    Attributes:
        input: Its name.
        rows: Rows whose tensors were compared.
        different: Those whose tensors differ in any place.
        largest: The largest difference of two finite numbers; None where there is none.
        problem: Why nothing could be compared, or None.
        examples: The first rows that differ.
    """

    input: str
    rows: int
    different: int
    largest: float | None
    problem: str | None
    examples: tuple[DifferentRow, ...]


def compare_transform(
    encoder: RowEncoder, batch: pa.RecordBatch, transform: Transform, name: str
) -> tuple[InputParity, ...]:
    """Run somebody's transform over logged rows, and compare its tensors with the contract's.

    Args:
        encoder: The contract.
        batch: (num_rows,) rows that it accepts, with every column that it reads.
        transform: The other code.
        name: What it is called, for messages.

    Returns:
        Every input of the contract in order, then those that the contract does not have.

    Raises:
        RunFailed: The code raised, or did not answer with a mapping.
    """
    rows = batch.to_pylist()
    try:
        answer = transform(rows)
    except Exception as error:
        raise RunFailed(
            f"{name} raised {type(error).__name__} over {len(rows):,} rows: {_culprit(transform, rows, error)}"
        ) from error
    if not isinstance(answer, Mapping):
        raise RunFailed(f"{name} answered with {type(answer).__name__}, expected a mapping of input names to arrays")
    ours = encoder(batch)
    features = encoder.features_of(batch)
    found = [_compare(one, ours[one], answer.get(one), one in answer, rows, features.get(one, ())) for one in ours]
    found += [
        InputParity(str(one), 0, 0, None, "the contract has no such input", ()) for one in answer if one not in ours
    ]
    return tuple(found)


def _culprit(transform: Transform, rows: list[dict[str, Any]], error: Exception) -> str:
    """The error, and the first row that raises by itself."""
    for place, row in enumerate(rows):
        try:
            transform([row])
        except Exception as alone:  # somebody's code may raise anything
            return f"{alone}; row {place} does by itself: {row}"
    return f"{error}; no row does by itself"


def _compare(
    name: str, ours: Any, theirs: Any, given: bool, rows: list[dict[str, Any]], features: tuple[str, ...]
) -> InputParity:
    if not given:
        return InputParity(name, 0, 0, None, "it gives no such input", ())
    mine, its = _array(ours), _array(theirs)
    if mine.shape != its.shape:
        problem = f"it gives the shape {its.shape}, expected {mine.shape}"
        return InputParity(name, 0, 0, None, problem, ())
    if len(mine) != len(rows):
        return InputParity(name, 0, 0, None, "a tensor without a row per row is not compared", ())
    apart = _apart(mine, its).reshape(len(mine), -1).any(axis=1)
    places = np.flatnonzero(apart)
    examples = tuple(
        DifferentRow(
            int(place), {key: rows[place].get(key) for key in features}, mine[place].tolist(), its[place].tolist()
        )
        for place in places[:MOST_EXAMPLES]
    )
    return InputParity(name, len(mine), len(places), _largest(mine, its), None, examples)


def _array(values: Any) -> npt.NDArray[Any]:
    detached = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(detached)


def _apart(mine: npt.NDArray[Any], its: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where values differ; NaN is equal to NaN, and numbers are compared as the contract's dtype holds them."""
    if mine.dtype.kind in "fiub" and its.dtype.kind in "fiub":
        held = its.astype(mine.dtype) if mine.dtype.kind == "f" else its
        same = mine == held
        if mine.dtype.kind == "f":
            same |= np.isnan(mine) & np.isnan(held)
        apart: npt.NDArray[np.bool_] = ~same
        return apart
    return np.asarray(mine.astype(object) != its.astype(object), bool)


def _largest(mine: npt.NDArray[Any], its: npt.NDArray[Any]) -> float | None:
    if mine.dtype.kind not in "fiub" or its.dtype.kind not in "fiub" or not mine.size:
        return None
    away = np.abs(mine.astype(np.float64) - its.astype(np.float64))
    finite = away[np.isfinite(away)]
    return float(finite.max()) if finite.size else None
