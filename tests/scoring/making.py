"""A scorer of batches over plain functions, for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from replay.checkpoints import FunctionScorer
from replay.config import ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.variant_names import expand_scenario
from replay.scoring import BatchScorer, Carried, Stopwatch, Variant, Work
from replay.scoring.routes import HashRoute

Function = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]

DENSE = {"name": "dense", "dtype": "float32", "features": ["a", "b", "c"], "missing": -1.0}
WEIGHTS = np.array([1.0, 10.0, 100.0], np.float32)


def weighted(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """a + 10 b + 100 c."""
    return tensors["dense"] @ torch.from_numpy(WEIGHTS)


def table(rows: int, seed: int = 0, first: int = 0) -> dict[str, pa.Array]:
    """Small integers as floats, so that sums are exact in any order; keys count on from ``first``."""
    rng = np.random.default_rng(seed)
    columns = {name: pa.array(rng.integers(0, 5, rows).astype(np.float32)) for name in "abc"}
    return {"id": pa.array(range(first, first + rows), pa.int64()), **columns}


def batch(columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(dict(columns))


def work(
    scenarios: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    inputs: Sequence[Mapping[str, Any]] = (DENSE,),
    families: Mapping[str, Sequence[str]] | None = None,
    checkpoints: Sequence[str] = ("prod",),
    perturbed: Sequence[str] = ("prod",),
    routes: Mapping[str, HashRoute] | None = None,
    double: Sequence[str] = (),
    **changes: Any,
) -> Work:
    """What a run of these checkpoints and scenarios scores."""
    expanded = [
        scenario
        for name, steps in scenarios.items()
        for scenario in expand_scenario(name, [Perturbation.model_validate(step) for step in steps])
    ]
    variants = [Variant(name, name) for name in (*checkpoints, *(routes or {}))]
    variants += [Variant(f"{name}/{each.name}", name, each.name) for name in perturbed for each in expanded]
    types = {each.name: pa.float64() if each.checkpoint in double else pa.float32() for each in variants}
    given: dict[str, Any] = {
        "model": ModelConfig.model_validate({"inputs": list(inputs), "families": dict(families or {})}),
        "variants": tuple(variants),
        "score_types": types,
        "carried": (Carried("id", pa.int64(), "key"),),
        "key": ("id",),
        "routes": dict(routes or {}),
        "scenarios": tuple(expanded),
        **changes,
    }
    return Work(**given)


def scorer(
    of: Work, schema: pa.Schema, functions: Mapping[str, Function] | None = None, chunk_rows: int = 64, **options: Any
) -> BatchScorer:
    scorers = {name: FunctionScorer(each) for name, each in (functions or {"prod": weighted}).items()}
    return BatchScorer(of, schema, scorers, chunk_rows, **options)


def score(
    of: Work, *batches: Mapping[str, pa.Array], functions: Mapping[str, Function] | None = None, **options: Any
) -> pa.Table:
    """The scores of some batches, by one scorer."""
    found = [batch(each) for each in batches]
    made = scorer(of, found[0].schema, functions, **options)
    return pa.Table.from_batches(list(made.run(found, Stopwatch())), made.schema)


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column as float64; NaN where it is null."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def valid(column: pa.ChunkedArray) -> np.ndarray:
    return column.is_valid().to_numpy()


def same_bits(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Whether two columns of scores are equal to the last bit, NaN included."""
    if one.type != other.type or not np.array_equal(valid(one), valid(other)):
        return False
    left, right = (each.fill_null(0).to_numpy().tobytes() for each in (one, other))
    return left == right
