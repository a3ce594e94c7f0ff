"""``shuffle``: another row's value was served."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from replay.scenarios.draw import Draw
from replay.scenarios.forms import to_working
from replay.scenarios.op import Apply, Op, Site, register


@register("shuffle", rank=50)
class Shuffle(Op):
    """The value of a row drawn by hash from the whole table, never the row itself.

    Features that share their rows (a family) share the donor too, so that their values belong together.
    """

    needs_donors: ClassVar[bool] = True

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`; without donors it fits, but raises ValueError on values."""
        donors = site.donors
        given = None if donors is None else to_working(donors.columns[site.feature]).cast(site.form)

        def shuffled(values: pa.Array, draw: Draw) -> pa.Array:
            if donors is None or given is None:
                raise ValueError(f"`shuffle` of `{draw.feature}` needs donors: give them to the plan")
            return given.take(pa.array(donors.draw(draw.keys, draw.shared_bits()))) if len(given) else values

        return shuffled
