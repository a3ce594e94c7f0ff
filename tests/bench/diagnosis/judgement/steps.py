"""The steps of a told scenario on plain arrays, written from what the docs say of each op, with none of its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch

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
    """

    layout: Layout
    traffic: Traffic
    served: Served
    null: dict[str, Mask]

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
        column = self.traffic.table[name].combine_chunks()
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        return np.asarray(np.arange(values.shape[1]) < lengths[:, None])


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
    lag = step["lag"][0] if isinstance(step["lag"], list | tuple) else step["lag"]
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
    dtype = step["dtype"]
    if dtype == "int8":
        _numbers(columns, names, lambda values: np.clip(np.rint(values), -128, 127))
    elif dtype in ("float16", "bfloat16"):
        kind = getattr(torch, dtype)
        _numbers(columns, names, lambda values: torch.from_numpy(values).to(kind).double().numpy())
    else:
        raise CannotReplay(f"cast to {dtype}")


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
    "clip": _clip,
}
