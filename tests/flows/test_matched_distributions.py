"""Distributions of another table as what-ifs, where the least change is known without counting."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay
from tests.flows.case import make_table, write_case

pytestmark = pytest.mark.spark

ROWS = 1_200
MATCH = {"op": "match", "source": "trained", "features": ["x0", "x2"]}


def trained(table: pa.Table) -> pa.Table:
    """The same rows in another order, with no x0 at home; and no row of a search for item 0."""
    at_home = pc.equal(table["surface"], "home")
    x0 = pc.if_else(at_home, pa.scalar(None, pa.float64()), table["x0"].cast(pa.float64()))
    table = table.set_column(table.schema.get_field_index("x0"), "x0", x0)
    return table.take(np.random.default_rng(2).permutation(table.num_rows))


@pytest.fixture(scope="module")
def found(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("matched")
    scenarios = {
        "sliced": [{**MATCH, "by": "surface"}],
        "whole": [MATCH],
        "half": [{**MATCH, "by": "surface", "rate": 0.5}],
        "null": [{"op": "nulls", "features": "x0", "where": "surface = 'home'"}],
    }
    table = make_table(ROWS)
    config = write_case(folder, table, scenarios=scenarios, sources={"trained": {"path": "trained.parquet"}})
    pq.write_table(trained(table), folder / "trained.parquet")
    result = replay.run(config)
    return spark.read.format("delta").load(f"{result.output}/scores").toArrow().sort_by("request_id")


def test_within_slices_the_one_that_lost_a_feature_loses_it(found: pa.Table) -> None:
    """Elsewhere nothing changes, and no other feature does."""
    assert found["prod/sliced"].combine_chunks().equals(found["prod/null"].combine_chunks())
    assert found["prod/sliced"].null_count == ROWS - int(np.sum(found["surface"].to_numpy() == "home"))


def test_a_rate_takes_some_of_these_rows(found: pa.Table) -> None:
    sliced, half = (found[name].to_numpy() for name in ("prod/sliced", "prod/half"))
    chosen = np.isfinite(half)
    assert half[chosen].tolist() == sliced[chosen].tolist()
    assert 0.35 < chosen.sum() / np.isfinite(sliced).sum() < 0.65


def test_without_slices_as_many_rows_lose_it_wherever_they_are(found: pa.Table) -> None:
    at_home = found["surface"].to_numpy() == "home"
    share = at_home.mean()
    touched = found["prod/whole"].is_valid().to_numpy()
    # What is left of x0 has the digits of searches alone, so that other rows move a little too.
    assert touched[at_home].mean() > 0.3
    assert touched[~at_home].mean() > 0.3
    assert touched.mean() >= share - 0.1
