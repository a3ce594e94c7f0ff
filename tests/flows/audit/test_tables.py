"""The tables of an audit, read back by Spark's own SQL."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.flows.audit.tables import DIFFERENCES_SCHEMA, FEATURES_SCHEMA
from tests.flows.audit.conftest import AuditedLoans
from tests.flows.audit.loans import KEY
from tests.flows.stages.test_tables import expected, schema


@pytest.mark.parametrize(
    ("name", "columns"), [("features", FEATURES_SCHEMA), ("feature_differences", DIFFERENCES_SCHEMA)]
)
def test_columns_types_and_nulls_are_the_tables(name: str, columns: pa.Schema):
    properties = schema(name)["properties"]

    assert {key: entry["type"] for key, entry in properties.items()} == {one.name: expected(one) for one in columns}
    assert list(properties) == columns.names
    assert schema(name)["required"] == [one.name for one in columns if not one.nullable]


@pytest.mark.spark
@pytest.mark.real_data
def test_the_history_has_each_feature_by_side_slice_and_statistic(spark: SparkSession, audited: AuditedLoans):
    path = audited.config.parent / "out" / "features"
    rows = spark.read.format("delta").load(str(path)).toPandas()
    rates = rows[(rows["stat"] == "coverage") & (rows["feature"] == "loan_int_rate") & rows.bucket.isna()]
    here = rates[rates.side == "here"].set_index("slice").value
    there = rates[rates.side == "there"].set_index("slice").value
    merged = audited.loans.rows.merge(audited.served[[KEY, "loan_int_rate"]], on=KEY, suffixes=("", "_there"))
    expected = merged.groupby("person_home_ownership").loan_int_rate_there.count()

    assert set(rows.run_id) == {audited.result.summary.run_id}
    assert here["all"] == 1.0
    assert there["all"] == pytest.approx(merged.loan_int_rate_there.notna().mean())
    assert there["person_home_ownership=RENT"] == 0.0 == expected["RENT"]
    ne = rows[(rows.stat == "cost_ne_increase") & (rows.feature == "loan_int_rate")].iloc[0]
    assert ne.low < ne.value < ne.high
    assert rows[rows.stat == "alarm"].value.sum() == 6


@pytest.mark.spark
@pytest.mark.real_data
def test_examples_have_both_values_and_the_command_that_shows_the_row(spark: SparkSession, audited: AuditedLoans):
    path = audited.config.parent / "out" / "feature_differences"
    rows = spark.read.format("delta").load(str(path)).toPandas()
    income = rows[rows.feature == "person_income"]
    logged = audited.loans.rows.set_index(KEY).person_income

    assert len(income) == 20
    assert set(income.kind) == {"unit"}
    for example in income.itertuples():
        key = int(dict(example.key)[KEY])
        assert float(example.here) == logged[key]
        assert float(example.there) == pytest.approx(logged[key] * 0.9)
        assert example.command == f"replay row {audited.config.parent}/out --key {KEY}={key}"
    assert set(rows[rows.feature == "loan_int_rate"].status) == {"not_found"}
