"""``stale``: an older value was served."""

from __future__ import annotations

import pyarrow as pa

from replay.scenarios.draw import Draw
from replay.scenarios.ops.registry import OpProblem, Site, register


@register("stale")
class Stale:
    """The entity's newest value that is at least ``lag`` old; null where it has none."""

    def __init__(self, site: Site) -> None:
        lag = site.step.only_lag
        if lag is None:
            raise OpProblem("`stale` needs a `lag`", "lag")
        self._lag = lag

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        older = draw.older(self._lag)
        # Spark has no unsigned integers: it gives a wider type with the same values.
        return older if older.type == values.type else older.cast(values.type)
