"""``shift``: an amount was added, within a range that begins again where it ends, such as the hours of a day."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from replay.config.sections.base import NotBool
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values
from replay.scenarios.draw import map_elements
from replay.scenarios.numbers import add_to_numbers, from_numpy, map_numbers, require_numbers
from replay.scenarios.op import Apply, Op, Site, register

_MOST = 2**62  # a modulus and an amount within it add up in 64 bits

Amount = Annotated[float, Field(allow_inf_nan=False), NotBool]


@register("shift", rank=45)
class Shift(Op):
    """Adds an amount; with `modulo` what is left of it and of the value in a range, as an hour has from 0 up to 24."""

    at_least_one: ClassVar[tuple[str, ...]] = ("by", "modulo")

    by: Amount = 0.0
    """shift: what is added to values; to integers rounded."""
    modulo: Annotated[float, Field(gt=0, allow_inf_nan=False), NotBool] | None = None
    """shift: length of the range in which values stay: 24 for hours, 7 for weekdays. Without `by`, the remainder."""
    start: Amount = 0.0
    """shift: where the range of `modulo` begins: 1 for weekdays from 1 to 7."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        return lambda values, draw: map_elements(values, draw, lambda flat, _: self._shifted(flat))

    def _shifted(self, values: pa.Array) -> pa.Array:
        if self.modulo is None:
            return add_to_numbers(values, np.full(len(values), self.by))
        modulo, by, start = self.modulo, self.by, self.start
        amounts = (modulo, by, start)
        if pa.types.is_integer(values.type) and all(one.is_integer() and abs(one) < _MOST for one in amounts):
            return _remainders(values, int(modulo), int(by), int(start))
        return map_numbers(values, lambda numbers: start + np.mod(numbers + by - start, modulo))


def _remainders(values: pa.Array, modulo: int, by: int, start: int) -> pa.Array:
    """The same in integers, exactly; clamped to what their type holds."""
    if not len(values):
        return values
    dtype = NUMPY_TYPES[values.type]
    numbers = fixed_width_values(values, dtype)
    # Of unsigned numbers of 64 bits the remainder fits the signed ones.
    wide = numbers if dtype == np.uint64 else numbers.astype(np.int64)
    left = (wide % wide.dtype.type(modulo)).astype(np.int64)
    moved = start + (left + (by - start) % modulo) % modulo
    info = np.iinfo(dtype)
    return from_numpy(np.clip(moved, int(info.min), min(int(info.max), 2**63 - 1)).astype(dtype), values)
