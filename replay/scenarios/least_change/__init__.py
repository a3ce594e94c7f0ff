"""The least change of values that gives a feature the distribution which it has in another table.

Two summaries of a column, of the rows here and of the reference, make a :class:`LeastChange`: what becomes of each
value, given random bits of its row. Only the marginal distributions are known, and what need not move for them stays.
"""

from replay.scenarios.least_change.base import ColumnSummary, LeastChange
from replay.scenarios.least_change.kind import Kind, kind_of, summary_of
from replay.scenarios.least_change.sliced import SlicedChange, SlicedSummary

__all__ = ["ColumnSummary", "Kind", "LeastChange", "SlicedChange", "SlicedSummary", "kind_of", "summary_of"]
