"""``nulls``: the value was not there."""

from __future__ import annotations

import pyarrow as pa

from replay.scenarios.draw import Draw
from replay.scenarios.ops.registry import Site, register


@register("nulls")
class Nulls:
    """Every touched value becomes null; a whole list is null, not its elements."""

    def __init__(self, site: Site) -> None:
        del site  # nulls fit any type

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return pa.nulls(len(values), values.type)
