"""Which columns become which argument of forward(): guessed from names, shapes and values, only where unambiguous."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay.config.sections.dtypes import DTYPES
from replay.init.forward import Argument
from replay.init.leaves import Kind, Leaf, normalized
from replay.init.patterns import is_exposure
from replay.init.roles import Look
from replay.init.sample import Facts

TODO = "TODO"
_MOST_NAMED = 12
_ID_LIKE = re.compile(r"(\w+_)?(id|idx|index|ids|bucket|hash|code|category|cat)(_\w+)?|c\d+")
_ID_ENDING = re.compile(r"_(id|ids|idx|index|indices)$")


@dataclass(frozen=True)
class DraftInput:
    """An entry of ``model.inputs``, as far as it could be guessed.

    Attributes:
        fields: Keys and values, in the order to write them.
        notes: What to check or fill in.
        reason: Why these columns.
        tables: Rows of the embeddings that its columns are looked up in, as of :class:`Argument`.
    """

    fields: dict[str, Any]
    notes: tuple[str, ...] = ()
    reason: str = ""
    tables: tuple[int | None, ...] = field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads; none where they are still to be named, or for a mask."""
        named = [*self.fields.get("features", ()), *filter(None, [self.fields.get("feature")])]
        return tuple(named) if TODO not in named else ()

    @property
    def complete(self) -> bool:
        """Whether nothing of it is left to fill in."""
        return TODO not in str(self.fields)


def _unseen(_: str) -> Facts:
    return Facts(0)


def guess_inputs(
    arguments: Sequence[Argument], columns: Sequence[Leaf], look: Look = _unseen, by_name: Sequence[Leaf] = ()
) -> tuple[DraftInput, ...]:
    """Draft the inputs of a model.

    Args:
        arguments: What forward() takes.
        columns: Columns that may be features, in schema order.
        look: What sampled rows say of a column.
        by_name: Columns that are features only where an argument has their own name: ``user_id``.

    Returns:
        An entry an argument, in order; what could not be guessed holds TODO.
    """
    return _Matcher(arguments, columns, look, by_name).match()


class _Matcher:
    """Gives columns to arguments, the surest matches first; a column goes to one argument."""

    def __init__(
        self, arguments: Sequence[Argument], columns: Sequence[Leaf], look: Look, by_name: Sequence[Leaf]
    ) -> None:
        self._arguments = arguments
        self._free = list(columns)
        self._by_name_only = list(by_name)
        self._look = look
        self._entries: dict[int, DraftInput] = {}

    def match(self) -> tuple[DraftInput, ...]:
        attempts = (self._by_name, self._by_stem, self._by_prefix, self._by_count, self._by_list, self._as_mask)
        for attempt in attempts:
            for index, argument in enumerate(self._arguments):
                if index not in self._entries:
                    entry = attempt(argument)
                    if entry is not None:
                        self._entries[index] = entry
        return tuple(
            self._entries.get(index) or self._unknown(argument) for index, argument in enumerate(self._arguments)
        )

    def _by_name(self, argument: Argument) -> DraftInput | None:
        """A column of the argument's own name, where its form fits."""
        for column in (*self._free, *self._by_name_only):
            if column.words == normalized(argument.name) and _fits(argument, column):
                return self._one(argument, column, "by name")
        return None

    def _by_stem(self, argument: Argument) -> DraftInput | None:
        """The one column whose name is the argument's but for an ending such as _id."""
        stem = _stem(argument.name)
        named = [
            column
            for column in (*self._free, *self._by_name_only)
            if stem in (_stem(column.name), _stem(column.name.rsplit(".", 1)[-1])) and _fits(argument, column)
        ]
        if len(named) != 1 or not stem or not self._in_range(argument, named):
            return None
        return self._one(argument, named[0], "by name but for its ending")

    def _by_prefix(self, argument: Argument) -> DraftInput | None:
        """Columns that begin with the argument's name, as many as it is wide."""
        width, prefix = argument.width, normalized(argument.name) + "_"
        named = [column for column in self._free if not column.is_list and column.words.startswith(prefix)]
        reason = f"the {width} columns whose names begin with {prefix}"
        return self._scalars(argument, named, reason) if width is not None and len(named) == width else None

    def _by_count(self, argument: Argument) -> DraftInput | None:
        """All columns of a suitable kind, where there are as many as the argument is wide."""
        width = argument.width
        others = [
            other
            for index, other in enumerate(self._arguments)
            if index not in self._entries and other.width == width and other.is_float == argument.is_float
        ]
        if width is None or len(others) != 1:
            return None
        for words, pool in self._pools(argument):
            if len(pool) == width and self._in_range(argument, pool):
                return self._scalars(argument, pool, f"as many as there are {words}")
        return None

    def _in_range(self, argument: Argument, columns: Sequence[Leaf]) -> bool:
        """Whether the integers among some columns are indices of the tables that the argument is looked up in."""
        tables = argument.tables if len(argument.tables) == len(columns) else (argument.table,) * len(columns)
        for column, rows in zip(columns, tables, strict=True):
            facts = self._look(column.name)
            if rows is None or column.kind not in ("int", "float") or facts.low is None or facts.high is None:
                continue
            if facts.low < 0 or facts.high > rows:
                return False
        return True

    def _pools(self, argument: Argument) -> list[tuple[str, list[Leaf]]]:
        """What the columns of an argument may be, the likeliest first."""
        numbers: tuple[Kind, ...] = ("float", "int")
        choices: tuple[tuple[str, Callable[[Leaf], bool]], ...]
        if argument.is_float:
            choices = (
                ("columns of floats", lambda leaf: leaf.kind == "float"),
                (
                    "numbers but for ids",
                    lambda leaf: leaf.kind in numbers and not _is_id(leaf) and not is_exposure(leaf),
                ),
                (
                    "numbers and bools but for ids",
                    lambda leaf: leaf.kind in (*numbers, "bool") and not _is_id(leaf) and not is_exposure(leaf),
                ),
                ("numbers, how items were shown included", lambda leaf: leaf.kind in numbers and not _is_id(leaf)),
            )
        else:
            choices = (
                ("integers called like ids", lambda leaf: leaf.kind == "int" and _is_id(leaf)),
                ("integers", lambda leaf: leaf.kind == "int" and not is_exposure(leaf)),
                ("texts called like ids", lambda leaf: leaf.kind == "string" and _is_id(leaf)),
                ("texts", lambda leaf: leaf.kind == "string"),
            )
        scalars = [leaf for leaf in self._free if not leaf.is_list]
        return [(words, [leaf for leaf in scalars if choice(leaf)]) for words, choice in choices]

    def _by_list(self, argument: Argument) -> DraftInput | None:
        """The one list column of a suitable kind that is left, for the one argument that is left to take it."""
        kinds = ("float",) if argument.is_float else ("int", "string")
        lists = [
            column
            for column in self._free
            if column.is_list and column.kind in kinds and column.length in (None, argument.width)
        ]
        others = [
            other
            for index, other in enumerate(self._arguments)
            if index not in self._entries and other.rank == 2 and other.is_float == argument.is_float
            if not _is_mask(other)
        ]
        if argument.rank != 2 or _is_mask(argument) or len(lists) != 1 or len(others) != 1:
            return None
        return self._one(argument, lists[0], "the only list that is left")

    def _as_mask(self, argument: Argument) -> DraftInput | None:
        """The mask of the ragged input whose name or shape it shares."""
        ragged = [
            other
            for index, other in enumerate(self._arguments)
            if index in self._entries and "pad" in self._entries[index].fields and argument.rank in (None, 2)
        ]
        if not _is_mask(argument) or not ragged:
            return None
        named = [other for other in ragged if argument.name.startswith(other.name)]
        masked = named[0] if named else ragged[0] if len(ragged) == 1 else None
        if masked is None:
            return None
        return DraftInput({**_head(argument), "mask_of": masked.name}, reason=f"by its name, the mask of {masked.name}")

    def _one(self, argument: Argument, column: Leaf, reason: str) -> DraftInput:
        if column.is_list:
            return self._list(argument, column, reason)
        return self._scalars(argument, [column], reason)

    def _scalars(self, argument: Argument, columns: Sequence[Leaf], reason: str) -> DraftInput:
        self._claim(columns)
        names = [column.name for column in columns]
        fields = _head(argument, columns) | ({"features": names} if argument.rank == 2 else {"feature": names[0]})
        notes = (f"guessed: {len(names)} columns, in this order",) if len(names) > 1 else ()
        return DraftInput(fields, notes, reason, argument.tables)

    def _list(self, argument: Argument, column: Leaf, reason: str) -> DraftInput:
        self._claim([column])
        fields = _head(argument, [column]) | {"feature": column.name}
        if argument.width is not None:
            fields["length"] = argument.width
        if column.length is None and not argument.is_float:
            fields["pad"] = 0
        return DraftInput(fields, (), reason, argument.tables)

    def _claim(self, columns: Sequence[Leaf]) -> None:
        self._free = [column for column in self._free if column not in columns]
        self._by_name_only = [column for column in self._by_name_only if column not in columns]

    def _unknown(self, argument: Argument) -> DraftInput:
        """An entry to fill in, with the columns that are left to choose from."""
        kinds = ("float", "int", "bool") if argument.is_float else ("int", "string", "bool")
        left = [column.name for column in self._free if column.kind in kinds]
        listed = ", ".join(left[:_MOST_NAMED]) + (", ..." if len(left) > _MOST_NAMED else "")
        choice = f"not used yet: {listed}" if left else "no column of a suitable kind is left"
        if argument.rank == 1:
            return DraftInput({**_head(argument), "feature": TODO}, (f"{TODO}: one column; {choice}",))
        if argument.rank is not None and argument.rank != 2:
            return DraftInput(
                {**_head(argument), "feature": TODO},
                (f"{TODO}: takes shape {_shape(argument)}, which no column has; {choice}",),
            )
        width = argument.width
        several = "one column" if width == 1 else f"{width} columns, in order"
        wanted = "columns to stack, or `feature` for one column" if width is None else several
        return DraftInput({**_head(argument), "features": [TODO]}, (f"{TODO}: {wanted}; {choice}",))


def _head(argument: Argument, columns: Sequence[Leaf] = ()) -> dict[str, Any]:
    dtype = argument.dtype if argument.dtype in DTYPES else "float32"
    if argument.dtype is None and columns and all(leaf.kind in ("int", "string") for leaf in columns):
        dtype = "int64"
    return {"name": argument.name or TODO, "dtype": dtype}


def _shape(argument: Argument) -> str:
    return "(" + ", ".join(str(size) for size in argument.shape or ()) + ")"


def _stem(name: str) -> str:
    return _ID_ENDING.sub("", normalized(name))


def _fits(argument: Argument, column: Leaf) -> bool:
    """Whether one column can fill an argument: a list a matrix, a scalar a vector or a matrix of one column."""
    rank = argument.rank
    return rank is None or (rank == 2 if column.is_list else rank == 1 or argument.width == 1)


def _is_mask(argument: Argument) -> bool:
    return "mask" in normalized(argument.name).split("_")


def _is_id(leaf: Leaf) -> bool:
    return _ID_LIKE.fullmatch(leaf.words) is not None
