"""``stale``: an older value was served."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

import pyarrow as pa

from replay.config.sections.diff import Duration
from replay.config.sections.op_arguments import Listed
from replay.scenarios.draw import Draw
from replay.scenarios.op import Apply, Op, Site, register


@register("stale", rank=60)
class Stale(Op):
    """The entity's newest value that is at least ``lag`` old; null where it has none."""

    makes_nulls: ClassVar[bool] = True
    needs_history: ClassVar[bool] = True

    lag: Annotated[tuple[Duration, ...], Listed()]
    """stale: age that a value has at least, such as 3h. A list gives a variant per value."""

    @property
    def older_by(self) -> timedelta:
        """The lag of a step that has one.

        Raises:
            ValueError: It has several: the scenario was not expanded.
        """
        (lag,) = self.lag
        return lag

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        lag = self.older_by

        def older(values: pa.Array, draw: Draw) -> pa.Array:
            found = draw.older(lag)
            # Spark has no unsigned integers: it gives a wider type with the same values.
            return found if found.type == values.type else found.cast(values.type)

        return older
