"""``out_of_vocabulary``: a value that training has never seen."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.config.sections.model.input import Input
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import null_mask
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS
from replay.features.problems import EncodeError
from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.numbers import MOST_DIGITS, from_numpy
from replay.scenarios.op import Apply, Op, OpProblem, Site, register

_LISTED: Final = 2**16  # of a type with no more values than this, those that are free are listed
_VARYING_BYTES: Final = 7  # of a made fixed-size value; they fit 63 bits

_Integers = npt.NDArray[np.int64]


@register("out_of_vocabulary", rank=80)
class OutOfVocabulary(Op):
    """A made value that is in no vocabulary of the inputs that read the feature, another one in each row.

    Text becomes ``oov:`` and 16 hexadecimal digits. Of an integer that is hashed, any value is as unseen as another.
    """

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        readers = [entry for entry in site.inputs if _looks_up(entry)]
        if not readers:
            raise OpProblem(
                f"no input that reads `{site.feature}` has a `vocabulary` or a `hash`: leave it out, or use constant "
                "or noise"
            )
        known = _known(readers)
        kind = site.scalar
        if pa.types.is_null(kind):
            return lambda values, _: values
        if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
            return lambda values, draw: map_elements(values, draw, lambda flat, drawn: _texts(flat, drawn, known))
        free = _Range(*_limits(kind, site), _as_integers(known, kind))
        if free.is_full:
            raise OpProblem(f"every value that {site.logged} can hold is in the vocabulary of `{site.feature}`")
        return lambda values, draw: map_elements(values, draw, lambda flat, drawn: _integers(flat, drawn, free))


def _looks_up(entry: Input) -> bool:
    """Whether an input looks values up, or gives them to a model that does."""
    return entry.vocabulary is not None or entry.hash is not None or entry.dtype == "string"


def _texts(values: pa.Array, draw: Draw, known: set[bytes]) -> pa.Array:
    made = [_text(number, known) for number in draw.bits().tolist()]
    return pa.array(made, pa.large_binary(), mask=null_mask(values)).cast(values.type)


def _text(number: int, known: set[bytes]) -> bytes:
    text = b"oov:%016x" % number
    while text in known:
        text += b"'"
    return text


def _integers(values: pa.Array, draw: Draw, free: _Range) -> pa.Array:
    kind = values.type
    if len(values) == 0:
        return values
    numbers = free.draw(draw)
    if pa.types.is_integer(kind):
        return from_numpy(numbers.astype(NUMPY_TYPES[kind]), values)
    null = null_mask(values)
    if pa.types.is_decimal(kind):
        return pc.round(pa.array(numbers, mask=null).cast(pa.decimal128(19, 0))).cast(kind)
    raw = [number.to_bytes(kind.byte_width, "big") for number in numbers.tolist()]
    return pa.array(raw, kind, mask=null)


class _Range:
    """Integers of a range that are not taken."""

    def __init__(self, low: int, high: int, taken: _Integers) -> None:
        self._low = low
        self._size = high - low + 1
        self._taken = taken
        self._free = np.setdiff1d(np.arange(low, high + 1, dtype=np.int64), taken) if self._size <= _LISTED else None

    @property
    def is_full(self) -> bool:
        return self._free is not None and len(self._free) == 0

    def draw(self, draw: Draw) -> _Integers:
        """A free integer for each row, (k,)."""
        if self._free is not None:
            places: _Integers = (draw.bits() % np.uint64(len(self._free))).astype(np.int64)
            return self._free[places]
        numbers = self._any(draw, 0)
        attempt = 0
        while (taken := np.isin(numbers, self._taken)).any():  # rare: a vocabulary is a small part of 2**31
            attempt += 1
            numbers = np.where(taken, self._any(draw, attempt), numbers)
        return numbers

    def _any(self, draw: Draw, attempt: int) -> _Integers:
        offsets = draw.bits(f"attempt{attempt}") % np.uint64(self._size)
        return np.int64(self._low) + offsets.astype(np.int64)


def _known(readers: list[Input]) -> set[bytes]:
    known: set[bytes] = set()
    for entry in readers:
        if entry.vocabulary is not None:
            try:
                known.update(load_vocabulary(entry.vocabulary, TARGETS[entry.dtype]))
            except EncodeError as error:
                raise OpProblem(str(error)) from error
    return known


def _limits(kind: pa.DataType, site: Site) -> tuple[int, int]:
    """The range that made values come from: of wide types the part that is not negative, as ids are."""
    if pa.types.is_integer(kind):
        info = np.iinfo(kind.to_pandas_dtype())
        return (int(info.min) if info.bits <= 16 else 0), min(int(info.max), 2**63 - 1)
    if pa.types.is_decimal(kind) and kind.scale == 0:
        return 0, 10 ** min(kind.precision, MOST_DIGITS) - 1
    if pa.types.is_fixed_size_binary(kind):
        return 0, 256 ** min(kind.byte_width, _VARYING_BYTES) - 1
    raise OpProblem(f"`{site.feature}` is logged as {site.logged}, expected text, bytes or integers: leave it out")


def _as_integers(known: set[bytes], kind: pa.DataType) -> _Integers:
    """The known values as integers of 64 bits; those that are none are none of the type's either."""
    if pa.types.is_fixed_size_binary(kind):
        numbers = {int.from_bytes(value, "big") for value in known if len(value) == kind.byte_width}
    else:
        numbers = {int(value) for value in known if value.removeprefix(b"-").isdigit()}
    return np.array(sorted(number for number in numbers if -(2**63) <= number < 2**63), np.int64)
