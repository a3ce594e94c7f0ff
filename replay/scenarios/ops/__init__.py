"""Perturbations, one a file. Importing this package registers them."""

from replay.scenarios.ops import (
    bitflip,
    cast,
    clip,
    constant,
    noise,
    nulls,
    out_of_vocabulary,
    scale,
    shuffle,
    stale,
    swap,
)
from replay.scenarios.ops.registry import REGISTERED, Op, OpClass, OpProblem, Site, register

__all__ = [
    "REGISTERED",
    "Op",
    "OpClass",
    "OpProblem",
    "Site",
    "bitflip",
    "cast",
    "clip",
    "constant",
    "noise",
    "nulls",
    "out_of_vocabulary",
    "register",
    "scale",
    "shuffle",
    "stale",
    "swap",
]
