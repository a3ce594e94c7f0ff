"""Numbers that go through transforms: computed in float64, and rounded once, to the dtype."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from replay.features.codecs.base import Codec
from replay.features.codecs.casts import make_cast
from replay.features.dtypes import Array, TensorDtype
from replay.features.rejects import NOT_REPRESENTABLE, NULL, Reasons
from replay.features.transform import Step


class TransformedCodec:
    """Encodes numbers by way of float64.

    A logged value that float64 does not hold exactly, or whose result the dtype cannot hold, is refused. NaN and
    infinities that steps make are as good as logged ones.

    Args:
        logged: Encodes the column as float64, nulls filled with the input's ``missing``.
        steps: What is done to its numbers, in order.
        target: The tensor dtype.
        offset: Added to each result, for an integer target.

    Attributes:
        fill: What a null becomes after all steps, in the target's storage; None: a null is refused.
    """

    def __init__(self, logged: Codec, steps: Sequence[Step], target: TensorDtype, offset: int = 0) -> None:
        self.target = target
        self._logged = logged
        self._steps = tuple(steps)
        self._cast = make_cast(np.dtype(np.float64), target, offset)
        self.fill: np.generic | None = self._of_a_null()

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        if len(array) == 0:
            return None
        numbers = np.empty(len(array), np.float64)
        return self._finish(numbers, self._logged.encode(array, numbers), out)

    def _finish(self, numbers: Array, reasons: Reasons | None, out: Array) -> Reasons | None:
        """Take logged numbers through the steps, to the tensor's values and why some are refused."""
        nulls = None if reasons is None else reasons == NULL
        if nulls is not None and not nulls.any():
            nulls = None
        with np.errstate(all="ignore"):  # what a step makes of a number is that, also where it is NaN
            for step in self._steps:
                numbers, nulls = step(numbers, nulls)
        out[:], unfit = self._cast(numbers)
        if unfit is None and reasons is None:
            return None
        refused = np.zeros(len(out), np.int8) if reasons is None else np.where(reasons == NULL, 0, reasons)
        if unfit is not None:
            refused[unfit] = NOT_REPRESENTABLE
        if nulls is not None:
            refused[nulls] = NULL
        return refused if refused.any() else None

    def _of_a_null(self) -> np.generic | None:
        out = np.empty(1, self.target.storage)
        if self._logged.fill is None:
            refused = self._finish(np.zeros(1), np.array([NULL], np.int8), out)
        else:
            refused = self._finish(np.array([self._logged.fill], np.float64), None, out)
        return None if refused is not None else out[0]
