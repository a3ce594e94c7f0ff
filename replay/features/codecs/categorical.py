"""Strings and integers as indices, by vocabulary or by hash; each distinct value of a batch is looked up once.

A column that comes as a dictionary shares it with other batches: what its values are looked up as is kept for those.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.input import Input
from replay.features.codecs.base import NUMPY_TYPES, Codec
from replay.features.codecs.buffers import fixed_width_values, null_mask, plain, plain_type
from replay.features.codecs.byte_strings import as_bytes
from replay.features.codecs.hashing import make_hash
from replay.features.codecs.lookup import NO_INDEX, Lookup
from replay.features.codecs.numeric import NullCodec, is_text
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import Array, TensorDtype
from replay.features.problems import EncodeError
from replay.features.rejects import NULL, UNKNOWN, Reasons

_MOST_UNUSED: Final = 4
"""A dictionary is looked up where its new values are no more than so many times the rows: others use them too."""


class CategoricalCodec:
    """Encodes strings, bytes and integers as indices.

    Args:
        lookup: Indices of distinct logged values.
        target: The tensor dtype.
        fill: Index of a null, in the target's storage, or None.
    """

    def __init__(self, lookup: Lookup, target: TensorDtype, fill: np.generic | None) -> None:
        self.lookup = lookup
        self.target = target
        self.fill = fill
        self._known: tuple[pa.Array, npt.NDArray[np.int64]] | None = None

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        if len(array) == 0:
            return None
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if isinstance(array, pa.DictionaryArray) and (shared := self._look_up_shared(array)) is not None:
            return self._take(shared, array.indices, out)
        encoded = plain(array).dictionary_encode()
        if len(encoded.dictionary) == 0:  # all null
            out[:] = 0 if self.fill is None else self.fill
            return np.full(len(array), NULL, np.int8) if self.fill is None else None
        return self._take(self.lookup(encoded.dictionary), encoded.indices, out)

    def _look_up_shared(self, array: pa.DictionaryArray) -> npt.NDArray[np.int64] | None:
        """Indices of a dictionary's values; None where to look them up is more work than to look up the rows.

        Of a dictionary that begins with the values of the one before, as those of a file do, the others are looked up.
        """
        values = array.dictionary
        if len(values) == 0 or values.null_count or plain_type(values.type) != values.type:
            return None
        before, found = self._known or (values.slice(0, 0), np.zeros(0, np.int64))
        if not _begins_with(values, before):
            before, found = values.slice(0, 0), np.zeros(0, np.int64)
        if len(values) - len(before) > _MOST_UNUSED * len(array):
            return None
        if len(values) > len(before):
            found = np.concatenate((found, self.lookup(values.slice(len(before)))))
            self._known = values, found
        return found

    def _take(self, distinct: npt.NDArray[np.int64], indices: pa.Array, out: Array) -> Reasons | None:
        """Write what each row's value was looked up as."""
        null = null_mask(indices)
        places = fixed_width_values(indices, NUMPY_TYPES[indices.type])
        if null is not None:
            places = np.where(null, 0, places)
        unknown = distinct == NO_INDEX
        reasons: Reasons | None = None
        if unknown.any():
            distinct = np.where(unknown, 0, distinct)
            reasons = np.where(unknown, UNKNOWN, 0).astype(np.int8)[places]
        out[:] = distinct[places]
        if null is None:
            return reasons
        out[null] = 0 if self.fill is None else self.fill
        if reasons is None and self.fill is not None:
            return None
        reasons = np.zeros(len(out), np.int8) if reasons is None else reasons
        reasons[null] = NULL if self.fill is None else 0
        return reasons


def _begins_with(values: pa.Array, before: pa.Array) -> bool:
    """Whether an array begins with the values of another one; slices of one column have the very same dictionary."""
    if len(before) > len(values) or before.type != values.type:
        return False
    return _place(values) == _place(before) or bool(values.slice(0, len(before)).equals(before))


def _place(array: pa.Array) -> tuple[int, ...]:
    """Where an array lies in memory."""
    return (array.offset, *(0 if buffer is None else buffer.address for buffer in array.buffers()))


def categorical_codec(
    logged: pa.DataType, entry: Input, target: TensorDtype, fill: np.generic | None, index: Lookup
) -> Codec:
    """Choose the codec of a column that is looked up.

    Args:
        logged: The column's type.
        entry: The input, which has a vocabulary or a hash.
        target: The tensor dtype.
        fill: Index of a null, or None.
        index: From :func:`make_lookup`.

    Raises:
        EncodeError: When the column holds neither strings nor integers.
    """
    kind = plain_type(logged)
    if pa.types.is_null(kind):
        return NullCodec(target, fill)
    if is_text(kind) or pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return CategoricalCodec(index, target, fill)
    what = "vocabulary" if entry.vocabulary is not None else "hash"
    raise EncodeError(
        f"found a column of {logged}, expected strings or integers: a {what} looks values up by their text, "
        "and numbers with a fraction, bools and times have many",
        refused=True,
    )


def make_lookup(entry: Input, target: TensorDtype, feature: str = "") -> Lookup:
    """The function from distinct logged values to their indices; one without an index gets ``NO_INDEX``.

    Args:
        entry: The input, which has a vocabulary or a hash.
        target: The tensor dtype.
        feature: Name of the feature, which may be hashed with its values.

    Raises:
        EncodeError: When the vocabulary cannot be used, or the dtype cannot hold an index with its offset.
    """
    if entry.hash is None:
        return _vocabulary_lookup(entry, target)
    _check_span(0, entry.hash.buckets - 1, entry.offset, target)
    bucket, offset = make_hash(entry.hash, feature), np.int64(entry.offset)
    return (lambda values: bucket(values) + offset) if entry.offset else bucket


def _vocabulary_lookup(entry: Input, target: TensorDtype) -> Lookup:
    unknown = NO_INDEX if entry.unknown is None else entry.unknown
    vocabulary = load_vocabulary(entry.vocabulary or "", target)
    offset = entry.offset
    if offset:
        _check_span(min(vocabulary.values(), default=0), max(vocabulary.values(), default=0), offset, target)

    # Strings are not decoded: what was logged need not be valid UTF-8.
    return lambda values: vocabulary.find(as_bytes(values), unknown, offset)


def _check_span(low: int, high: int, offset: int, target: TensorDtype) -> None:
    """Check that a dtype holds the smallest and the largest index, with the offset."""
    for index in (low + offset, high + offset):
        if not target.low <= index <= target.high:
            raise EncodeError(f"gives the index {index} with the offset {offset}, which {target.name} cannot hold")
