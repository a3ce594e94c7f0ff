"""Which input holds an index that a table of the model lacks: found by asking the model about one value at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch

from replay.errors import CheckpointMismatch

Takes = Callable[[Mapping[str, torch.Tensor]], bool]
"""Whether the model answers for some tensors."""

_OUT_OF_RANGE: Final = re.compile(r"out of range|out of bounds|out of data bounds|Class values must", re.IGNORECASE)
_INTEGERS: Final = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_NAMED: Final = 2


@dataclass(frozen=True)
class BadIndex:
    """A value that the model does not take as an index.

    Attributes:
        input: The input that holds it.
        column: Its place in a stacked input or a list; None for (batch,).
        value: The index.
        limit: The first index that is too large, with which all below are taken; 0 where even 0 is not.
        tables: Tensors of the model with so many rows.
    """

    input: str
    column: int | None
    value: int
    limit: int
    tables: tuple[str, ...]

    def words(self, feature: str | None = None) -> str:
        """What was found and expected.

        Args:
            feature: What the place is called in the log; default: its number.

        >>> BadIndex("movies", None, 1683, 1683, ("movie.weight",)).words("movie_id")
        'found the index 1,683 for `movie_id` (input `movies`), but `movie.weight` has 1,683 rows: expected 0 to 1,682'
        >>> BadIndex("ids", 2, -1, 10, ()).words()
        'found the index -1 in column 2 of input `ids`, which the model refuses: expected 0 to 9'
        """
        place = f"in column {self.column} of input `{self.input}`" if self.column is not None else ""
        where = f"for `{feature}` (input `{self.input}`)" if feature else place or f"for input `{self.input}`"
        named = " and ".join(f"`{name}`" for name in self.tables[:_NAMED])
        has = f"but {named} ha{'s' if len(self.tables) == 1 else 've'} {self.limit:,} rows"
        why = has if named else "which the model refuses"
        return f"found the index {self.value:,} {where}, {why}: expected 0 to {self.limit - 1:,}"


class IndexOutOfRange(CheckpointMismatch):
    """A logged value is no index of the model's table.

    Args:
        checkpoint: Its name.
        found: What was found.
        error: What the model said.
        feature: What the place is called in the log, where that is known.
    """

    def __init__(self, checkpoint: str, found: BadIndex, error: str, feature: str | None = None) -> None:
        self.checkpoint, self.found, self.error = checkpoint, found, error
        super().__init__(
            f"checkpoint {checkpoint!r}: {found.words(feature)} ({error})\n"
            "  log ids that the model was trained with, or see the input's `vocabulary`, `unknown`, `hash` and `offset`"
        )

    def __reduce__(self) -> tuple[type[IndexOutOfRange], tuple[str, BadIndex, str]]:
        return type(self), (self.checkpoint, self.found, self.error)

    def named(self, feature: str | None) -> IndexOutOfRange:
        """The same error with the feature's name."""
        return IndexOutOfRange(self.checkpoint, self.found, self.error, feature)


def is_about_indices(error: BaseException) -> bool:
    """Whether an error of a model speaks of an index that is not there."""
    return _OUT_OF_RANGE.search(str(error)) is not None


def find_bad_index(tensors: Mapping[str, torch.Tensor], takes: Takes, tables: Mapping[str, int]) -> BadIndex | None:
    """Find the value that makes a model refuse tensors.

    Each input of integers is tried with its largest and its smallest values alone, the others being 0: an index that is
    out of range is so at one of the two. Then half of its columns is, and so on.

    Args:
        tensors: (num_rows, ...) that it refused.
        takes: Asks the model about others.
        tables: Rows by the name of the model's matrices.

    Returns:
        One of them; None where the integers alone do not explain the refusal.
    """
    zeros = {
        name: torch.zeros_like(tensor[:1]).repeat(2, *[1] * (tensor.ndim - 1))
        if tensor.dtype in _INTEGERS
        else tensor[:1].repeat(2, *[1] * (tensor.ndim - 1))
        for name, tensor in tensors.items()
    }
    if not takes(zeros):
        return None
    for name, tensor in tensors.items():
        if tensor.dtype not in _INTEGERS or tensor.ndim not in (1, 2) or tensor.numel() == 0:
            continue
        extremes = torch.stack([tensor.amax(0), tensor.amin(0)])  # (2,) or (2, num_columns)

        def accepts(values: torch.Tensor, name: str = name) -> bool:
            return takes({**zeros, name: values})

        if not accepts(extremes):
            return _search(name, extremes, accepts, tables)
    return None


def _search(
    name: str, extremes: torch.Tensor, accepts: Callable[[torch.Tensor], bool], tables: Mapping[str, int]
) -> BadIndex | None:
    """The column and the value for which a model refuses the extremes of an input."""
    column = None if extremes.ndim == 1 else _guilty_column(extremes, accepts)

    def takes_value(value: int) -> bool:
        changed = torch.zeros_like(extremes)
        changed[... if column is None else (slice(None), column)] = value
        return accepts(changed)

    values = extremes if column is None else extremes[:, column]
    refused = next((value for value in values.tolist() if value and not takes_value(value)), None)
    if refused is None:
        return None
    limit = _limit(takes_value, refused, tables)
    return BadIndex(name, column, refused, limit, tuple(table for table, size in tables.items() if size == limit))


def _guilty_column(extremes: torch.Tensor, accepts: Callable[[torch.Tensor], bool]) -> int:
    """One of the columns that are refused, by halves."""
    low, high = 0, extremes.shape[1]
    while high - low > 1:
        middle = (low + high) // 2
        half = torch.zeros_like(extremes)
        half[:, low:middle] = extremes[:, low:middle]
        low, high = (middle, high) if accepts(half) else (low, middle)
    return low


def _limit(accepts: Callable[[int], bool], refused: int, tables: Mapping[str, int]) -> int:
    """How many indices from 0 on are taken: as many as a table has rows, where that is so, else by bisection."""
    for size in sorted({size for size in tables.values() if size > 0}):
        if (refused < 0 or size <= refused) and accepts(size - 1) and not accepts(size):
            return size
    low, high = 0, refused  # the one is taken, the other is not
    if refused < 0:
        high = 1
        while high < 2**31 and accepts(high):
            low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepts(middle) else (low, middle)
    return high
