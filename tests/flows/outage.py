"""A small diagnosed run: a stretch in which online had lost a feature, so that its cause is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.flows.case import ROWS, expected_scores, make_table, write_case

BURST = slice(ROWS // 2, ROWS // 2 + 400)
ABS, REL = 1e-5, 1e-4  # the tolerance of the case


def outage_table() -> pa.Table:
    """As the small case, but that the surface `home` was answered without x2 for a while."""
    table = make_table()
    without = table.set_column(
        table.schema.get_field_index("x2"), "x2", pa.array(np.where(hit_rows(), 0.0, table["x2"].to_numpy()))
    )
    return table.set_column(table.schema.get_field_index("online_score"), "online_score", [expected_scores(without)])


def hit_rows() -> np.ndarray:
    """Rows that were answered without x2: three of four."""
    table = make_table()
    hit = np.zeros(ROWS, dtype=bool)
    hit[BURST] = True
    return hit & (table["surface"].to_numpy(zero_copy_only=False) == "home") & (np.arange(ROWS) % 4 != 0)


def mismatched_rows() -> np.ndarray:
    """Of these the rows whose score is beyond the tolerance, by plain numpy."""
    online = outage_table()["online_score"].to_numpy()
    return np.abs(expected_scores(make_table()) - online) > ABS + REL * np.abs(online)


def write_outage(directory: Path) -> Path:
    """Write the case; returns the config's path."""
    return write_case(directory, outage_table())
