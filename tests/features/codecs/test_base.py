"""Types that Arrow and numpy hold alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.features.codecs.base import NUMPY_TYPES


@pytest.mark.parametrize("kind", list(NUMPY_TYPES), ids=str)
def test_values_come_back_in_the_numpy_type(kind: pa.DataType):
    values = pa.array([0, 1], pa.int64()).cast(kind) if kind != pa.float16() else pa.array(np.arange(2, dtype="f2"))

    assert values.type == kind
    assert values.to_numpy(zero_copy_only=False).dtype == NUMPY_TYPES[kind]


@pytest.mark.parametrize("kind", [pa.string(), pa.decimal128(9, 2), pa.timestamp("us"), pa.list_(pa.int8()), pa.null()])
def test_other_types_are_none_of_them(kind: pa.DataType):
    assert kind not in NUMPY_TYPES
