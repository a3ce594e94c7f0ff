from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from replay.config.sections.diff import Tolerance
from replay.diff.job import agreement, diff_scores, rank_effects
from replay.diff.ranking.rank_state import GROUP, RankState
from replay.diff.tolerance import agrees
from tests.diff.table import SPEC, scores_table
from tests.metrics.state_tester import same

pytestmark = pytest.mark.spark


def scattered():
    """The rows of a group far apart, some without a group; names that need quoting."""
    table = scores_table()
    order = np.random.default_rng(0).permutation(table.num_rows)
    group = pa.array([f"r{row // 9}" for row in range(table.num_rows)], mask=np.arange(table.num_rows) % 50 == 7)
    place = table.schema.get_field_index("request_id")
    return table.set_column(place, "request.id", group).take(order)


def expected(table, spec):
    """One state over the rows sorted by group."""
    group = table.column("request.id").to_pylist()
    kept = [row for row in range(table.num_rows) if group[row] is not None and not table["rejected"][row].is_valid]
    codes = {value: code for code, value in enumerate(dict.fromkeys(group))}
    code = np.array([codes[group[row]] for row in kept])
    rows = np.array(kept)[np.argsort(code, kind="stable")]
    ordered = table.take(rows).append_column(GROUP, pa.array(np.sort(code), pa.int64()))
    return RankState(spec).update(ordered.combine_chunks().to_batches()[0]).compute()


def flat(change):
    return {metric: (one.value, one.low, one.high, one.groups, one.rows) for metric, one in change.metrics().items()}


def test_groups_are_brought_together_from_all_partitions(spark):
    table, spec = scattered(), replace(SPEC, group="request.id")
    scores = spark.createDataFrame(table).repartition(5)
    found, whole = rank_effects(scores, spec), expected(table, spec)
    assert {name: change.groups for name, change in found.items()} == {
        name: change.groups for name, change in whole.items()
    }
    assert same({n: flat(c) for n, c in found.items()}, {n: flat(c) for n, c in whole.items()}, 1e-9)

    diff = diff_scores(lambda: scores, spec, ("item_id",), 3)
    ranks = diff.result.variants["candidate"].vs_baseline["rank"]
    assert same(flat(ranks), flat(whole["candidate"]), 1e-9)
    assert same(flat(diff.result.variants["prod"].vs_online["rank"]), flat(whole["prod"]), 1e-9)
    rows = {(row.variant, row.metric): row for row in diff.result.metric_rows if row.against == "baseline"}
    assert rows["candidate", "ndcg_10_change"].value == ranks.ndcg_change["10"].value
    assert rows["candidate", "top_5_overlap"].low == ranks.top_k["5"].low
    no_group = sum(not group.is_valid and not rejected.is_valid
                   for group, rejected in zip(table["request.id"], table["rejected"], strict=True))  # fmt: skip
    assert diff.result.no_group == no_group > 0
    assert any(note.startswith(f"{no_group} rows have no 'request.id'") for note in diff.result.notes)


def test_integer_groups_and_a_diff_of_the_baseline_alone(spark):
    table = scores_table()
    alone = replace(SPEC, variants=SPEC.variants[:1])
    scores = spark.createDataFrame(table).repartition(3)
    assert "rank" not in diff_scores(lambda: scores, alone, ("item_id",), 3).result.variants["prod"].vs_online
    assert rank_effects(scores, alone)["prod"].groups > 100
    with pytest.raises(ValueError, match="no group in the spec"):
        rank_effects(scores, replace(SPEC, group=None))


TOLERANCES = [(0.25, 0.0), (0.0, 0.5), (0.125, 0.25), (0.0, 0.0), (1e300, 1e300), (5e-324, 0.1)]
EDGES = [
    0.0,
    -0.0,
    0.25,
    0.25 - 2**-54,
    0.5,
    0.75,
    0.75 + 2**-53,
    -0.5,
    4.0,
    6.0,
    -6.0,
    1e-9,
    5e-324,
    0.1,
    1e308,
    -1e308,
]


def test_columns_of_spark_agree_as_arrays_do(spark):
    values = [*EDGES, np.inf, -np.inf, np.nan, None]
    pairs = pa.table({"l": [left for left in values for _ in values], "r": values * len(values)})
    left, right = (pairs[name].to_numpy() for name in ("l", "r"))
    compared = np.array([a is not None and b is not None for a in values for b in values])
    each = [Tolerance(abs=absolute, rel=relative) for absolute, relative in TOLERANCES]
    answers = [agreement(F.col("l"), F.col("r"), one).alias(str(place)) for place, one in enumerate(each)]
    found = spark.createDataFrame(pairs).select("l", "r", *answers).toArrow()
    np.testing.assert_array_equal(found["l"].to_numpy(), left)
    np.testing.assert_array_equal(found["r"].to_numpy(), right)
    for place, tolerance in enumerate(each):
        expected = pa.array(agrees(left, right, tolerance), mask=~compared)
        assert found[str(place)].to_pylist() == expected.to_pylist(), tolerance
