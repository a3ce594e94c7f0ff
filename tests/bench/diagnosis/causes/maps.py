"""Each value of a feature became another one: another hour, other buckets, another coding, an older vocabulary."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick

_HOURS = (-8, -5, -2, -1, 1, 2, 3, 5, 9)


@cause("hour_shift")
def hour_shift(scene: Scene, rng: np.random.Generator) -> Cause:
    """The clock in another time zone."""
    name, by = scene.layout.clock, pick(rng, _HOURS)
    return Cause(
        scene,
        {"touched": (name,), "by": by},
        lambda served: {name: np.mod(served[name] + by, 24.0).astype(np.float32)},
    )


@cause("other_buckets")
def other_buckets(scene: Scene, rng: np.random.Generator) -> Cause:
    """Ids in fewer buckets: another remainder of the id, or of its hash."""
    name = _pick_id(scene, rng, least=4)
    codes, values = _coded(scene, name)
    top = scene.layout.id_rows if scene.layout.hashed else max(int(value) for value in values)
    buckets = int(rng.integers(max(3, top // 3), top))
    numbers = [zlib.crc32(str(value).encode()) if scene.layout.hashed else int(value) for value in values]
    table = np.array([0, *(number % buckets for number in numbers)], np.int64)
    return Cause(scene, {"touched": (name,), "buckets": buckets}, lambda served: {name: table[codes]})


@cause("recoded")
def recoded(scene: Scene, rng: np.random.Generator) -> Cause:
    """Three to six of the frequent values took each other's places."""
    name = _pick_id(scene, rng, least=4)
    codes, values = _coded(scene, name)
    frequent = np.argsort(-np.bincount(codes[codes > 0] - 1, minlength=len(values)), kind="stable")
    several = frequent[: int(rng.integers(3, 7))]
    table = np.array([0, *scene.layout.indices(values)], np.int64)
    table[1 + several] = table[1 + np.roll(several, 1)]
    return Cause(scene, {"touched": (name,), "values": len(several)}, lambda served: {name: table[codes]})


@cause("older_vocabulary")
def older_vocabulary(scene: Scene, rng: np.random.Generator) -> Cause:
    """Values that came later are unknown; of indices, those after an entry that was taken out moved up."""
    name = _pick_id(scene, rng, least=6)
    codes, values = _coded(scene, name)
    table = np.array([0, *scene.layout.indices(values)], np.int64)
    if not scene.layout.hashed and rng.random() < 0.5:
        taken_out = int(rng.integers(1, max(2, table.max() // 2)))
        table = np.where(table > taken_out, table - 1, np.where(table == taken_out, 0, table))
        return Cause(
            scene, {"touched": (name,), "taken_out": taken_out}, lambda served: {name: table[codes].astype(np.int64)}
        )
    later = 1 + np.flatnonzero(rng.random(len(values)) < rng.uniform(0.15, 0.5))
    table[later] = 0
    return Cause(scene, {"touched": (name,), "unknown": len(later)}, lambda served: {name: table[codes]})


def _pick_id(scene: Scene, rng: np.random.Generator, least: int) -> str:
    names = [
        name
        for name in (*scene.layout.query_ids, *scene.layout.item_ids)
        if len(np.unique(scene.traffic.served[name])) >= least
    ]
    return str(pick(rng, names))


def _coded(scene: Scene, name: str) -> tuple[NDArray[np.int64], list[object]]:
    """For each row the place of its logged value, from 1; 0 for null. And the values."""
    column = scene.traffic.table[name].combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return codes, encoded.dictionary.to_pylist()
