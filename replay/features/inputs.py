"""Arguments of forward() that are made of scalar columns: a stack of them, or one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.codecs.base import Codec
from replay.features.dtypes import Array
from replay.features.reader import LoggedColumns
from replay.features.rejects import Reasons, first_reason

if TYPE_CHECKING:
    import torch

_PAGE: Final = 4096
_APART: Final = 128
"""Bytes."""


@dataclass(frozen=True)
class Block:
    """One input of a batch.

    Attributes:
        tensor: (num_rows, ...).
        reasons: Why rows are refused, (num_rows,), or None where none is.
        lengths: Logged elements in each row of a list input, (num_rows,), at most the tensor's width; else None.
        left: Whether shorter lists are padded before their elements.
    """

    tensor: torch.Tensor
    reasons: Reasons | None
    lengths: npt.NDArray[np.int64] | None = None
    left: bool = False


class InputEncoder(Protocol):
    """Encodes one argument of forward().

    Attributes:
        name: The input's name.
        features: What it reads, in the order of its columns.
    """

    name: str
    features: tuple[str, ...]

    def encode(self, columns: LoggedColumns, num_rows: int) -> Block:
        """Encode all rows of a batch into a tensor of its own."""

    def update(self, columns: Mapping[str, pa.Array], into: torch.Tensor) -> Block:
        """Encode some features again.

        Args:
            columns: At least one of the input's features, each (num_rows,).
            into: What :meth:`encode` gave for these rows; written in place where the shape allows.
        """

    def refusals(self, columns: LoggedColumns, num_rows: int) -> dict[str, Reasons]:
        """Why rows are refused, (num_rows,), by feature; features that refuse none are left out."""


class ColumnInput:
    """One scalar column: (num_rows,).

    Args:
        name: The input's name.
        feature: What it reads.
        codec: How.
    """

    def __init__(self, name: str, feature: str, codec: Codec) -> None:
        self.name = name
        self.features: tuple[str, ...] = (feature,)
        self._feature = feature
        self._codec = codec

    def encode(self, columns: LoggedColumns, num_rows: int) -> Block:
        """See :meth:`InputEncoder.encode`."""
        out = np.empty(num_rows, self._codec.target.storage)
        reasons = self._codec.encode(columns[self._feature], out)
        return Block(self._codec.target.tensor(out), reasons)

    def update(self, columns: Mapping[str, pa.Array], into: torch.Tensor) -> Block:
        """See :meth:`InputEncoder.update`."""
        import torch

        out = np.empty(len(into), self._codec.target.storage)
        reasons = self._codec.encode(columns[self._feature], out)
        return Block(into.copy_(torch.from_numpy(out)), reasons)

    def refusals(self, columns: LoggedColumns, num_rows: int) -> dict[str, Reasons]:
        """See :meth:`InputEncoder.refusals`."""
        reasons = self.encode(columns, num_rows).reasons
        return {} if reasons is None else {self._feature: reasons}


class StackedInput:
    """Scalar columns side by side: (num_rows, num_features).

    Columns are logged one by one, so each is written in one go: the tensor lies column by column in memory. What calls
    a model copies its rows anyway, and turns them round as it does.

    Args:
        name: The input's name.
        features: What it reads, in order.
        codecs: How, one for each feature; all of one target.
    """

    def __init__(self, name: str, features: Sequence[str], codecs: Sequence[Codec]) -> None:
        self.name = name
        self.features = tuple(features)
        self._codecs = tuple(codecs)
        self._places = {feature: place for place, feature in enumerate(features)}
        self._target = codecs[0].target

    def encode(self, columns: LoggedColumns, num_rows: int) -> Block:
        """See :meth:`InputEncoder.encode`."""
        out = _apart(len(self.features), num_rows, self._target.storage)
        reasons: Reasons | None = None
        for feature, codec, column in zip(self.features, self._codecs, out, strict=True):
            reasons = first_reason(reasons, codec.encode(columns[feature], column))
        return Block(self._target.tensor(out.T), reasons)

    def update(self, columns: Mapping[str, pa.Array], into: torch.Tensor) -> Block:
        """See :meth:`InputEncoder.update`."""
        import torch

        out = np.empty(len(into), self._target.storage)
        reasons: Reasons | None = None
        for feature, place in self._places.items():
            if feature in columns:
                reasons = first_reason(reasons, self._codecs[place].encode(columns[feature], out))
                into[:, place] = torch.from_numpy(out)
        return Block(into, reasons)

    def refusals(self, columns: LoggedColumns, num_rows: int) -> dict[str, Reasons]:
        """See :meth:`InputEncoder.refusals`."""
        out = np.empty(num_rows, self._target.storage)
        found = ((name, self._codecs[place].encode(columns[name], out)) for name, place in self._places.items())
        return {name: reasons for name, reasons in found if reasons is not None and reasons.any()}


def _apart(num_columns: int, num_rows: int, dtype: np.dtype[Any]) -> Array:
    """Memory for columns one after the other, (num_columns, num_rows).

    Columns that begin a power of two apart would all fall into the same few places of a processor's caches, and taking
    a row of each would throw the others out: they begin two cache lines more than whole pages apart.
    """
    size = num_rows * dtype.itemsize
    if size < _PAGE:
        return np.empty((num_columns, num_rows), dtype)
    stride = -(-(size - _APART) // _PAGE) * _PAGE + _APART
    return np.empty((num_columns, stride // dtype.itemsize), dtype)[:, :num_rows]
