"""``constant``: a default was served."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.config.sections.model.input import Scalar
from replay.features.lists import take_apart
from replay.scenarios.forms import make_lists
from replay.scenarios.op import Apply, Op, Site, register
from replay.scenarios.scalars import typed_scalar


@register("constant", rank=20)
class Constant(Op):
    """Every touched value becomes one value, null or not; of a list every element.

    A null list has as many elements as the model's input is long, where that is fixed; else it stays null.
    """

    value: Scalar
    """constant: what every touched value becomes."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        value = typed_scalar(self.value, site)
        if pa.types.is_large_list(site.form):
            return lambda values, _: _filled(values, value, site.width)
        return lambda values, _: pa.repeat(value, len(values))


def _filled(values: pa.Array, value: pa.Scalar, width: int | None) -> pa.Array:
    """Lists of as many elements as before; of null ones as many as the width says."""
    lists = take_apart(values)
    lengths, null = lists.lengths, lists.null
    if null is not None and width is not None:
        lengths, null = np.where(null, width, lengths), None
    return make_lists(pa.repeat(value, int(lengths.sum())), lengths, null)
