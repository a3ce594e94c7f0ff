"""Logged values to buckets, exactly as documented, so that any serving stack can compute the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.config.sections.model.hash import HASHES, Hash, Modulo
from replay.features.codecs.byte_strings import as_bytes
from replay.features.codecs.lookup import Lookup
from replay.features.codecs.numeric import is_text
from replay.features.hash_function import Hashes, HashFunction


def make_hash(config: Hash, feature: str = "") -> Lookup:
    """The function from distinct logged values to their buckets, 0 .. buckets - 1.

    Args:
        config: The function and how it is used.
        feature: Name of the feature, for a template.

    >>> make_hash(Hash(function="crc32", buckets=1000))(pa.array(["123456789"])).item() == 0xCBF43926 % 1000
    True
    """
    function = HASHES[config.function]
    assert isinstance(function, HashFunction), "what is registered as a hash function is one"
    seed = (function.default_seed or 0) if config.seed is None else config.seed
    modulo = config.modulo or function.modulo
    before, _, after = (config.template or "{value}").partition("{value}")
    frame = [pa.scalar(part.replace("{name}", feature).encode(), pa.large_binary()) for part in (before, after)]
    empty = pa.scalar(b"", pa.large_binary())

    def lookup(values: pa.Array) -> npt.NDArray[np.int64]:
        if config.template is not None:
            values = pc.binary_join_element_wise(frame[0], as_bytes(values), frame[1], empty)
        elif is_text(values.type) or not function.by_type:
            values = as_bytes(values)
        return reduced(function.hash(values, seed), config.buckets, modulo)

    return lookup


def reduced(hashes: Hashes, buckets: int, modulo: Modulo) -> npt.NDArray[np.int64]:
    """Hashes as buckets; see ``Hash.modulo``.

    >>> hashes = np.array([3, 2**32 - 3], np.uint32)
    >>> [reduced(hashes, 5, modulo).tolist() for modulo in ("unsigned", "floor", "abs")]
    [[3, 3], [3, 2], [3, 3]]
    """
    if hashes.dtype == object:
        return (hashes % buckets).astype(np.int64)
    signed = hashes.view(f"i{hashes.dtype.itemsize}")
    if modulo == "floor":
        return np.mod(signed.astype(np.int64), np.int64(buckets))
    if modulo == "abs":
        hashes = np.where(signed < 0, np.negative(hashes), hashes)
    return (hashes.astype(np.uint64) % np.uint64(buckets)).astype(np.int64)
