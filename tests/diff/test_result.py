from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest

from replay.diff.measure import measure
from tests.diff.oracle import SPECS, diffed

VARIANTS = ["prod", "candidate", "prod/nulls", "candidate/nulls"]


@pytest.mark.parametrize("spec", ["no group", "bare"])
def test_each_variant_is_compared_with_what_it_can_be(spec):
    result = measure(diffed(SPECS[spec]))
    assert list(result.variants) == VARIANTS
    assert (result.online.vs_online, result.online.vs_baseline) == (None, None)
    for name, found in result.variants.items():
        assert found.vs_online is not None
        assert (found.vs_baseline is None) == (name == "prod")


def test_quality_and_its_changes_need_a_label():
    labelled, plain = (measure(diffed(SPECS[name])) for name in ("no group", "bare"))
    assert list(labelled.online.metrics) == ["auc", "ne", "logloss", "calibration", "log_mae"]
    assert "changes" in labelled.variants["candidate"].vs_baseline
    assert plain.online.metrics == {}
    assert "changes" not in plain.variants["candidate"].vs_baseline


def test_without_a_time_there_are_no_buckets():
    result = measure(diffed(SPECS["bare"]))
    assert (result.first, result.last, result.bucket, result.no_time) == (None, None, None, 0)
    assert {row.bucket for row in result.metric_rows} == {None}


def test_a_result_is_frozen_and_travels():
    result = measure(diffed(SPECS["bare"]))
    assert pickle.loads(pickle.dumps(result)) == result
    with pytest.raises(FrozenInstanceError):
        result.rows = 0
    with pytest.raises(FrozenInstanceError):
        result.online.rows = 0
