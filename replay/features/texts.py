"""Text that a model takes as it is: tensors of bytes until the call, as no tensor holds text.

A text is its UTF-8 bytes, filled up with zeros to the longest of the batch: so rows can be cut, joined and replaced
like all others. The call makes text of them again (``replay/checkpoints/scorers/texts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.buffers import null_mask, plain, plain_type
from replay.features.codecs.byte_strings import ByteStrings
from replay.features.inputs import Block
from replay.features.problems import EncodeError
from replay.features.reader import LoggedColumns
from replay.features.rejects import Reasons, first_reason, reasons_of

if TYPE_CHECKING:
    import torch

MOST_BYTES: Final = 4096
"""Of a text. A batch is as wide as its longest, so that one text of megabytes would take the memory of all rows."""
_TEXTS = (pa.string(), pa.large_string(), pa.string_view())


class TextInput:
    """Text columns: (num_rows, num_features, num_bytes) side by side, or (num_rows, num_bytes) of one.

    Args:
        name: The input's name.
        features: What it reads, in order.
        fills: What a null becomes, one for each feature; None: a null is refused.
        stacked: Whether the features stand side by side.
    """

    def __init__(self, name: str, features: Sequence[str], fills: Sequence[str | None], *, stacked: bool) -> None:
        self.name = name
        self.features = tuple(features)
        self._fills = dict(zip(features, fills, strict=True))
        self._places = {feature: place for place, feature in enumerate(features)}
        self._stacked = stacked

    def encode(self, columns: LoggedColumns, num_rows: int) -> Block:
        """See :meth:`replay.features.inputs.InputEncoder.encode`."""
        parts, reasons = self._read({feature: columns[feature] for feature in self.features})
        width = max(part.shape[1] for part in parts.values())
        out = np.zeros((num_rows, len(parts), width), np.uint8)
        self._write(parts, out)
        return self._block(out if self._stacked else out[:, 0], reasons)

    def update(self, columns: Mapping[str, pa.Array], into: torch.Tensor) -> Block:
        """See :meth:`replay.features.inputs.InputEncoder.update`.

        The width stays that of ``into`` unless a text is now longer: then the tensor is a new one.
        """
        parts, reasons = self._read({feature: columns[feature] for feature in self.features if feature in columns})
        given = into.numpy() if self._stacked else into.numpy()[:, None]
        wider = max(part.shape[1] for part in parts.values()) - given.shape[2]
        out = given if wider <= 0 else np.pad(given, ((0, 0), (0, 0), (0, wider)))
        self._write(parts, out)
        return Block(into, reasons) if wider <= 0 else self._block(out if self._stacked else out[:, 0], reasons)

    def refusals(self, columns: LoggedColumns, num_rows: int) -> dict[str, Reasons]:
        """See :meth:`replay.features.inputs.InputEncoder.refusals`."""
        found = {feature: text_matrix(columns[feature], self._fills[feature])[1] for feature in self.features}
        return {feature: reasons for feature, reasons in found.items() if reasons is not None}

    def _read(self, columns: Mapping[str, pa.Array]) -> tuple[dict[str, npt.NDArray[np.uint8]], Reasons | None]:
        parts: dict[str, npt.NDArray[np.uint8]] = {}
        reasons: Reasons | None = None
        for feature, array in columns.items():
            parts[feature], refused = text_matrix(array, self._fills[feature])
            reasons = first_reason(reasons, refused)
        return parts, reasons

    def _write(self, parts: Mapping[str, npt.NDArray[np.uint8]], out: npt.NDArray[np.uint8]) -> None:
        for feature, part in parts.items():
            column = out[:, self._places[feature]]
            column[:, : part.shape[1]] = part
            column[:, part.shape[1] :] = 0

    def _block(self, out: npt.NDArray[np.uint8], reasons: Reasons | None) -> Block:
        import torch

        return Block(torch.from_numpy(out), reasons)


def text_matrix(array: pa.Array, fill: str | None) -> tuple[npt.NDArray[np.uint8], Reasons | None]:
    """Text as rows of bytes.

    Args:
        array: (num_rows,), of text.
        fill: What a null becomes; None: it is refused.

    Returns:
        (num_rows, num_bytes), at least one byte wide, and why rows are refused: a null, or a text that has a zero byte
        or more than ``MOST_BYTES``.
    """
    values = plain(array).cast(pa.large_string())
    null = null_mask(values) if fill is None else None
    strings = ByteStrings(pc.fill_null(values, fill or "").cast(pa.large_binary()))
    total = int(strings.lengths.sum())
    rows = np.repeat(np.arange(len(values)), strings.lengths)
    unfit = strings.lengths > MOST_BYTES
    unfit[rows[strings.data[:total] == 0]] = True
    lengths = np.where(unfit, 0, strings.lengths)
    out = np.zeros((len(values), max(1, int(lengths.max(initial=0)))), np.uint8)
    out[np.arange(out.shape[1]) < lengths[:, None]] = strings.data[:total][~unfit[rows]]
    return out, reasons_of(null, unfit if unfit.any() else None)


def require_text(feature: str, logged: pa.DataType) -> None:
    """Check that a column holds text.

    Raises:
        EncodeError: It holds something else.
    """
    kind = plain_type(logged)
    if kind not in _TEXTS and not pa.types.is_null(kind):
        raise EncodeError(
            f"`{feature}`: found a column of {logged}, expected text for `dtype: string`: give the dtype of the "
            "numbers that the model takes",
            refused=True,
        )
