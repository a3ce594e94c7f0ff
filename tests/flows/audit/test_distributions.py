"""Honest drift over years of a census, and one planted recode: that one alone is alarmed; its cost is torch's."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.audit.columns.cells import cells_of
from replay.config.sections.traffic import TimeColumn
from replay.flows.audit.distributions import CountingPass, joined_batches
from replay.flows.audit.run import audit
from replay.metrics.value import MetricValue
from tests.flows.audit.census import FEATURES, LABEL, STATES, Answers, load_years, scores, train, write_case

ROWS = 20_000


@pytest.fixture(scope="module")
def years() -> tuple[pd.DataFrame, Answers]:
    """Answers of four years, and a model of the first."""
    rows = load_years(ROWS)
    return rows, train(rows[rows.year == 2015])


def _ne(labels: np.ndarray, found: np.ndarray) -> float:
    rate = labels.mean()
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    return float(-(labels * np.log(found) + (1 - labels) * np.log(1 - found)).mean() / entropy)


@pytest.mark.spark
@pytest.mark.real_data
def test_a_recode_alone_is_alarmed_among_honest_drift_and_costs_what_torch_says(
    spark: SparkSession, tmp_path: Path, years: tuple[pd.DataFrame, Answers]
):
    """The new names are unknown to the model: whichever of them a row gets, it scores what any unknown one does."""
    rows, model = years
    now, before = rows[rows.year == 2018].copy(), rows[rows.year < 2018]
    now["MAR"] = now.MAR.map(STATES)
    gates = [
        {"audit": "drift", "metric": "alarms", "max": 0},
        {"audit": "drift", "metric": "total_cost_ne_increase", "max": 1},
    ]
    config = write_case(tmp_path, model, now, before, gates=gates)

    result = audit(str(config), quiet=True)

    found = result.summary.audits["drift"]
    assert [(each.feature, each.kind, each.alarm) for each in found.features] == [("MAR", "vocabulary", True)]
    assert (found.joined, found.rows, found.features_compared) == (False, ROWS, len(FEATURES))
    was, gets = scores(model, before), scores(model, before.assign(MAR="never"))
    labels = before[LABEL].to_numpy(float)
    cost = found.features[0].cost
    assert cost.mean_abs == pytest.approx(np.abs(gets - was).mean(), rel=1e-4)
    assert isinstance(cost.ne_increase, MetricValue)
    assert cost.ne_increase.value == pytest.approx(_ne(labels, gets) - _ne(labels, was), rel=1e-3)
    assert [gate.verdict for gate in result.summary.gates] == ["failed", "passed"]
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["audits"]["drift"]
    assert told["together"]["ne_increase"]["value"] == pytest.approx(cost.ne_increase.value)
    assert "variant" not in told["features"][0]["cost"]


@pytest.mark.spark
@pytest.mark.real_data
def test_honest_drift_is_alarmed_nowhere(spark: SparkSession, tmp_path: Path, years: tuple[pd.DataFrame, Answers]):
    rows, model = years
    config = write_case(tmp_path, model, rows[rows.year == 2018], rows[rows.year < 2018])

    found = audit(str(config), quiet=True).summary.audits["drift"]

    assert found.alarms == ()
    assert found.features == ()


def test_small_batches_are_put_together_and_no_row_is_lost():
    batches = [
        pa.RecordBatch.from_pydict({"a": np.arange(start, start + 10_000)}) for start in range(0, 150_000, 10_000)
    ]

    joined = list(joined_batches(batches))

    assert [batch.num_rows for batch in joined] == [70_000, 70_000, 10_000]
    assert np.concatenate([batch.column("a").to_numpy() for batch in joined]).tolist() == list(range(150_000))
    assert list(joined_batches([])) == []


def test_a_task_counts_values_with_their_times_and_statuses():
    rows = 1000
    at = np.full(rows, 10 * 3_600_000_000)
    batch = pa.RecordBatch.from_pydict(
        {
            "at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "s": pa.array(["x", "y"] * (rows // 2)),
            "a": np.arange(rows) % 3,
            "a_time": pa.array(at - 3_600_000_000, pa.timestamp("us")),
            "a_why": pa.array([1, 7] * (rows // 2)),
        }
    )
    counting = CountingPass(
        {"ours": cells_of(batch.column("a"))},
        {"ours": "a"},
        {"surface": "s"},
        TimeColumn(column="at"),
        timedelta(hours=1),
        {"ours": "a_time"},
        {"ours": "a_why"},
        {"7": "timeout"},
    )

    packed = counting.update([batch, batch])
    counts = pickle.loads(counting.merge([packed, packed]))
    counts.finish(counting.value_times, counting.statuses)

    assert (counts.rows, list(counts.by_bucket)) == (4 * rows, [10])
    assert counts.slices.labels == ["all", "surface=x", "surface=y"]
    found = dict(counts.statistics["ours"])
    assert (found["status=1"], found["status=timeout"], found["age_p50"]) == (0.5, 0.5, pytest.approx(3600, rel=2**-7))
    assert counts.ages["ours"].by_hour(1)[10].sum() == 2 * rows
