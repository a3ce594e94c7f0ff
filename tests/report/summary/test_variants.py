"""One variant as data: comparisons without anything that is not a number, and the reasons for what is missing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pydantic import TypeAdapter

from replay.config.sections.diff import Tolerance
from replay.diff.comparison import ComparisonSums
from replay.metrics.value import MetricValue
from replay.report.summary import Comparison, Stability
from replay.report.summary.json_safe import plain
from tests.report import sample


def test_quality_changes_are_left_out_where_there_is_no_label():
    data = sample.bare_data().summary.to_dict()
    assert not {"auc_drop", "ne_increase", "calibration_shift"} & set(data["variants"]["prod"]["vs_online"])


def test_a_quality_change_that_is_undefined_is_null_with_its_reason():
    found = sample.comparison(9, 0, auc_drop=None, reasons={"auc_drop": "the labels are all of one class"})
    base = sample.variant(sample.comparison(9, 0))
    data = sample.summary({"prod": base, "new": sample.variant(None, vs_baseline=found)}).to_dict()
    assert data["variants"]["new"]["vs_online"] is None
    shown = data["variants"]["new"]["vs_baseline"]
    assert shown["auc_drop"] is None
    assert shown["reasons"] == {"auc_drop": "the labels are all of one class"}
    assert "ne_increase" not in shown


def test_a_diff_s_own_comparison_fits():
    found = ComparisonSums(Tolerance(abs=0.1, rel=0)).update(np.array([0.5, 0.9]), np.array([0.5, 0.5])).compute()
    shown = Comparison(**found)
    assert (shown.compared, shown.mismatched, shown.max_abs, shown.mismatch_rate) == (2, 1, 0.4, 0.5)


def test_nothing_that_is_not_a_number_reaches_the_file():
    broken = Comparison(2, 1, 0.5, math.nan, math.inf, 0.1, 0.1, -math.inf, None, reasons={"correlation": "constant"})
    variant = sample.variant(broken)
    variant.metrics["auc"] = MetricValue(math.nan, math.nan, math.inf, 2)
    data = json.loads(sample.summary({"prod": variant}).to_json(), parse_constant=pytest.fail)
    found = data["variants"]["prod"]["vs_online"]
    assert [found[name] for name in ("mean_abs", "p50_abs", "mean_delta", "correlation")] == [None] * 4
    assert set(found["reasons"]) == {"mean_abs", "p50_abs", "mean_delta", "correlation"}
    assert found["reasons"]["correlation"] == "constant"
    assert data["variants"]["prod"]["metrics"]["auc"]["reason"]


def test_rows_that_one_side_lacks_are_missing():
    found = Comparison(
        5, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, missing_reference=1, missing_replayed=2, missing_both=4
    )
    assert found.missing == 7


def test_a_change_of_a_comparison_has_its_interval_or_its_reason() -> None:
    measures = {"auc_drop": 0.5, "auc_drop_low": 0.25, "auc_drop_high": 0.75, "ne_increase": float("nan")}
    found = Comparison(8, 2, 0.25, *[None] * 6, measures=measures)
    assert found.change("auc_drop") == MetricValue(0.5, 0.25, 0.75, 8)
    assert found.change("ne_increase") == MetricValue(None, None, None, 8, "it is not a finite number")
    data = plain(found)
    assert (data["auc_drop_low"], data["ne_increase"]) == (0.25, None)
    assert "ne_increase_low" not in data


def test_reasons_that_were_given_are_kept():
    reasons = {"mean_delta": "constant"}
    found = Comparison(1, 0, 0.0, 0.0, 0.0, 0.0, 0.0, math.nan, math.inf, reasons=reasons)
    assert found.reasons == {"mean_delta": "constant", "correlation": "it is not a finite number"}
    assert reasons == {"mean_delta": "constant"}


def test_changes_stand_among_the_statistics_and_are_read_back():
    found = Comparison(8, 2, 0.25, *[None] * 6, measures={"auc_drop": 0.5, "auc_drop_low": 0.25})
    data = plain(found)
    assert "measures" not in data
    keys = list(data)
    assert keys.index("auc_drop") + 1 == keys.index("auc_drop_low") == keys.index("reasons") - 1
    assert TypeAdapter(Comparison).validate_python(data) == found


def test_a_change_that_was_not_measured_has_neither_value_nor_reason():
    found = Comparison(8, 2, 0.25, *[None] * 6).change("auc_drop")
    assert found == MetricValue(None, None, None, 8)


def test_a_healthy_model_has_nothing_to_say_of_stability():
    assert plain(Stability()) == {"non_finite": 0, "saturated": 0, "out_of_range": 0, "largest_logit": None}
