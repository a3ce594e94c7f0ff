"""Kinds of causes, one group a file; each is found in ``CAUSES``."""

from tests.bench.diagnosis.causes import (
    casts,
    checkpoints,
    layers,
    lists,
    maps,
    modes,
    neighbours,
    nulls,
    numbers,
    stale,
    weights,
)
from tests.bench.diagnosis.causes.cause import CAUSES, Cause, CauseKind, Scene, both, make_cause

__all__ = [
    "CAUSES",
    "Cause",
    "CauseKind",
    "Scene",
    "both",
    "casts",
    "checkpoints",
    "layers",
    "lists",
    "make_cause",
    "maps",
    "modes",
    "neighbours",
    "nulls",
    "numbers",
    "stale",
    "weights",
]
