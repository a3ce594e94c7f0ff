"""Schedules that are planted in ages are told, each with a scenario that replays it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml
from pyspark.sql import SparkSession

from replay.config import TrafficConfig
from replay.flows.audit.column_states.schedules import Replayed, summarize_schedules
from replay.flows.audit.run import audit
from replay.flows.run import run
from tests.audit.columns.planted_ages import HOUR
from tests.flows.audit.column_states.counted import FEATURES, columns, counted, moments

UTC = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema([("at", UTC), ("seconds", pa.int64()), ("text", pa.string()), ("surface", pa.string())])


def _told(found, taken=(), nullable=FEATURES, **traffic):
    config = TrafficConfig(
        **{"path": "t", "key": ["id"], "score": "s", "time": {"column": "at"}, "entity": "user", **traffic}
    )
    return summarize_schedules(found, Replayed(config, SCHEMA, frozenset(nullable), taken))


def test_it_is_told_with_what_replays_it():
    (schedule,) = _told(counted())

    assert (schedule.side, schedule.features, schedule.hour) == ("here", ("daily",), 3)
    assert (schedule.youngest_hours, schedule.oldest_hours, schedule.slices) == (0, 24, ())
    assert yaml.safe_load(schedule.scenario) == {
        "drift_before_03": [{"op": "stale", "lag": "24h", "where": "hour(at) < 3", "features": ["daily"]}]
    }


def test_of_one_slice_it_is_told_there_alone():
    (schedule,) = _told(counted(hour=7, only="home"))

    assert (schedule.hour, schedule.slices) == (7, ("surface=home",))
    (step,) = yaml.safe_load(schedule.scenario)["drift_before_07"]
    assert step["where"] == "hour(at) < 7 AND `surface` = 'home'"


@pytest.mark.parametrize(
    ("traffic", "moment"),
    [
        ({"time": {"column": "seconds", "unit": "s"}}, "timestamp_seconds(seconds)"),
        ({"time": {"column": "seconds", "unit": "ns"}}, "timestamp_micros(seconds div 1000)"),
        ({"time": {"column": "text"}}, "to_timestamp(text)"),
        ({"time": {"column": "text", "format": "yyyy"}}, "to_timestamp(text, 'yyyy')"),
    ],
)
def test_however_the_event_time_is_logged(traffic, moment):
    (schedule,) = _told(counted(), **traffic)

    (step,) = yaml.safe_load(schedule.scenario)["drift_before_03"]
    assert step["where"] == f"hour({moment}) < 3"


def test_what_cannot_be_replayed_has_no_scenario():
    assert _told(counted(), entity=None)[0].scenario is None
    assert _told(counted(hour=0))[0].scenario is None
    assert _told(counted(), nullable=("live",))[0].scenario is None
    assert _told(counted(), taken=("drift_before_03",))[0].scenario.startswith("drift_before_03_2: ")


class Sum(torch.nn.Module):
    """A logit of three features."""

    def forward(self, dense: torch.Tensor) -> torch.Tensor:
        """(batch,)."""
        return dense.sum(1)


def _write(directory: Path) -> Path:
    for name, seed in (("now", 0), ("before", 1)):
        held, at = columns(seed), moments(seed)
        frame = pd.DataFrame(held).assign(id=np.arange(at.size), user=np.arange(at.size) % 40, score=0.5)
        frame["at"] = pd.to_datetime(at, unit="us", utc=True)
        frame["landed"] = pd.to_datetime((at - 3 * HOUR) // (24 * HOUR) * 24 * HOUR + 3 * HOUR, unit="us", utc=True)
        if name == "now":
            frame["daily__timestamp"] = frame.landed
        frame.drop(columns="landed").to_parquet(directory / f"{name}.parquet", index=False)
    batch = torch.export.Dim("batch")
    exported = torch.export.export(Sum(), (torch.zeros(4, 3),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, directory / "prod.pt2")
    inputs = [{"name": "dense", "dtype": "float32", "features": ["daily", "live", "plain"], "missing": 0}]
    config = {
        "version": 1,
        "traffic": {
            "path": "now.parquet",
            "key": ["id"],
            "time": "at",
            "entity": "user",
            "score": "score",
            "segments": ["surface"],
        },
        "model": {"inputs": inputs, "output": {"transform": "sigmoid"}},
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "sources": {"before": {"path": "before.parquet"}},
        "audits": {"drift": {"against": "before"}},
        "diff": {"bucket": "1d"},
        "output": "out",
    }
    path = directory / "replay.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.spark
def test_it_is_found_in_a_table_and_the_scenario_can_be_pasted(spark: SparkSession, tmp_path: Path):
    path = _write(tmp_path)

    result = audit(str(path), quiet=True)

    (schedule,) = result.summary.audits["drift"].schedules
    assert (schedule.hour, schedule.features, schedule.share) == (3, ("daily",), 1.0)
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["audits"]["drift"]
    assert told["schedules"][0]["scenario"] == schedule.scenario
    spark.read.format("delta").load(str(tmp_path / "out" / "features")).createOrReplaceTempView("features")
    rows = spark.sql("SELECT slice, value FROM features WHERE feature = 'daily' AND side = 'here' AND stat = 'age_p50'")
    ages = {row.slice: row.value for row in rows.collect()}
    by_query = [[row.asDict() for row in spark.sql(query).collect()] for query in _documented()]
    assert [len(rows) > 0 for rows in by_query] == [
        True,
        False,
        True,
        True,
        True,
    ]  # nothing differs, and so nothing costs
    assert [row["here"] for row in by_query[2]] == [1.0] * 4
    assert ages["hour=02"] == pytest.approx(23.5 * 3600, abs=900)
    assert ages["hour=03"] == pytest.approx(0.5 * 3600, abs=900)

    path.write_text(f"{path.read_text()}scenarios:\n  {schedule.scenario}\n")
    replayed = run(str(path), overrides=["output=again"], quiet=True)

    changed = replayed.summary.variants["prod/drift_before_03"].vs_baseline
    frame = pd.read_parquet(tmp_path / "now.parquet")
    stale = [_value_of_the_day_before(frame, row) for row in frame[frame["at"].dt.hour < 3].itertuples()]
    expected = frame.loc[frame["at"].dt.hour < 3, "daily"].astype(np.float32).to_numpy() != np.array(stale, np.float32)
    assert changed.mismatched == expected.sum() > 0


def _documented() -> list[str]:
    """The queries of the page."""
    page = (Path(__file__).parents[4] / "docs" / "audits.md").read_text()
    blocks = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    return [query for block in blocks for query in block.split(";") if "SELECT" in query]


def _value_of_the_day_before(frame: pd.DataFrame, row) -> float:
    """The user's newest value that is a day old, 0 (what the model gets for a null) where there is none."""
    older = frame[(frame.user == row.user) & (frame["at"] <= row.at - pd.Timedelta(hours=24))]
    return float(older.sort_values("at").daily.iloc[-1]) if len(older) else 0.0
