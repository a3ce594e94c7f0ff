"""Values that the model gets otherwise than they were logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.report.summary.json_safe import OPTIONAL


@dataclass(frozen=True)
class AlteredValues:
    """What of one feature the model gets otherwise, in a sample of the rows."""

    feature: str
    input: str
    """The input that reads it."""
    rows: int
    """Rows that were looked at."""
    values: int
    """Values in them that are there: of lists, elements."""
    missing: int = 0
    """Rows in which it is null, and gets the value of `missing`."""
    unknown: int = 0
    """Values that the vocabulary lacks, and that get the index of `unknown`."""
    unknown_values: Mapping[str, int] = field(default_factory=dict)
    """The most frequent of these, with how often they occur."""
    unknown_distinct: int = 0
    """Different ones."""
    rounded: int = 0
    """Whole numbers that float32 rounds to another one."""
    rounded_example: str | None = field(default=None, metadata=OPTIONAL)
