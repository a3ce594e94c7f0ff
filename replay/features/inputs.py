"""Arguments of forward() that are made of scalar columns: a stack of them, or one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.codecs.base import Codec
from replay.features.codecs.casts import Cast
from replay.features.codecs.numeric import NumericCodec
from replay.features.reader import LoggedColumns
from replay.features.rejects import Reasons, first_reason, reasons_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Block:
    """One input of a batch.

    Attributes:
        tensor: (num_rows, ...).
        reasons: Why rows are refused, (num_rows,), or None where none is.
        lengths: Logged elements in each row of a list input, (num_rows,), at most the tensor's width; else None.
    """

    tensor: torch.Tensor
    reasons: Reasons | None
    lengths: npt.NDArray[np.int64] | None = None


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

    Number columns of one logged type without a null are stacked by Arrow and cast as one block; any others are written
    column by column. Both give the same bits.

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
        self._cast_block = _block_cast(codecs)

    def encode(self, columns: LoggedColumns, num_rows: int) -> Block:
        """See :meth:`InputEncoder.encode`."""
        if self._cast_block is not None and num_rows:
            logged = columns.block(self.features)
            if logged is not None:
                values, unfit = self._cast_block(logged)
                return Block(
                    self._target.tensor(values), None if unfit is None else reasons_of(None, np.any(unfit, axis=1))
                )
        out = np.empty((num_rows, len(self.features)), self._target.storage)
        reasons: Reasons | None = None
        for feature, codec, column in zip(self.features, self._codecs, out.T, strict=True):
            reasons = first_reason(reasons, codec.encode(columns[feature], column))
        return Block(self._target.tensor(out), reasons)

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


def _block_cast(codecs: Sequence[Codec]) -> Cast | None:
    """The cast that all columns of a stack share, or None where they do not come as one block."""
    first = codecs[0]
    if not isinstance(first, NumericCodec) or not first.stackable:
        return None
    alike = all(isinstance(codec, NumericCodec) and codec.logged == first.logged for codec in codecs)
    return first.cast if alike else None
