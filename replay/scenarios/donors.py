"""Other rows' values, drawn from the whole table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.scenarios.hashing import Keys

MOST_DONORS: Final = 65_536
"""Rows that are kept as donors."""


@dataclass(frozen=True)
class Donors:
    """Rows drawn by hash from the whole table, the same in every task.

    Attributes:
        keys: (m,) uint64, sorted.
        columns: Logged values by feature, (m,) each, in the order of the keys.
    """

    keys: Keys
    columns: dict[str, pa.Array]

    def draw(self, keys: Keys, randoms: Keys) -> npt.NDArray[np.int64]:
        """A donor for each row, never the row itself.

        Args:
            keys: (k,) of the rows.
            randoms: (k,) random bits.

        Returns:
            (k,) places of donors; the row itself is taken only where it is the only donor.
        """
        places = (randoms % np.uint64(len(self.keys))).astype(np.int64)
        same = self.keys[places] == keys
        if same.any():
            following = np.searchsorted(self.keys, keys[same], side="right")
            places[same] = following % len(self.keys)
        return places
