"""What Spark must bring for scenarios: side columns and donors."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from replay.errors import ConfigError
from replay.scenarios import SideColumn, donor_features, side_columns
from tests.scenarios.making import model, scenario

FEATURES = {"a": pa.int64(), "b": pa.float32(), "c": pa.string()}
MODEL = model(*FEATURES, families={"ab": ("a", "b")})
HOUR = timedelta(hours=1)


def test_each_condition_and_each_older_value_once():
    condition = "surface = 'home'"
    scenarios = [
        scenario({"op": "nulls", "features": "a", "where": condition}, {"op": "stale", "families": "ab", "lag": "1h"}),
        scenario({"op": "stale", "features": "b", "lag": "1h", "where": condition}, salt="t"),
        scenario({"op": "stale", "features": "b", "lag": "2h", "where": "x > 1"}, salt="u"),
    ]

    found = side_columns(scenarios, MODEL, FEATURES)

    assert [(one.kind, one.where, one.feature, one.lag) for one in found] == [
        ("where", condition, None, None),
        ("stale", None, "a", HOUR),
        ("stale", None, "b", HOUR),
        ("where", "x > 1", None, None),
        ("stale", None, "b", 2 * HOUR),
    ]
    assert found[1] == SideColumn("replay:stale:3600000000:a", "stale", feature="a", lag=HOUR)
    assert len({one.name for one in found}) == 5
    assert side_columns(scenarios[1:], MODEL, FEATURES)[0].name == found[0].name


def test_donors_of_shuffled_features():
    scenarios = [
        scenario({"op": "shuffle", "features": "c"}, {"op": "nulls", "features": "b"}),
        scenario({"op": "shuffle", "features": ("a", "c")}, salt="t"),
    ]

    assert donor_features(scenarios, MODEL, FEATURES) == ("c", "a")
    assert donor_features(scenarios[:0], MODEL, FEATURES) == ()


def test_unknown_names():
    with pytest.raises(ConfigError, match=r"scenarios\.s\[0\]\.features\[0\]: no input of the model reads `z`"):
        side_columns([scenario({"op": "nulls", "features": "z"})], MODEL, FEATURES)
