"""Metrics beside the fields of a record: as attributes, in JSON and back."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from replay.metrics.value import MetricValue
from replay.report.summary import Comparison, SkewCell
from replay.report.summary.json_safe import plain

CELL = SkewCell({"q": "v1"}, "v1", "v2", 1, 0.25, 0.5, {"auc": 0.75, "ne": None, "auc_drop": -0.125})


def test_metrics_are_read_like_fields() -> None:
    assert (CELL.auc, CELL.ne, CELL.auc_drop, CELL.ne_increase, CELL.mean_abs) == (0.75, None, -0.125, None, 0.25)
    with pytest.raises(AttributeError, match="'SkewCell' object has no attribute 'calibration'"):
        CELL.calibration  # noqa: B018


def test_in_json_they_stand_among_the_fields_and_what_is_none_is_left_out() -> None:
    keys = ["modules", "variant", "consistent", "lag", "mean_abs", "mismatch_rate", "auc", "auc_drop"]
    assert list(plain(CELL)) == keys
    assert TypeAdapter(SkewCell).validate_python(plain(CELL)) == replace(
        CELL, measures={"auc": 0.75, "auc_drop": -0.125}
    )


def test_an_unknown_key_is_ignored() -> None:
    assert TypeAdapter(SkewCell).validate_python({**plain(CELL), "later": 1.0}).measures.keys() == {"auc", "auc_drop"}


@pytest.mark.parametrize("through", [copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_a_record_is_copied_and_pickled(through) -> None:
    assert through(CELL) == CELL


def test_a_change_of_a_comparison_has_its_interval_or_its_reason() -> None:
    measures = {"auc_drop": 0.5, "auc_drop_low": 0.25, "auc_drop_high": 0.75, "ne_increase": float("nan")}
    found = Comparison(8, 2, 0.25, *[None] * 6, measures=measures)
    assert found.change("auc_drop") == MetricValue(0.5, 0.25, 0.75, 8)
    assert found.change("ne_increase") == MetricValue(None, None, None, 8, "it is not a finite number")
    data = plain(found)
    assert (data["auc_drop_low"], data["ne_increase"]) == (0.25, None)
    assert "ne_increase_low" not in data
