"""Rows, contracts and scorers that a rehearsal is tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from replay.checkpoints import FunctionScorer
from replay.config import ReplayConfig, build_config
from replay.rehearsal import RehearsedRows
from tests.flows.case import config_data


def total(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A model: the sum of all that it is given, row by row."""
    return sum(  # type: ignore[return-value]
        (tensor.reshape(len(tensor), -1).sum(1).to(torch.float32) for tensor in tensors.values()),
        torch.zeros(len(next(iter(tensors.values())))),
    )


def config_of(inputs: list[dict[str, Any]], **changes: Any) -> ReplayConfig:
    return build_config(
        config_data(
            traffic={"path": "t", "key": ["id"], "score": "online"},
            model={"inputs": inputs},
            **changes,
        ),
        "/base",
    )


def rows_of(
    columns: dict[str, Any],
    inputs: list[dict[str, Any]],
    scorers: Mapping[str, Callable[[Mapping[str, torch.Tensor]], torch.Tensor]] | None = None,
    **changes: Any,
) -> RehearsedRows:
    """Rows with an ``id`` and an ``online`` score, the sum of nothing unless given."""
    size = len(next(iter(columns.values())))
    batch = pa.RecordBatch.from_pydict({"id": [f"r{n}" for n in range(size)], "online": np.zeros(size), **columns})
    opened = {name: FunctionScorer(score) for name, score in (scorers or {"prod": total}).items()}
    return RehearsedRows(config_of(inputs, **changes), batch, opened, np.zeros(size, np.int64), 1)
