"""Causes that stand at all times, for a share of the traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from replay.diagnosis.causes.cause import Cause
from replay.report.summary.json_safe import OPTIONAL


@dataclass(frozen=True)
class StandingCause:
    """What explains rows that disagree outside of every incident, all over the time."""

    cause: Cause
    """Its `explained_rate` is of the rows that disagree outside of every incident."""
    rate: float
    """Share of all compared rows outside of incidents that it explains. Rows whose score it does not change are not
    among them."""
    rate_low: float
    """Lower end of the 95% interval of `rate`."""
    rate_high: float
    """Upper end of the 95% interval of `rate`."""
    segments: Mapping[str, Sequence[str]]
    """Whom it hits: values by column of the segments; empty for all traffic."""
    slice_rate: float | None = field(default=None, metadata=OPTIONAL)
    """Share of the rows of that slice that it explains; left out for all traffic."""
    entities: int | None = field(default=None, metadata=OPTIONAL)
    """Entities with such rows in the sample, where it is the same ones each time, as with a shard of the users."""
    all_entities: int | None = field(default=None, metadata=OPTIONAL)
    """Entities of all rows outside of incidents; given with `entities`."""
