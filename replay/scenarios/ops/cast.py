"""``cast``: the value went through a smaller type, or lost digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from replay.config.messages.finding import Finding
from replay.config.sections.base import NotBool
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values
from replay.scenarios.draw import map_elements
from replay.scenarios.numbers import Floats, Numbers, from_numpy, map_numbers, require_numbers, to_integers
from replay.scenarios.op import Apply, Op, Site, register

_ROUNDINGS: Final = {"nearest": np.rint, "down": np.floor, "toward_zero": np.trunc}
_FLOATS: Final = ("float16", "bfloat16", "float32")


@register("cast", rank=100)
class Cast(Op):
    """Round trip through a smaller type, as torch casts floats and with a scale of 1 for integers; or fewer `decimals`.

    Through an integer type a value is rounded half to even and clamped to its range, unless ``rounding`` and
    ``overflow`` say otherwise; NaN stays NaN. An integer or decimal beyond ``float16`` comes back as the largest
    that its own type holds.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("dtype", "decimals")

    dtype: (
        Literal[
            "float16",
            "bfloat16",
            "int8",
            "float32",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
        ]
        | None
    ) = None
    """cast: the type that values go through and come back from."""
    decimals: Annotated[int, Field(ge=0, le=15), NotBool] | None = None
    """cast: instead of `dtype`, how many decimal places are left."""
    rounding: Literal["nearest", "down", "toward_zero"] = "nearest"
    """cast: how a value becomes an integer or loses places: to the `nearest` (halves to even), `down`, or `toward_zero`
    (cut off)."""
    overflow: Literal["clamp", "wrap"] = "clamp"
    """cast: what becomes of a value beyond an integer type: the end of its range (`clamp`), or its lowest bits alone
    (`wrap`), as in C and Java."""

    @classmethod
    def check_step(cls, step: Mapping[str, Any]) -> Iterator[Finding]:
        """See :meth:`replay.config.sections.op_arguments.OpArguments.check_step`."""
        dtype = step.get("dtype")
        if dtype in _FLOATS and step.get("rounding") is not None:
            yield Finding(("rounding",), f"{dtype} rounds as it does: it is for integer types and `decimals`")
        if (dtype in _FLOATS or step.get("decimals") is not None) and step.get("overflow") is not None:
            yield Finding(("overflow",), "is for integer types: leave it out")

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        require_numbers(site)
        return lambda values, draw: map_elements(values, draw, lambda flat, _: self.of(flat))

    def of(self, values: pa.Array) -> pa.Array:
        """What becomes of numbers, (k,), in their own type."""
        if pa.types.is_integer(values.type) and self.decimals is None and self.dtype not in ("float16", "bfloat16"):
            return self._of_integers(values)
        return map_numbers(values, self._of_floats)

    def _of_integers(self, values: pa.Array) -> pa.Array:
        """The same of integers, exactly: not all that have 64 bits are floats."""
        if not len(values):
            return values
        numbers = fixed_width_values(values, NUMPY_TYPES[values.type])
        narrow = np.dtype(self.dtype)
        if narrow.kind == "f":
            return from_numpy(to_integers(numbers.astype(narrow).astype(np.float64), numbers.dtype), values)
        made = numbers if self.overflow == "wrap" else _clamped(numbers, narrow)
        return from_numpy(_clamped(made.astype(narrow), numbers.dtype).astype(numbers.dtype), values)

    def _of_floats(self, numbers: Floats) -> Floats:
        rounded = _ROUNDINGS[self.rounding]
        if self.decimals is not None:
            steps = 10.0**self.decimals
            return np.where(np.abs(numbers) < 2.0**52, rounded(numbers * steps) / steps, numbers)
        if self.dtype in _FLOATS:
            import torch  # reading a config imports this file, and needs no torch

            through: Floats = torch.from_numpy(numbers).to(getattr(torch, self.dtype)).to(torch.float64).numpy()
            return through
        info = np.iinfo(np.dtype(self.dtype))
        if self.overflow == "clamp":
            return np.clip(rounded(numbers), float(info.min), float(info.max))
        span = 2.0**info.bits
        wrapped = np.mod(rounded(numbers) - float(info.min), span) + float(info.min)
        return np.where(np.isfinite(numbers), wrapped, numbers)


def _clamped(numbers: Numbers, dtype: np.dtype[Any]) -> Numbers:
    """Integers within the range of another integer type, in their own."""
    own, other = np.iinfo(numbers.dtype), np.iinfo(dtype)
    return np.clip(numbers, max(own.min, other.min), min(own.max, other.max))
