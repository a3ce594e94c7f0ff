from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from replay.diff.spec import VariantColumn
from tests.diff.table import SPEC


def test_columns_are_listed_once():
    spec = replace(SPEC, segments=("surface", "request_id"))
    assert spec.columns == (
        "online_score", "label", "weight", "request_id", "event_time", "rejected", "surface",
        "prod", "candidate", "prod/nulls", "candidate/nulls",
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(spec)) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "typo"}, "baseline 'typo' is no checkpoint"),
        ({"baseline": "prod/nulls"}, "baseline 'prod/nulls' is no checkpoint"),
        ({"variants": (VariantColumn("online", "x"),), "baseline": "online"}, "name reserved for the online score"),
        ({"variants": (VariantColumn("prod", "a"), VariantColumn("prod", "b"))}, "found variant 'prod' twice"),
        ({"variants": (VariantColumn("prod/x", "a", "prod"), VariantColumn("prod", "b"))}, "no checkpoint before it"),
        ({"bucket_us": 0}, "bucket_us=0"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SPEC, **change)
