"""Arguments of forward() that are made of a list column, and their masks and lengths.

What a null is, in a list input: a null element becomes ``missing``, and its mask is 1, for its place was logged. A null
list becomes ``missing`` in every place of its row, and its mask is 0, for nothing was logged there. Without ``missing``
either one refuses the row. An empty list is no null: with ``pad`` its row is padding. What is cut off is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.codecs.base import Codec
from replay.features.codecs.buffers import null_mask, plain, take
from replay.features.codecs.vectors import is_vector, vector_to_list
from replay.features.dtypes import Array, TensorDtype
from replay.features.inputs import Block
from replay.features.reader import LoggedColumns
from replay.features.rejects import NULL, WRONG_LENGTH, Reasons, first_reason

if TYPE_CHECKING:
    import torch

_Integers = npt.NDArray[np.int64]

_MOST_APART: Final = 3
"""Elements are encoded with those between them where these make them no more than so many times as many."""


@dataclass(frozen=True)
class Ragged:
    """A list array taken apart.

    Attributes:
        values: The child array; rows may lie in it in any order, with gaps.
        starts: Where each row begins in ``values``, (num_rows,).
        lengths: Elements of each row, (num_rows,); 0 where the list is null.
        null: (num_rows,), True where the list is null; None where none is.
    """

    values: pa.Array
    starts: _Integers
    lengths: _Integers
    null: npt.NDArray[np.bool_] | None

    def cut(self, width: int, *, keep_last: bool = False) -> Ragged:
        """The same lists, none longer than ``width``: their first elements, or their last."""
        lengths = np.minimum(self.lengths, width)
        starts = self.starts + (self.lengths - lengths) if keep_last else self.starts
        return replace(self, starts=starts, lengths=lengths)

    def without(self, rows: npt.NDArray[np.bool_]) -> Ragged:
        """The same lists, empty in some rows."""
        return replace(self, lengths=np.where(rows, 0, self.lengths))

    def places(self) -> tuple[_Integers, _Integers]:
        """The row of each element and its place in the row, (num_elements,) each."""
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths)
        ends = np.cumsum(self.lengths)
        return rows, np.arange(len(rows)) - np.repeat(ends - self.lengths, self.lengths)

    def elements(self) -> pa.Array:
        """All elements, row by row, (num_elements,)."""
        if len(self.lengths) == 0:
            return self.values.slice(0, 0)
        ends = self.starts + self.lengths
        if (ends[:-1] == self.starts[1:]).all():  # one row lies right behind the other
            return self.values.slice(int(self.starts[0]), int(ends[-1] - self.starts[0]))
        rows, places = self.places()
        return take(self.values, pa.array(self.starts[rows] + places))

    def lying(self) -> tuple[pa.Array, _Integers]:
        """An array with all elements, and where each row begins in it, (num_rows,).

        It is a part of the child array where others between them are not many: what was cut off, for instance.
        """
        total, ends = int(self.lengths.sum()), self.starts + self.lengths
        filled = self.lengths > 0
        low = int(self.starts.min(initial=len(self.values), where=filled))
        high = int(ends.max(initial=low, where=filled))
        if high - low > _MOST_APART * total:
            return self.elements(), np.cumsum(self.lengths) - self.lengths
        return self.values.slice(low, high - low), np.clip(self.starts - low, 0, high - low)


def take_apart(array: pa.Array) -> Ragged:
    """Read any of Arrow's lists, or a Spark ML vector."""
    array = plain(array)
    if is_vector(array.type):
        array = vector_to_list(array)
    size, start, null = len(array), array.offset, null_mask(array)
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
        starts, lengths = np.arange(start, start + size) * width, np.full(size, width)
    elif pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        dtype = np.int32 if pa.types.is_list_view(array.type) else np.int64
        starts, lengths = (_integers(array.buffers()[buffer], dtype, start, size) for buffer in (1, 2))
    else:
        dtype = np.int64 if pa.types.is_large_list(array.type) else np.int32
        offsets = _integers(array.buffers()[1], dtype, start, size + 1) if size else np.zeros(1, np.int64)
        starts, lengths = offsets[:-1], np.diff(offsets)
    if null is not None:
        lengths = np.where(null, 0, lengths)
    return Ragged(array.values, starts, lengths, null)


def _integers(buffer: pa.Buffer, dtype: type[np.signedinteger], start: int, size: int) -> _Integers:
    if size == 0:
        return np.zeros(0, np.int64)
    return np.frombuffer(buffer, dtype, size, start * np.dtype(dtype).itemsize).astype(np.int64)


class ListInput:
    """One list column: (num_rows, length).

    Args:
        name: The input's name.
        feature: What it reads.
        codec: How its elements are encoded; its ``fill`` is what nulls become.
        length: Places in a row; None: those of the batch's longest list, and at least one.
        pad: Fills the places of a shorter list, in the target's storage; longer lists are cut. None: every list has
            exactly ``length`` elements, or its row is refused.
        keep_last: Longer lists are cut at their beginning, not at their end.
        left: Shorter lists are padded before their elements, not after them.
    """

    def __init__(
        self,
        name: str,
        feature: str,
        codec: Codec,
        length: int | None,
        pad: np.generic | None,
        *,
        keep_last: bool = False,
        left: bool = False,
    ) -> None:
        self.name = name
        self.features: tuple[str, ...] = (feature,)
        self._feature = feature
        self._codec = codec
        self._length = length
        self._pad = pad
        self._keep_last = keep_last
        self._left = left

    def encode(self, columns: LoggedColumns, num_rows: int) -> Block:
        """See :meth:`replay.features.inputs.InputEncoder.encode`."""
        return self._encode(columns[self._feature], least=1)

    def update(self, columns: Mapping[str, pa.Array], into: torch.Tensor) -> Block:
        """See :meth:`replay.features.inputs.InputEncoder.update`.

        Without ``length``, the width stays that of ``into`` unless a row is now longer: then the tensor is a new one.
        """
        block = self._encode(columns[self._feature], least=into.shape[1])
        return replace(block, tensor=into.copy_(block.tensor)) if block.tensor.shape == into.shape else block

    def refusals(self, columns: LoggedColumns, num_rows: int) -> dict[str, Reasons]:
        """See :meth:`replay.features.inputs.InputEncoder.refusals`."""
        reasons = self.encode(columns, num_rows).reasons
        return {} if reasons is None else {self._feature: reasons}

    def _encode(self, array: pa.Array, least: int) -> Block:
        lists = take_apart(array)
        width = self._length or max(least, int(lists.lengths.max(initial=0)))
        reasons: Reasons | None = None
        if self._pad is None:
            wrong = lists.lengths != width
            if lists.null is not None:
                wrong &= ~lists.null
            if wrong.any():
                reasons = np.where(wrong, WRONG_LENGTH, 0).astype(np.int8)
                lists = lists.without(wrong)
        else:
            lists = lists.cut(width, keep_last=self._keep_last)
        out, unfit = self._fill(lists, width)
        reasons = first_reason(reasons, unfit)
        if lists.null is not None:
            if self._codec.fill is None:
                reasons = first_reason(reasons, np.where(lists.null, NULL, 0).astype(np.int8))
            else:
                out[lists.null] = self._codec.fill
        return Block(self._codec.target.tensor(out), reasons, lists.lengths, self._left)

    def _fill(self, lists: Ragged, width: int) -> tuple[Array, Reasons | None]:
        """Encode the elements into rows of ``width`` places; the others hold ``pad``."""
        num_rows, storage = len(lists.lengths), self._codec.target.storage
        if lists.lengths.sum() == num_rows * width:  # no row is padded
            out = np.empty((num_rows, width), storage)
            unfit = self._codec.encode(lists.elements(), out.reshape(-1))
            return out, None if unfit is None else _first_in_row(unfit.reshape(num_rows, width))
        elements, starts = lists.lying()
        room = width if self._left else 0  # of the window that ends where the first list does
        starts = starts + lists.lengths if self._left else starts
        flat = np.empty(len(elements) + width, storage)
        unfit = self._codec.encode(elements, flat[room : room + len(elements)])
        out = _windows(flat, starts, width)
        padding = ~logged_places(lists.lengths, width, left=self._left)
        np.copyto(out, storage.type(0) if self._pad is None else self._pad, where=padding)
        if unfit is None:
            return out, None
        around = (np.zeros(room, np.int8), unfit, np.zeros(width - room, np.int8))
        refused = _windows(np.concatenate(around), starts, width)
        refused[padding] = 0
        return out, _first_in_row(refused)


def _windows(flat: Array, starts: _Integers, width: int) -> Array:
    """The ``width`` values from each start on, (num_rows, width); there are as many behind the last start."""
    window = np.dtype((np.void, width * flat.itemsize))  # each is copied as one piece of memory
    every = np.ndarray((len(flat) - width + 1,), window, flat, strides=(flat.itemsize,))
    return every[starts].view(flat.dtype).reshape(len(starts), width)


def logged_places(lengths: _Integers, width: int, *, left: bool = False) -> npt.NDArray[np.bool_]:
    """Where lists of some lengths, none above ``width``, have an element: (num_rows, width).

    Args:
        lengths: (num_rows,).
        width: Places in a row.
        left: Lists are padded before their elements.
    """
    narrow = np.min_scalar_type(width)
    places = np.arange(width, dtype=narrow)
    return (places[::-1] if left else places) < lengths.astype(narrow)[:, None]


def _first_in_row(refused: Reasons) -> Reasons | None:
    """The reason of each row's first refused element, (num_rows,), or None where none is."""
    if not refused.any():
        return None
    first = np.argmax(refused != 0, axis=1)
    reasons: Reasons = refused[np.arange(len(refused)), first]
    return reasons


class DerivedInput(Protocol):
    """An input that is made of a list input.

    Attributes:
        name: The input's name.
        source: The list input's name.
    """

    name: str
    source: str

    def encode(self, lists: Block) -> torch.Tensor:
        """Make it of the list input's block; the first dimension is the rows."""


class MaskInput:
    """The mask of a list input, in its shape: 1 where a place was logged, 0 where it was not.

    Args:
        name: The input's name.
        source: The list input's name.
        target: The tensor dtype.
    """

    def __init__(self, name: str, source: str, target: TensorDtype) -> None:
        self.name = name
        self.source = source
        self._target = target

    def encode(self, lists: Block) -> torch.Tensor:
        """The mask of a block, (num_rows, width)."""
        assert lists.lengths is not None, "only a list input has a mask"
        logged = logged_places(lists.lengths, lists.tensor.shape[1], left=lists.left)
        return self._target.tensor(logged.astype(self._target.storage))


class LengthsInput:
    """The lengths of a list input's lists, of which the call makes offsets: so every tensor has a row per row.

    Args:
        name: The input's name.
        source: The list input's name.
        target: The tensor dtype.
    """

    def __init__(self, name: str, source: str, target: TensorDtype) -> None:
        self.name = name
        self.source = source
        self._target = target

    def encode(self, lists: Block) -> torch.Tensor:
        """The lengths of a block's lists, (num_rows,)."""
        assert lists.lengths is not None, "only a list input has lengths"
        return self._target.tensor(lists.lengths.astype(self._target.storage))
