"""The steps of a told scenario on plain arrays, written from what the docs say of each op, with none of its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench.diagnosis.causes.stale import newest_before
from tests.bench.diagnosis.world import Floats, Layout, Mask, Served, Traffic

Step = Mapping[str, Any]


class CannotReplay(Exception):
    """A told cause of which this file does not know what it does."""


@dataclass(eq=False)
class Columns:
    """Features on their way through the steps.

    Attributes:
        layout: Of the world.
        traffic: What was logged.
        served: As the model takes them.
        null: ``(num_rows,)`` by feature, where some are null.
        lengths: ``(num_rows,)`` elements of lists by feature, where they are no longer the logged ones.
    """

    layout: Layout
    traffic: Traffic
    served: Served
    null: dict[str, Mask]
    lengths: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def nulls_of(self, name: str) -> Mask:
        """Rows in which a feature is null."""
        return self.null.get(name, np.zeros(len(self.traffic), np.bool_))

    def set(self, name: str, values: np.ndarray, null: Mask) -> None:
        """Give a feature other values; null is what the contract makes of it."""
        default = self.layout.missing.get(name, 0)
        where = null if values.ndim == 1 else null[:, None]
        self.served[name] = np.where(where, default, values).astype(self.served[name].dtype)
        self.null[name] = null

    def is_id(self, name: str) -> bool:
        """Whether the model looks it up."""
        return name in (*self.layout.query_ids, *self.layout.item_ids)

    def elements(self, name: str) -> Mask:
        """Places that hold a value: all of a number, of a list those before its padding."""
        values = self.served[name]
        if values.ndim == 1:
            return np.ones(len(values), np.bool_)
        return np.asarray(np.arange(values.shape[1]) < self.lengths_of(name)[:, None])

    def lengths_of(self, name: str) -> NDArray[np.int64]:
        """Elements of a list that the model takes."""
        if name not in self.lengths:
            column = self.traffic.table[name].combine_chunks()
            lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            self.lengths[name] = np.minimum(lengths, self.served[name].shape[1]).astype(np.int64)
        return self.lengths[name]


def take_step(columns: Columns, step: Step) -> None:
    """Change the features that a step names.

    Raises:
        CannotReplay: Its op is not known here.
    """
    if step["op"] not in _STEPS:
        raise CannotReplay(f"op {step['op']}")
    families = (columns.layout.families[family] for family in step["families"])
    names = dict.fromkeys([*step["features"], *(name for family in families for name in family)])
    _STEPS[step["op"]](columns, tuple(names), step)


def _nulls(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    for name in names:
        columns.set(name, columns.served[name], np.ones(len(columns.traffic), np.bool_))


def _constant(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    for name in names:
        value = step["value"]
        value = columns.layout.indices([value])[0] if columns.is_id(name) else float(value)
        held = np.where(columns.elements(name), value, 0)
        columns.set(name, held, np.zeros(len(columns.traffic), np.bool_))


def _numbers(columns: Columns, names: tuple[str, ...], function: Callable[[Floats], Floats]) -> None:
    for name in names:
        values = columns.served[name]
        changed = function(values.astype(np.float64))
        changed = np.where(columns.elements(name), changed, values)
        columns.set(name, np.rint(changed) if columns.is_id(name) else changed, columns.nulls_of(name))


def _scale(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    functions = {"log1p": lambda one: np.log1p(np.maximum(one, 0.0)), "expm1": np.expm1}
    if step.get("function"):
        _numbers(columns, names, functions[step["function"]])
    else:
        _numbers(columns, names, lambda values: values * step["factor"])


def _shift(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    by, modulo, start = step.get("by") or 0.0, step.get("modulo"), step.get("start") or 0.0
    if modulo is None:
        _numbers(columns, names, lambda values: values + by)
    else:
        _numbers(columns, names, lambda values: start + np.mod(values + by - start, modulo))


def _remap(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    for name in names:
        encoded = columns.traffic.table[name].combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        table = {_key(key): value for key, value in step["values"].items()}
        logged = [*encoded.dictionary.to_pylist(), None]
        became = [one if one is None else table.get(_key(one), one) for one in logged]
        null = np.array([one is None for one in became])[codes]
        if columns.is_id(name):
            values: list[float] = [float(one) for one in columns.layout.indices(became)]
        else:
            values = [0.0 if one is None else float(one) for one in became]
        columns.set(name, np.array(values)[codes], null)


def _key(value: Any) -> str:
    """Values that are the same number are the same."""
    try:
        return f"{float(value):.7g}"
    except ValueError:
        return str(value)


def _stale(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    lag = _single(step["lag"])
    if not isinstance(lag, timedelta):
        raise CannotReplay(f"lag {lag}")
    lag_us = max(1, round(lag.total_seconds() * 1e6))
    source = newest_before(columns.traffic.entity, columns.traffic.time_us, lag_us)
    for name in names:
        columns.set(name, columns.served[name][source], columns.nulls_of(name)[source] | (source < 0))


def _swap(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    for here, there in zip(names, step["with"], strict=True):
        values = columns.served[here], columns.served[there]
        nulls = columns.nulls_of(here), columns.nulls_of(there)
        columns.set(here, values[1], nulls[1])
        columns.set(there, values[0], nulls[0])


def _cast(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    rounded = {"nearest": np.rint, "down": np.floor, "toward_zero": np.trunc}[step.get("rounding") or "nearest"]
    decimals, dtype = step.get("decimals"), step.get("dtype")
    if decimals is not None:
        _numbers(columns, names, lambda values: rounded(values * 10.0**decimals) / 10.0**decimals)
    elif dtype in ("float16", "bfloat16", "float32"):
        kind = getattr(torch, dtype)
        _numbers(columns, names, lambda values: torch.from_numpy(values).to(kind).double().numpy())
    elif step.get("overflow") == "wrap":
        # The lowest bits of an integer of 64, as C and numpy take them.
        _numbers(columns, names, lambda values: rounded(values).astype(np.int64).astype(dtype).astype(np.float64))
    else:
        bounds = np.iinfo(str(dtype))
        _numbers(columns, names, lambda values: np.clip(rounded(values), bounds.min, bounds.max))


def _rearrange(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    for name in names:
        values, lengths = columns.served[name], columns.lengths_of(name)
        made = np.zeros_like(values)
        for row, length in enumerate(lengths):
            part = _rearranged(values[row, :length], values.shape[1], step)
            made[row, : len(part)] = part
            columns.lengths[name][row] = len(part)
        columns.set(name, made, columns.nulls_of(name))


def _rearranged(elements: Floats, length: int, step: Step) -> Floats:
    """One list."""
    first, last = (_single(step.get(name)) for name in ("first", "last"))
    if step.get("reverse"):
        return elements[::-1]
    if first is not None:
        return elements[:first]
    if last is not None:
        return elements[-last:]
    if step.get("skip_first"):
        return elements[step["skip_first"] :]
    if step.get("skip_last"):
        return elements[: -step["skip_last"]]
    if step.get("pad_side") == "left":
        return np.concatenate([np.zeros(length - len(elements), elements.dtype), elements])
    raise CannotReplay(f"rearrange {dict(step)}")


def _single(value: Any) -> Any:
    """Of an argument that may list several, the one that there is; None where there is none."""
    return next(iter(value), None) if isinstance(value, list | tuple) else value


def _clip(columns: Columns, names: tuple[str, ...], step: Step) -> None:
    _numbers(columns, names, lambda values: np.clip(values, step.get("min"), step.get("max")))


_STEPS: dict[str, Callable[[Columns, tuple[str, ...], Step], None]] = {
    "nulls": _nulls,
    "constant": _constant,
    "scale": _scale,
    "shift": _shift,
    "remap": _remap,
    "stale": _stale,
    "swap": _swap,
    "cast": _cast,
    "rearrange": _rearrange,
    "clip": _clip,
}
