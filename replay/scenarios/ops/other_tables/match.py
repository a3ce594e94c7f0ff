"""``match``: the least change of values that gives a feature the distribution which it has in another table."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from replay.config.sections.base import ColumnNames, Name
from replay.scenarios.draw import Draw
from replay.scenarios.op import Apply, Op, Site, register
from replay.scenarios.outside import MatchTarget


@register("match", rank=67)
class MatchDistribution(Op):
    """The least change of values that gives the feature the distribution which it has in another table."""

    needs_distribution: ClassVar[bool] = True

    source: Name
    """match: a table under `sources`."""
    by: ColumnNames = ()
    """match: columns of both tables whose values are slices, each with a distribution of its own."""

    @property
    def other_table(self) -> str:
        """See :attr:`replay.config.sections.op_arguments.OpArguments.other_table`."""
        return self.source

    @property
    def slices(self) -> tuple[str, ...]:
        """See :attr:`replay.config.sections.op_arguments.OpArguments.slices`."""
        return self.by

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`; without distributions it fits, but raises ValueError on values."""
        target = MatchTarget(self.source, self.by, site.feature)
        change = site.least_changes.get(target)

        def matched(values: pa.Array, draw: Draw) -> pa.Array:
            if change is None:
                raise ValueError(f"`match` of `{draw.feature}` needs distributions: give them to the plan")
            return change.apply(values, draw.shared_bits(), draw.slices(self.by))

        return matched
