"""Scalar columns as tensors: one, or several side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.features.codecs.numeric import numeric_codec
from replay.features.dtypes import TARGETS
from replay.features.inputs import ColumnInput, StackedInput
from replay.features.rejects import NOT_REPRESENTABLE, NULL


def stacked(kinds: Mapping[str, pa.DataType], dtype: str, fill: float | None = None) -> StackedInput:
    target = TARGETS[dtype]
    missing = None if fill is None else target.storage.type(fill)
    return StackedInput("dense", list(kinds), [numeric_codec(kind, target, missing) for kind in kinds.values()])


def test_columns_stand_side_by_side():
    columns = {"a": pa.array([1.5, 2.5]), "b": pa.array([3.0, 1e-3])}
    found = stacked({"a": pa.float64(), "b": pa.float64()}, "float32").encode(columns, 2)

    assert torch.equal(found.tensor, torch.tensor([[1.5, 3.0], [2.5, 1e-3]], dtype=torch.float32))
    assert found.reasons is None


def test_a_row_is_refused_where_one_of_its_values_is():
    columns = {"a": pa.array([1, 2**40, 3]), "b": pa.array([4, 5, 6])}
    found = stacked({"a": pa.int64(), "b": pa.int64()}, "int32").encode(columns, 3)

    assert found.reasons.tolist() == [0, NOT_REPRESENTABLE, 0]
    assert found.tensor[[0, 2]].tolist() == [[1, 4], [3, 6]]


@pytest.mark.parametrize("num_rows", [1, 1023, 1024, 1056, 2048, 16_384])
@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_columns_of_any_number_of_rows_lie_apart_and_share_nothing(kind: type[np.generic], num_rows: int):
    logged = np.arange(3 * num_rows).reshape(3, num_rows).astype(kind)
    columns = {name: pa.array(values) for name, values in zip("abc", logged, strict=True)}
    encoder = stacked(dict.fromkeys("abc", columns["a"].type), np.dtype(kind).name)
    found = encoder.encode(columns, num_rows).tensor

    assert found.shape == (num_rows, 3)
    np.testing.assert_array_equal(found.numpy(), logged.T)
    found[:] = 0
    assert columns["c"].to_numpy()[-1] == logged[2, -1]
    step = found.stride(1) * found.element_size()
    assert step >= num_rows * found.element_size()
    assert step < 4096 or step % 4096 == 128, "columns a power of two apart would share a few places of the caches"


def test_nulls_are_filled_or_refused():
    columns = {"a": pa.array([1.0, None]), "b": pa.array([2.0, 3.0])}
    kinds = {"a": pa.float64(), "b": pa.float64()}

    assert stacked(kinds, "float32", fill=-1.0).encode(columns, 2).tensor.tolist() == [[1.0, 2.0], [-1.0, 3.0]]
    assert stacked(kinds, "float32").encode(columns, 2).reasons.tolist() == [0, NULL]


def test_an_update_writes_its_columns_alone():
    encoder = stacked({"a": pa.float64(), "b": pa.float64()}, "float32")
    tensor = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = encoder.update({"b": pa.array([20.0, 40.0])}, tensor)

    assert found.tensor.tolist() == [[1.0, 20.0], [3.0, 40.0]]


def test_a_single_column_keeps_its_shape():
    encoder = ColumnInput("one", "a", numeric_codec(pa.int32(), TARGETS["int64"], None))
    found = encoder.encode({"a": pa.array([7, 8], pa.int32())}, 2)

    assert found.tensor.tolist() == [7, 8]
    assert found.tensor.dtype == torch.int64
    assert encoder.update({"a": pa.array([9, 10], pa.int32())}, found.tensor).tensor.tolist() == [9, 10]
