"""Which columns become which argument of forward(): guessed from names and shapes, only where unambiguous."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from replay.checkpoints import Signature, TensorSpec
from replay.config.sections.dtypes import DTYPES
from replay.init.leaves import Leaf, normalized

TODO = "TODO"
_MOST_NAMED = 12
_ID_LIKE = re.compile(r"(\w+_)?(id|idx|index|ids|bucket|hash|code|category|cat)(_\w+)?|c\d+")
# How an item was shown is logged beside the features, but serving does not know it when it scores.
_EXPOSURE = re.compile(r"(\w+_)?(position|rank|index_in_page)")


@dataclass(frozen=True)
class DraftInput:
    """An entry of ``model.inputs``, as far as it could be guessed.

    Attributes:
        fields: Keys and values, in the order to write them.
        notes: What to check or fill in.
    """

    fields: dict[str, Any]
    notes: tuple[str, ...] = ()


def guess_inputs(signature: Signature, columns: Sequence[Leaf]) -> tuple[DraftInput, ...]:
    """Draft the inputs of a checkpoint that describes its own.

    Args:
        signature: Inputs by name, with dtype and shape where the file says.
        columns: Columns that may be features, in schema order.

    Returns:
        An entry an input, in order; what could not be guessed holds TODO.
    """
    return _Matcher(signature.inputs, columns).match()


class _Matcher:
    """Gives columns to inputs, the surest matches first; a column goes to one input."""

    def __init__(self, specs: Sequence[TensorSpec], columns: Sequence[Leaf]) -> None:
        self._specs = specs
        self._free = list(columns)
        self._entries: dict[int, DraftInput] = {}

    def match(self) -> tuple[DraftInput, ...]:
        for attempt in (self._by_name, self._by_prefix, self._by_count, self._by_list, self._as_mask):
            for index, spec in enumerate(self._specs):
                if index not in self._entries:
                    entry = attempt(spec)
                    if entry is not None:
                        self._entries[index] = entry
        return tuple(self._entries.get(index) or self._unknown(spec) for index, spec in enumerate(self._specs))

    def _by_name(self, spec: TensorSpec) -> DraftInput | None:
        """A column of the input's own name, where its form fits."""
        for column in self._free:
            if column.words == normalized(spec.name) and _fits(spec, column):
                return self._list(spec, column) if column.is_list else self._scalars(spec, [column])
        return None

    def _by_prefix(self, spec: TensorSpec) -> DraftInput | None:
        """Columns that begin with the input's name, as many as it is wide."""
        width, prefix = _width(spec), normalized(spec.name) + "_"
        named = [column for column in self._free if not column.is_list and column.words.startswith(prefix)]
        return self._scalars(spec, named) if width is not None and len(named) == width else None

    def _by_count(self, spec: TensorSpec) -> DraftInput | None:
        """All columns of a suitable kind, where there are as many as the input is wide."""
        width = _width(spec)
        others = [
            other
            for index, other in enumerate(self._specs)
            if index not in self._entries and _width(other) == width and _is_float(other) == _is_float(spec)
        ]
        if width is None or len(others) != 1:
            return None
        for pool in self._pools(spec):
            if len(pool) == width:
                return self._scalars(spec, pool)
        return None

    def _pools(self, spec: TensorSpec) -> list[list[Leaf]]:
        """What the columns of an input may be, the likeliest first."""
        if _is_float(spec):
            choices: tuple[Callable[[Leaf], bool], ...] = (
                lambda leaf: leaf.kind == "float",
                lambda leaf: leaf.kind in ("float", "int") and not _is_id(leaf) and not _is_exposure(leaf),
                lambda leaf: leaf.kind in ("float", "int", "bool") and not _is_id(leaf) and not _is_exposure(leaf),
                lambda leaf: leaf.kind in ("float", "int") and not _is_id(leaf),
            )
        else:
            choices = (
                lambda leaf: leaf.kind == "int" and _is_id(leaf),
                lambda leaf: leaf.kind == "int" and not _is_exposure(leaf),
                lambda leaf: leaf.kind == "string" and _is_id(leaf),
                lambda leaf: leaf.kind == "string",
            )
        scalars = [leaf for leaf in self._free if not leaf.is_list]
        return [[leaf for leaf in scalars if choice(leaf)] for choice in choices]

    def _by_list(self, spec: TensorSpec) -> DraftInput | None:
        """The one list column of a suitable kind that is left, for the one input that is left to take it."""
        kinds = ("float",) if _is_float(spec) else ("int", "string")
        width = _width(spec)
        lists = [
            column
            for column in self._free
            if column.is_list and column.kind in kinds and column.length in (None, width)
        ]
        others = [
            other
            for index, other in enumerate(self._specs)
            if index not in self._entries and _rank(other) == 2 and _is_float(other) == _is_float(spec)
            if not _is_mask(other)
        ]
        if _rank(spec) != 2 or _is_mask(spec) or len(lists) != 1 or len(others) != 1:
            return None
        return self._list(spec, lists[0])

    def _as_mask(self, spec: TensorSpec) -> DraftInput | None:
        """The mask of the ragged input whose name or shape it shares."""
        ragged = [
            other
            for index, other in enumerate(self._specs)
            if index in self._entries and "pad" in self._entries[index].fields and _rank(spec) in (None, 2)
        ]
        if not _is_mask(spec) or not ragged:
            return None
        named = [other for other in ragged if spec.name.startswith(other.name)]
        masked = named[0] if named else ragged[0] if len(ragged) == 1 else None
        return None if masked is None else DraftInput({**_head(spec), "mask_of": masked.name})

    def _scalars(self, spec: TensorSpec, columns: Sequence[Leaf]) -> DraftInput:
        self._claim(columns)
        names = [column.name for column in columns]
        fields = _head(spec) | ({"features": names} if _rank(spec) == 2 else {"feature": names[0]})
        if any(column.kind == "string" for column in columns):
            return DraftInput({**fields, "vocabulary": f"{TODO}.json"}, (_STRINGS,))
        return DraftInput(fields, (f"guessed: {len(names)} columns, in this order",) if len(names) > 1 else ())

    def _list(self, spec: TensorSpec, column: Leaf) -> DraftInput:
        self._claim([column])
        fields = _head(spec) | {"feature": column.name}
        notes: tuple[str, ...] = ()
        if _width(spec) is not None:
            fields["length"] = _width(spec)
        if column.length is None and not _is_float(spec):
            fields["pad"] = 0
            notes = ("guessed: shorter lists are padded with 0, longer ones cut",)
        if column.kind == "string":
            return DraftInput({**fields, "vocabulary": f"{TODO}.json"}, (*notes, _STRINGS))
        return DraftInput(fields, notes)

    def _claim(self, columns: Sequence[Leaf]) -> None:
        self._free = [column for column in self._free if column not in columns]

    def _unknown(self, spec: TensorSpec) -> DraftInput:
        """An entry to fill in, with the columns that are left to choose from."""
        kinds = ("float", "int", "bool") if _is_float(spec) else ("int", "string", "bool")
        left = [column.name for column in self._free if column.kind in kinds]
        listed = ", ".join(left[:_MOST_NAMED]) + (", ..." if len(left) > _MOST_NAMED else "")
        choice = f"not used yet: {listed}" if left else "no column of a suitable kind is left"
        rank, width = _rank(spec), _width(spec)
        if rank == 1:
            return DraftInput({**_head(spec), "feature": TODO}, (f"{TODO}: one column; {choice}",))
        if rank is not None and rank != 2:
            return DraftInput(
                {**_head(spec), "feature": TODO},
                (f"{TODO}: takes shape {_shape(spec)}, which no column has; {choice}",),
            )
        wanted = "columns to stack, or `feature` for one column" if width is None else f"{width} columns, in order"
        return DraftInput({**_head(spec), "features": [TODO]}, (f"{TODO}: {wanted}; {choice}",))


_STRINGS = f"{TODO}: strings need a `vocabulary` (a JSON file) or `hash: {{function: xxhash64, buckets: N}}`"


def _head(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name or TODO, "dtype": spec.dtype if spec.dtype in DTYPES else "float32"}


def _rank(spec: TensorSpec) -> int | None:
    return None if spec.shape is None else len(spec.shape)


def _width(spec: TensorSpec) -> int | None:
    """Columns of a (batch, n) input, where the file says."""
    if spec.shape is None or len(spec.shape) != 2 or isinstance(spec.shape[1], str):
        return None
    return spec.shape[1]


def _shape(spec: TensorSpec) -> str:
    return "(" + ", ".join(str(size) for size in spec.shape or ()) + ")"


def _fits(spec: TensorSpec, column: Leaf) -> bool:
    """Whether one column can fill an input: a list a matrix, a scalar a vector or a matrix of one column."""
    rank = _rank(spec)
    return rank is None or (rank == 2 if column.is_list else rank == 1 or _width(spec) == 1)


def _is_float(spec: TensorSpec) -> bool:
    return spec.dtype is None or "float" in spec.dtype


def _is_mask(spec: TensorSpec) -> bool:
    return "mask" in normalized(spec.name).split("_")


def _is_id(leaf: Leaf) -> bool:
    return _ID_LIKE.fullmatch(leaf.words) is not None


def _is_exposure(leaf: Leaf) -> bool:
    return _EXPOSURE.fullmatch(leaf.words) is not None
