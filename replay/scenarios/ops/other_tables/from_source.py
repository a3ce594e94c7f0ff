"""``from``: what another table holds for the row's key."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from replay.config.sections.base import Name
from replay.scenarios.draw import Draw
from replay.scenarios.op import Apply, Op, Site, register


@register("from", rank=65)
class FromSource(Op):
    """The value that another table holds for the row's key; a row whose key it lacks is not touched."""

    needs_match: ClassVar[bool] = True

    source: Name
    """from: a table under `sources` that has a key."""

    @property
    def other_table(self) -> str:
        """See :attr:`replay.config.sections.op_arguments.OpArguments.other_table`."""
        return self.source

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`; that types fit is seen where the tables are at hand."""
        source = self.source

        def joined(values: pa.Array, draw: Draw) -> pa.Array:
            found = draw.joined(source)
            # A number is rounded to the type in which the traffic logs it, as by a cast in NumPy or Spark.
            return found if found.type == values.type else found.cast(values.type, safe=False)

        return joined
