"""The columns of a stacked input stand in another order than the model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pyarrow as pa
import torch

from replay.features import resolve_features
from replay.rehearsal.fixes.bench import Bench, Integers, Tensors
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_BUDGET = 200_000  # rows that one input's orders may cost
_LEAST_ROWS = 16
_SCREENED = 24
_MORE_ROWS = 256
_MOST = 6


@dataclass(frozen=True)
class _Order:
    """Where each column is taken from, ``(num_columns,)``, and what that is in words."""

    columns: tuple[int, ...]
    words: str


@register("order", rank=60)
class ColumnOrder(FixKind):
    """Two columns swapped, one moved to an end, or all of them in the order of the table, of names or of types."""

    def propose(self, bench: Bench, contract: Contract) -> Iterator[Contract]:
        """The orders under which a few rows come closest to online, for each stack."""
        inputs = resolve_features(contract.model, bench.batch.schema).inputs
        for place, entry in enumerate(contract.model.inputs):
            found = [resolved.feature for resolved in inputs.get(entry.name, ())]
            if not entry.features or len(found) < 2:
                continue
            types = {feature.name: feature.type for feature in found}
            by_schema = sorted(range(len(found)), key=lambda index: (found[index].place, found[index].name))
            orders = list(_orders(bench, contract, entry.name, types, tuple(by_schema)))
            names = list(types)
            for order in _closest(bench, contract, entry.name, orders):
                features = tuple(names[column] for column in order.columns)
                changed = contract.with_input(place, order.words, features=features)
                if changed is not None:
                    yield changed


def _orders(
    bench: Bench, contract: Contract, name: str, types: Mapping[str, pa.DataType], by_schema: tuple[int, ...]
) -> Iterator[_Order]:
    names, size = list(types), len(types)
    every = tuple(range(size))
    whole = pa.types.is_integer, pa.types.is_floating
    named = {
        "in the order of the table": by_schema,
        "in alphabetical order": tuple(sorted(every, key=lambda column: names[column])),
        "in reverse order": every[::-1],
        "with integers before floats": _first(every, lambda column: whole[0](types[names[column]])),
        "with floats before integers": _first(every, lambda column: whole[1](types[names[column]])),
    }
    seen = {every}
    for words, columns in named.items():
        if columns not in seen:
            seen.add(columns)
            yield _Order(columns, f"the columns of `{name}` {words}")
    felt = _felt(bench, contract, name, size)
    for left, right in combinations(felt, 2):
        swapped = list(every)
        swapped[left], swapped[right] = right, left
        if tuple(swapped) not in seen:
            yield _Order(tuple(swapped), f"`{names[left]}` and `{names[right]}` swapped in `{name}`")
    for column in felt if size > 2 else ():
        rest = tuple(other for other in every if other != column)
        yield _Order((column, *rest), f"`{names[column]}` first in `{name}`")
        yield _Order((*rest, column), f"`{names[column]}` last in `{name}`")


def _first(every: tuple[int, ...], wanted: Callable[[int], bool]) -> tuple[int, ...]:
    return tuple(sorted(every, key=lambda column: not wanted(column)))


def _felt(bench: Bench, contract: Contract, name: str, size: int) -> list[int]:
    """Columns whose swaps are tried: all of them, or those that move the score most where that were too many."""
    most = int((2 * _BUDGET / _LEAST_ROWS) ** 0.5)
    if size <= most:
        return list(range(size))
    rows = bench.fit[:_LEAST_ROWS]
    tensors, _ = bench.encode(contract.model, rows)
    moves = [_rolled(name, column) for column in range(size)]
    before = bench.answers_to(tensors).scores(contract.model.output)
    after = [bench.answers_to(move(tensors)).scores(contract.model.output) for move in moves]
    sizes = np.nan_to_num(np.abs(np.stack(after) - before)).mean(axis=1)
    return sorted(np.argsort(-sizes, kind="stable")[:most].tolist())


def _rolled(name: str, column: int) -> Callable[[Tensors], Tensors]:
    def move(tensors: Tensors) -> Tensors:
        stack = tensors[name].clone()
        stack[:, column] = stack[:, column].roll(1)
        return {**tensors, name: stack}

    return move


def _closest(bench: Bench, contract: Contract, name: str, orders: list[_Order]) -> list[_Order]:
    """The best on a few rows, then of these the best on more."""
    few = min(max(_BUDGET // max(len(orders), 1), _LEAST_ROWS), len(bench.screen))
    for rows, kept in ((bench.fit[:few], _SCREENED), (bench.fit[:_MORE_ROWS], _MOST)):
        orders = _best(bench, contract, name, orders, rows)[:kept]
    return orders


def _best(bench: Bench, contract: Contract, name: str, orders: list[_Order], rows: Integers) -> list[_Order]:
    same = partial(_permuted, name, slice(None))
    own, *tried = bench.try_tensors(
        contract, [same, *(partial(_permuted, name, list(order.columns)) for order in orders)], rows
    )
    better = [index for index, one in enumerate(tried) if one[0] > own[0] or one[1] > own[1]]
    return [orders[index] for index in sorted(better, key=lambda index: tried[index], reverse=True)]


def _permuted(name: str, columns: list[int] | slice, tensors: Tensors) -> Tensors:
    stack: torch.Tensor = tensors[name]
    return {**tensors, name: stack[:, columns]}
