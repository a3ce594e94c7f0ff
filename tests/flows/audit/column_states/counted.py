"""Two tables of four days, counted in memory; values of ``daily`` land at 3 am, those of ``live`` at once."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from replay.audit.columns.beside import BesideValues
from replay.audit.columns.cells import cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig
from replay.flows.audit.distributions import UnjoinedAudit
from tests.audit.columns.planted_ages import HOUR, events, landed

ROWS = 8000
DAYS = 4
FEATURES = ("daily", "live", "plain")


def moments(seed: int):
    """Event times, sorted."""
    return np.sort(events(ROWS, DAYS, seed))


def columns(seed: int) -> dict[str, np.ndarray]:
    """Values of the features and of the segment; ``daily`` has a default of -1 in a quarter of the rows of home."""
    rng = np.random.default_rng(seed)
    surface = rng.choice(["home", "shop"], ROWS)
    daily = np.where((surface == "home") & (rng.random(ROWS) < 0.25), -1.0, rng.lognormal(size=ROWS))
    plain = np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS))
    return {"daily": daily, "live": rng.integers(0, 5, ROWS), "plain": plain, "surface": surface}


def counted(hour: float = 3, only: str | None = None, shift: float = 0.0) -> UnjoinedAudit:
    """Both tables; the other one has no value times.

    Args:
        hour: At which daily values land.
        only: The only slice in which they do so.
        shift: Of the traffic's daily values, by day.
    """
    cells = {name: cells_of(pa.array(columns(1)[name], from_pandas=True)) for name in FEATURES}
    sides = []
    for seed in (0, 1):
        at, held = moments(seed), columns(seed)
        if seed == 0:
            held["daily"] = held["daily"] + shift * ((at - at[0]) // (24 * HOUR))
        late = landed(at, hour)
        late = late if only is None else np.where(held["surface"] == only, late, at - 1_000_000)
        times = {"daily__timestamp": pa.array(late), "live__timestamp": pa.array(at - 2_000_000)}
        beside = BesideValues(pa.array(at), times if seed == 0 else {}, {"live__status": pa.array(["ok"] * ROWS)})
        counts = ColumnCounts(cells)
        counts.update(
            {name: pa.array(held[name], from_pandas=True) for name in FEATURES},
            {"surface": pa.array(held["surface"])},
            at // (24 * HOUR),
            beside,
        )
        names = {"daily": "daily__timestamp", "live": "live__timestamp"} if seed == 0 else {}
        counts.finish(names, {"live": "live__status"})
        sides.append(counts)
    audit = AuditConfig(against="before")
    return UnjoinedAudit("drift", audit, *sides, (), FEATURES, {"counts": ("daily",)}, timedelta(days=1))
