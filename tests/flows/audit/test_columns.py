"""Which features an audit is of."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.config import AuditConfig, Input
from replay.errors import ConfigError
from replay.flows.audit.columns import compared_features, is_categorical, names_there, takes_null
from tests.flows.audit.test_join import _prepared, _source


def test_what_the_other_table_calls_them():
    assert names_there(_source(), ("x0", "x1", "n"), "a") == {"x0": "features.x0", "n": "features.n"}


def test_which_features_an_audit_is_of():
    assert compared_features(_prepared(), "a", AuditConfig(against="s")) == ("x0", "x1")
    assert compared_features(_prepared(), "a", AuditConfig(against="s", features=("*1",))) == ("x1",)
    assert compared_features(_prepared(), "a", AuditConfig(against="s", features=("core",))) == ("x0",)
    with pytest.raises(ConfigError, match="none of the model's features is called `y`"):
        compared_features(_prepared(), "a", AuditConfig(against="s", features=("y",)))


@pytest.mark.parametrize(
    ("entry", "kind", "expected"),
    [
        ({"dtype": "float32"}, pa.float64(), False),
        ({"dtype": "float32"}, pa.int64(), False),
        ({"dtype": "int64"}, pa.int64(), True),
        ({"dtype": "int64", "hash": {"function": "crc32", "buckets": 9}}, pa.int64(), True),
        ({"dtype": "string"}, pa.string(), True),
        ({"dtype": "float32"}, pa.dictionary(pa.int8(), pa.float64()), False),
    ],
)
def test_names_are_told_from_quantities(entry, kind, expected):
    assert is_categorical(Input(name="i", feature="x", **entry), kind) is expected


def test_a_null_is_taken_where_there_is_a_default():
    assert takes_null(Input(name="i", feature="x", missing=0), "x")
    assert takes_null(Input(name="i", features=["x", "y"], missing={"x": 0}), "x")
    assert not takes_null(Input(name="i", features=["x", "y"], missing={"x": 0}), "y")
    assert not takes_null(Input(name="i", feature="x"), "x")
