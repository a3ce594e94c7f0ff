"""``bitflip``: bits of the value changed on the way."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.config.sections.base import PositiveInt
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values
from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.hashing import Keys
from replay.scenarios.numbers import MOST_DIGITS, from_numpy, from_unscaled, require_numbers, unscaled
from replay.scenarios.op import Apply, Op, OpProblem, Site, register


@register("bitflip", rank=90)
class Bitflip(Op):
    """Flips ``bits`` (default 1) different bits of each value's own binary form, drawn by hash.

    A float's form is IEEE 754, an integer's two's complement, a bool's its one bit. A decimal's is its unscaled
    integer, of which only bits are flipped that its digits have room for, and the result is clamped to them.
    """

    bits: PositiveInt | None = None
    """bitflip: bits that are flipped in each touched value; default: 1."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        kind = site.scalar
        if pa.types.is_decimal(kind) and kind.precision > MOST_DIGITS:
            raise OpProblem(
                f"`bitflip` takes decimals of at most {MOST_DIGITS} digits, but `{site.feature}` is logged as "
                f"{site.logged}: leave it out"
            )
        bits, width = self.bits or 1, _width(kind)
        if bits > width and not pa.types.is_null(kind):
            raise OpProblem(
                f"cannot flip {bits} bits of `{site.feature}`: a value of {site.logged} has {width}", "bits"
            )
        return lambda values, draw: map_elements(values, draw, lambda flat, drawn: _flip(flat, drawn, bits, width))


def _flip(values: pa.Array, draw: Draw, count: int, width: int) -> pa.Array:
    if len(values) == 0 or pa.types.is_null(values.type):
        return values
    mask = flip_mask(draw, count, width)
    if pa.types.is_decimal(values.type):
        most = 10**values.type.precision - 1
        return from_unscaled((unscaled(values) ^ mask.view(np.int64)).clip(-most, most), values)
    numbers = fixed_width_values(values, NUMPY_TYPES[values.type])
    if numbers.dtype.kind == "b":
        return from_numpy(~numbers, values)
    raw = np.dtype(f"u{numbers.dtype.itemsize}")
    return from_numpy((numbers.view(raw) ^ mask.astype(raw)).view(numbers.dtype), values)


def _width(kind: pa.DataType) -> int:
    """Bits of a value that may be flipped."""
    if pa.types.is_null(kind):
        return 0
    if pa.types.is_decimal(kind):
        return int(10**kind.precision).bit_length() - 1
    return 1 if pa.types.is_boolean(kind) else int(kind.bit_width)


def flip_mask(draw: Draw, count: int, width: int) -> Keys:
    """``count`` of the ``width`` lowest bits set in each value, every choice equally likely, (k,) uint64.

    Source: R. Floyd's sampling without replacement (Bentley, Floyd: A sample of brilliance, CACM 30(9), 1987).
    """
    one = np.uint64(1)
    mask = np.zeros(len(draw.keys), np.uint64)
    for place in range(width - count, width):
        drawn = one << (draw.bits(f"bit{place}") % np.uint64(place + 1))
        mask |= np.where(mask & drawn, one << np.uint64(place), drawn)
    return mask
