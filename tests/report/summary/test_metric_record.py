"""Metrics beside the fields of a record: as attributes, in JSON and back."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from replay.report.summary import SkewCell
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
