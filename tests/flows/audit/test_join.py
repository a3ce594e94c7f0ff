"""What is compared, and what the other table has of it."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest

from replay.config import AuditConfig, Input, SourceConfig
from replay.errors import ConfigError
from replay.flows.audit.join import _columns, _refusal
from replay.traffic import PinnedSource

SCHEMA = pa.schema(
    [
        ("features", pa.struct([("x0", pa.float64()), ("n", pa.float64())])),
        ("x0__timestamp", pa.timestamp("us", "UTC")),
        ("features.x0__status", pa.int32()),
        ("text", pa.string()),
        ("known", pa.timestamp("us", "UTC")),
    ]
)


def _source(**changes) -> PinnedSource:
    config = SourceConfig(path="served", key=["id"], columns={"x*": "features.x*", "n": "features.n"}, **changes)
    return PinnedSource("served", config, SimpleNamespace(schema=SCHEMA, location="/served"))


def _prepared(features=("x0", "x1"), core=("x0",)):
    def locate(problem):
        return problem

    traffic = SimpleNamespace(key=("id",), segments=("s",))
    audits = {"a": AuditConfig(against="served", by=("t",))}
    config = SimpleNamespace(features=SimpleNamespace(core=core), traffic=traffic, locate=locate, audits=audits)
    return SimpleNamespace(features=features, config=config, plan=SimpleNamespace(columns=("id", "x0", "x1")))


def test_columns_of_the_other_table_by_feature():
    columns = _columns(_prepared(), _source(known_at="known"), ("x0", "x1"), "a")

    assert (columns.names, columns.absent) == ({"x0": "features.x0"}, ("x1",))
    assert columns.statuses == {"x0": "features.x0__status"}
    assert columns.value_times == {}
    assert set(columns.there) == {"features", "features.x0__status", "known"}
    assert columns.meanings["3"] == "not_found"
    assert columns.segments == ("t",)


def test_value_times_are_times():
    columns = _columns(_prepared(), _source(value_time="x0__timestamp"), ("x0",), "a")

    assert columns.value_times == {"x0": "x0__timestamp"}
    assert _columns(_prepared(), _source(value_time="text"), ("x0",), "a").value_times == {}


def test_a_table_without_any_of_the_features_is_refused():
    with pytest.raises(ConfigError, match=r"/served has none of the 1 features: say under `sources.served.columns`"):
        _columns(_prepared(), _source(), ("x1",), "a")


def test_values_that_the_model_cannot_be_given():
    plain, with_default = Input(name="i", feature="n"), Input(name="i", feature="n", missing=0)
    fractions = pa.table({"@there": [0.5, None]})

    assert _refusal(pa.float64(), _source(), "n", plain, None) is None
    assert _refusal(pa.int64(), _source(), "n", plain, pa.table({"@there": [1.0, None]})) is None
    assert "no whole number" in _refusal(pa.int64(), _source(), "n", plain, fractions)
    assert "it is string" in _refusal(pa.float64(), _source(), "text", plain, None)
    assert _refusal(pa.float64(), _source(), "gone", plain, None) == "the model has no default for a null of it"
    assert _refusal(pa.float64(), _source(), "gone", with_default, None) is None
