"""Strings and integers as indices, by vocabulary or by hash; each distinct value of a batch is looked up once."""

from __future__ import annotations

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

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        if len(array) == 0:
            return None
        encoded = _dictionary(array)
        if len(encoded.dictionary) == 0:  # all null
            out[:] = 0 if self.fill is None else self.fill
            return np.full(len(array), NULL, np.int8) if self.fill is None else None
        distinct = self.lookup(encoded.dictionary)
        null = null_mask(encoded.indices)
        places = fixed_width_values(encoded.indices, NUMPY_TYPES[encoded.indices.type])
        if null is not None:
            places = np.where(null, 0, places)
        return self._write(distinct, places, null, out)

    def _write(
        self,
        distinct: npt.NDArray[np.int64],
        places: Array,
        null: npt.NDArray[np.bool_] | None,
        out: Array,
    ) -> Reasons | None:
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


def _dictionary(array: pa.Array) -> pa.DictionaryArray:
    """The array as indices into its distinct values, none of which is null."""
    if isinstance(array, pa.ExtensionArray):
        return _dictionary(array.storage)
    if isinstance(array, pa.DictionaryArray) and _is_compact(array):
        return array
    return plain(array).dictionary_encode()


def _is_compact(array: pa.DictionaryArray) -> bool:
    """Whether looking up the whole dictionary is no more work than looking up the rows."""
    values = array.dictionary
    return len(values) <= len(array) and values.null_count == 0 and plain_type(values.type) == values.type


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

    def lookup(values: pa.Array) -> npt.NDArray[np.int64]:
        # Strings are not decoded: what was logged need not be valid UTF-8.
        texts: list[bytes] = as_bytes(values).to_numpy(zero_copy_only=False).tolist()
        if not offset:
            return np.fromiter((vocabulary.get(text, unknown) for text in texts), np.int64, len(texts))
        found = map(vocabulary.get, texts)
        return np.fromiter((unknown if one is None else one + offset for one in found), np.int64, len(texts))

    return lookup


def _check_span(low: int, high: int, offset: int, target: TensorDtype) -> None:
    """Check that a dtype holds the smallest and the largest index, with the offset."""
    for index in (low + offset, high + offset):
        if not target.low <= index <= target.high:
            raise EncodeError(f"gives the index {index} with the offset {offset}, which {target.name} cannot hold")
