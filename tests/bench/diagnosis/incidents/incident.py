"""What an incident is: causes that strike rows, and the registry of all kinds of incidents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.bench.diagnosis.causes import Cause
from tests.bench.diagnosis.noises import Noise

if TYPE_CHECKING:
    from tests.bench.diagnosis.incidents.stage import Stage

Spans = tuple[tuple[float, float], ...]
Draw = Callable[["Stage"], "Draft"]


@dataclass(frozen=True, eq=False)
class Strike:
    """One cause on some rows.

    Attributes:
        cause: What happened.
        rows: ``(k,)`` positions that it struck.
        spans: When, in minutes from the start.
        segments: To whom.
        share: Of those rows.
        group: Strikes of one group are one incident.
        standing: Whether it goes on at all times.
    """

    cause: Cause
    rows: NDArray[np.int64]
    spans: Spans
    segments: Mapping[str, str]
    share: float
    group: int = 0
    standing: bool = False


@dataclass(frozen=True, eq=False)
class Draft:
    """All that happens in one case.

    Attributes:
        strikes: One or more.
        noise: How online logs its answers; None: in a float type.
        versions: ``(num_rows,)`` the checkpoint that the log names, where it names one.
        story: Hosts that are one story; empty: no story.
    """

    strikes: tuple[Strike, ...]
    noise: Noise | None = None
    versions: NDArray[np.str_] | None = None
    story: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class IncidentKind:
    """A kind of incident.

    Attributes:
        name: In the tables.
        draw: Draws one.
        has_name: Whether the tool has a name for its causes; else ``unexplained`` is right.
    """

    name: str
    draw: Draw
    has_name: bool = True


INCIDENTS: dict[str, IncidentKind] = {}


def incident(name: str, *, has_name: bool = True) -> Callable[[Draw], Draw]:
    """Give a kind of incident its name; see :class:`IncidentKind`."""

    def add(draw: Draw) -> Draw:
        if name in INCIDENTS:
            raise ValueError(f"found two kinds of incident called {name}, expected one")
        INCIDENTS[name] = IncidentKind(name, draw, has_name)
        return draw

    return add
