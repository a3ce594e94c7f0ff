"""Numbers to transform, and what the encoder makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.features import Encoder

NUMBERS = np.array(
    [-1e6, -2.5, -1.0, -0.5, -0.0, 0.0, 1e-12, 0.1, 0.5, 1.0, 2.5, 3.0, 10.0, 1e6, 1e18, np.nan, np.inf, -np.inf]
)


def transformed(transform: Any, values: Any = NUMBERS, *, dtype: str = "float64", **entry: Any) -> torch.Tensor:
    """The values of one column after a transform; all rows are accepted."""
    array = pa.array(values)
    given = {"name": "x", "feature": "a", "dtype": dtype, "transform": transform, **entry}
    batch = pa.RecordBatch.from_arrays([array], ["a"])
    encoded = Encoder(ModelConfig(inputs=(Input(**given),)), batch.schema).encode(batch)
    assert not encoded.rejected.any(), encoded.rejected
    return encoded.tensors["x"]


def assert_same(found: torch.Tensor, expected: Any) -> None:
    """Equal to the last bit, NaN to NaN."""
    torch.testing.assert_close(found, torch.as_tensor(expected), rtol=0, atol=0, equal_nan=True)
