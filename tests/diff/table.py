"""A small scores table with everything in it that goes wrong, and what its spec says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from replay.config.sections.diff import Tolerance
from replay.diff.spec import DiffSpec, VariantColumn

START_US = 1_790_000_000_000_000 // 60_000_000 * 60_000_000
ROWS = 900

SPEC = DiffSpec(
    online="online_score",
    variants=(
        VariantColumn("prod", "prod"),
        VariantColumn("candidate", "candidate"),
        VariantColumn("prod/nulls", "prod/nulls", "prod"),
        VariantColumn("candidate/nulls", "candidate/nulls", "candidate"),
    ),
    baseline="prod",
    tolerance=Tolerance(abs=1e-4, rel=1e-3),
    label="label",
    weight="weight",
    group="request_id",
    time="event_time",
    segments=("surface", "tier"),
)


def scores_table(seed: int = 0) -> pa.Table:
    """900 rows: nulls, NaN and infinities on either side, rejected rows, sparse scenarios, unusable labels."""
    rng = np.random.default_rng(seed)
    clean = rng.beta(1, 5, ROWS).astype(np.float32)
    label = (rng.random(ROWS) < clean).astype(float)

    def some(rate: float) -> np.ndarray:
        return rng.random(ROWS) < rate

    def spoiled(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[some(0.02)] = np.nan
        values[some(0.01)] = np.inf
        return values

    online = clean.astype(np.float64) * np.where(some(0.1), 1.01, 1.0)
    candidate = np.clip(clean + rng.normal(0, 0.02, ROWS), 1e-7, 1).astype(np.float32)
    nulled = np.clip(clean * 3, 0, 1)
    time = START_US + rng.integers(0, 8 * 60_000_000, ROWS)
    return pa.table(
        {
            "request_id": np.arange(ROWS) // 3,
            "item_id": pa.array([f"item-{row % 7}" for row in range(ROWS)]),
            "event_time": pa.array(time, pa.timestamp("us", tz="UTC"), mask=some(0.02)),
            "online_score": pa.array(spoiled(online), mask=some(0.02)),
            "label": pa.array(np.where(some(0.02), 2.0, label), mask=some(0.05)),
            "weight": pa.array(np.where(some(0.02), -1.0, rng.exponential(size=ROWS)), mask=some(0.02)),
            "surface": pa.array(rng.choice(["home", "search", "feed"], ROWS), mask=some(0.03)),
            "tier": pa.array(rng.integers(0, 2, ROWS)),
            "rejected": pa.array(rng.choice(["no_default", "bad_length"], ROWS), mask=~some(0.04)),
            "prod": pa.array(spoiled(clean), mask=some(0.02)),
            "candidate": pa.array(spoiled(candidate), mask=some(0.01)),
            "prod/nulls": pa.array(spoiled(nulled), mask=~some(0.3)),
            "candidate/nulls": pa.array(nulled, mask=~some(0.2)),
        }
    )


def batches(table: pa.Table, parts: int = 5) -> list[tuple[pa.RecordBatch]]:
    """Uneven batches, one of them empty, as arguments of `update`."""
    cuts = [0, *sorted(np.random.default_rng(1).integers(0, table.num_rows, parts - 2).tolist()), table.num_rows]
    cuts.insert(2, cuts[1])
    return [
        (table.slice(start, end - start).combine_chunks().to_batches()[0] if end > start else _empty(table),)
        for start, end in pairwise(cuts)
    ]


def _empty(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=table.schema)


def numbers(table: pa.Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A column's values as float64, 0 for null, and which are not null."""
    column = table.column(name).combine_chunks()
    return column.cast(pa.float64()).fill_null(0).to_numpy(), column.is_valid().to_numpy(zero_copy_only=False)


def filled(table: pa.Table, spec: DiffSpec, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A variant's scores, filled in from its checkpoint, and which are there."""
    variant = next(variant for variant in spec.variants if variant.name == name)
    values, valid = numbers(table, variant.column)
    if variant.checkpoint is None:
        return values, valid
    below, there = filled(table, spec, variant.checkpoint)
    return np.where(valid, values, below), valid | there
