"""A row of the metrics table: one list of columns, in one order."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from replay.metrics.row import MetricRow

ROW = MetricRow("prod", "online", "all", datetime(2026, 1, 2, tzinfo=UTC), "auc", 0.75, 0.5, 1.0, 8, None)


def test_its_fields_are_the_columns_that_the_schema_publishes():
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "metrics.schema.json").read_text())
    assert list(asdict(ROW)) == list(schema["properties"])


def test_it_says_everything_or_is_not_made():
    with pytest.raises(TypeError, match="'reason'"):
        MetricRow("prod", None, "all", None, "auc", None, None, None, 0)


def test_it_is_frozen_small_and_travels_between_processes():
    with pytest.raises(FrozenInstanceError):
        ROW.value = 1.0  # type: ignore[misc]
    assert not hasattr(ROW, "__dict__")
    assert pickle.loads(pickle.dumps(ROW)) == ROW
