"""The worlds: generated traffic and two of real data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.diagnosis.world import Layout, Traffic
from tests.bench.diagnosis.worlds import adult, generated, open_bandit


@dataclass(frozen=True)
class Source:
    """Where the traffic of a world comes from.

    Attributes:
        layout: Of its features.
        make: Draws a stretch of so many rows; the path is that of the file.
        file: Within the folder of real data; None: it needs none.
    """

    layout: Layout
    make: Callable[[np.random.Generator, int, Path], Traffic]
    file: str | None = None

    def traffic(self, rng: np.random.Generator, rows: int, data: Path) -> Traffic:
        """Draw a stretch of traffic."""
        return self.make(rng, rows, data if self.file is None else data / self.file)


WORLDS = {
    "generated": Source(generated.LAYOUT, lambda rng, rows, _: generated.make_traffic(rng, rows)),
    "open_bandit": Source(open_bandit.LAYOUT, open_bandit.make_traffic, open_bandit.FILE),
    "adult": Source(adult.LAYOUT, adult.make_traffic, adult.FILE),
}
"""By name; cases take turns."""
