"""``nulls``: the value was not there."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from replay.scenarios.op import Apply, Op, Site, register


@register("nulls", rank=10)
class Nulls(Op):
    """Every touched value becomes null; a whole list is null, not its elements."""

    makes_nulls: ClassVar[bool] = True

    def bind(self, site: Site) -> Apply:
        """Nulls fit any type."""
        return lambda values, _: pa.nulls(len(values), values.type)
