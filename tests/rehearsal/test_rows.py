"""The rows of a rehearsal are data: they are what they were given, and stay it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from replay.config import build_config
from replay.rehearsal import RehearsedRows
from tests.flows.case import config_data


def test_they_cannot_be_changed():
    batch = pa.RecordBatch.from_pydict({"x0": [1.0]})
    rows = RehearsedRows(build_config(config_data(), "/base"), batch, {}, np.zeros(1, np.int64), 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        rows.batch = batch  # type: ignore[misc]
