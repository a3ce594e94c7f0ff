"""A baseline that is a route: which of its members answers each row of an incident."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RoutedBaseline:
    """Who answers which row.

    Attributes:
        members: Names of checkpoints.
        places: ``(num_rows,)`` int64 for the rows of the evidence: indices of ``members``.
        as_logged: Whether the log says who answered, so that it may be the log that is wrong.
    """

    members: tuple[str, ...]
    places: NDArray[np.int64]
    as_logged: bool

    def parts(self, rows: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
        """Members that answer some of ``(k,)`` rows, each with the positions in ``rows`` of those that it answers."""
        found = [(name, np.flatnonzero(self.places[rows] == place)) for place, name in enumerate(self.members)]
        return [(name, chosen) for name, chosen in found if len(chosen)]

    def commonest(self, rows: NDArray[np.int64]) -> tuple[str, float]:
        """The member that answers most of ``(k,)`` rows, at least one, and its share of them."""
        ((place, count),) = Counter(self.places[rows].tolist()).most_common(1)
        return self.members[place], count / len(rows)
