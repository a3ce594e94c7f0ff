"""Which values of two columns have the same bits: of a row in which they do, nothing needs to be scored again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.lists import take_apart

Mask = npt.NDArray[np.bool_]

_BITS = {pa.float16(): np.uint16, pa.float32(): np.uint32, pa.float64(): np.uint64}


def same_values(ones: pa.Array, others: pa.Array) -> Mask:
    """Tell where two columns hold the same: null and null, or the same bits.

    Args:
        ones: (n,) in the working type, see :mod:`replay.scenarios.forms`.
        others: (n,) of the same type.

    Returns:
        (n,). NaN is itself where its bits are; 0.0 is not -0.0.

    >>> same_values(pa.array([1.0, None, None]), pa.array([1.0, 2.0, None])).tolist()
    [True, False, True]
    """
    null, other_null = (~column.is_valid().to_numpy(zero_copy_only=False) for column in (ones, others))
    alike = _alike_lists(ones, others) if pa.types.is_large_list(ones.type) else _alike(ones, others)
    return np.asarray((null & other_null) | (alike & ~null & ~other_null))


def _alike(ones: pa.Array, others: pa.Array) -> Mask:
    """The same, whatever nulls hold."""
    if ones.type in _BITS:
        filled = (column.fill_null(pa.scalar(0, column.type)) for column in (ones, others))
        first, second = (column.to_numpy(zero_copy_only=False).view(_BITS[ones.type]) for column in filled)
        return np.asarray(first == second)
    return np.asarray(pc.equal(ones, others).fill_null(False).to_numpy(zero_copy_only=False))


def _alike_lists(ones: pa.Array, others: pa.Array) -> Mask:
    first, second = take_apart(ones), take_apart(others)
    alike = np.asarray(first.lengths == second.lengths)
    rows = np.flatnonzero(alike)
    if not alike.all():
        first, second = (take_apart(column.take(pa.array(rows))) for column in (ones, others))
    same = same_values(first.elements(), second.elements())
    different = np.zeros(len(rows), bool)
    different[first.places()[0][~same]] = True
    alike[rows] = ~different
    return alike
