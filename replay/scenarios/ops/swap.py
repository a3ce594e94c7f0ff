"""``swap``: two columns were exchanged."""

from __future__ import annotations

import pyarrow as pa

from replay.scenarios.draw import Draw
from replay.scenarios.ops.registry import Site, register


@register("swap")
class Swap:
    """The value of the feature that it is exchanged with, as it was before the step."""

    def __init__(self, site: Site) -> None:
        assert site.partner is not None, "the targets of a swap come in pairs"
        self._partner = site.partner

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`replay.scenarios.ops.registry.Op.apply`."""
        return draw.other(self._partner)
