"""A list in another order, shorter, or padded on the other side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.world import Served


@cause("list_reversed")
def list_reversed(scene: Scene, rng: np.random.Generator) -> Cause:
    """The last element first."""
    lengths, places = _shape(scene)
    return _taken(scene, "reversed", np.where(places < lengths, lengths - 1 - places, -1))


@cause("list_cut")
def list_cut(scene: Scene, rng: np.random.Generator) -> Cause:
    """Only the first or the last of its elements."""
    lengths, places = _shape(scene)
    kept = int(rng.integers(max(1, lengths.max() // 3), lengths.max()))
    if rng.random() < 0.5:
        return _taken(scene, f"first {kept}", np.where(places < np.minimum(lengths, kept), places, -1))
    skipped = np.maximum(lengths - kept, 0)
    return _taken(scene, f"last {kept}", np.where(places + skipped < lengths, places + skipped, -1))


@cause("list_other_side")
def list_other_side(scene: Scene, rng: np.random.Generator) -> Cause:
    """Padded before its elements."""
    lengths, places = _shape(scene)
    return _taken(scene, "padded before", places - (scene.layout.vector_length - lengths))


@cause("list_shifted")
def list_shifted(scene: Scene, rng: np.random.Generator) -> Cause:
    """Without its first or its last element."""
    lengths, places = _shape(scene)
    first = int(pick(rng, (0, 1)))
    return _taken(
        scene,
        "without the first" if first else "without the last",
        np.where(places + first < lengths - (1 - first), places + first, -1),
    )


def _shape(scene: Scene) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths ``(num_rows, 1)``, at most what the model takes, and places ``(1, length)``."""
    column = scene.traffic.table[scene.layout.vector].combine_chunks()
    lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    length = scene.layout.vector_length
    return np.minimum(lengths, length)[:, None], np.arange(length)[None, :]


def _taken(scene: Scene, how: str, sources: NDArray[np.int64]) -> Cause:
    """Each place takes the element of another one; 0 where that is below 0."""
    name = scene.layout.vector

    def change(served: Served) -> Served:
        moved = np.take_along_axis(served[name], np.maximum(sources, 0), axis=1)
        return {name: np.where(sources >= 0, moved, 0.0).astype(np.float32)}

    return Cause(scene, {"touched": (name,), "list": how}, change)
