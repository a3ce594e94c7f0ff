"""``shuffle``: another row's value was served."""

from __future__ import annotations

import pyarrow as pa

from replay.scenarios.draw import Draw
from replay.scenarios.forms import to_working
from replay.scenarios.ops.registry import Site, register


@register("shuffle")
class Shuffle:
    """The value of a row drawn by hash from the whole table, never the row itself.

    Features that share their rows (a family) share the donor too, so that their values belong together.
    """

    def __init__(self, site: Site) -> None:
        self._donors = site.donors
        self._values = None if site.donors is None else to_working(site.donors.columns[site.feature]).cast(site.form)

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`.

        Raises:
            ValueError: The plan was made without donors.
        """
        if self._donors is None or self._values is None:
            raise ValueError(f"`shuffle` of `{draw.feature}` needs donors: give them to the plan")
        if len(self._values) == 0:
            return values
        return self._values.take(pa.array(self._donors.draw(draw.keys, draw.shared_bits())))
