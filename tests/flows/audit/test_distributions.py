"""Honest drift over years of a census, and one planted recode: that one alone stands out; counts are pandas'."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from pyspark.sql import SparkSession

from replay.flows.audit.run import audit
from tests.conftest import real_file

FEATURES = ["AGEP", "SCHL", "MAR", "SEX", "RELP"]
CODES = FEATURES[1:]
ROWS = 4_000


class Answers(torch.nn.Module):
    """A logit of the age and the codes."""

    def forward(self, age: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(batch,)."""
        return age.squeeze(1) / 50 - 1 + codes.float().sum(1) / 1e6


def _years() -> pd.DataFrame:
    path = real_file("census_years/census_years.parquet")
    rows = pd.read_parquet(path)
    rows = rows.groupby("year").sample(ROWS, random_state=0).reset_index(drop=True)
    rows["at"] = pd.to_datetime(rows.year.astype(str) + "-01-01", utc=True) + pd.to_timedelta(
        np.random.default_rng(0).integers(0, 360, len(rows)), unit="D"
    )
    rows["score"] = rows.predicted_probability
    return rows[["id", "at", "year", "score", *FEATURES]]


@pytest.mark.spark
@pytest.mark.real_data
def test_a_recode_stands_out_of_honest_drift(spark: SparkSession, tmp_path: Path):
    rows = _years()
    now, before = rows[rows.year == 2018].copy(), rows[rows.year < 2018]
    now["MAR"] = now.MAR.map({"1": "married", "2": "widowed", "3": "divorced", "4": "separated", "5": "never"})
    now.to_parquet(tmp_path / "now.parquet", index=False)
    before.to_parquet(tmp_path / "before.parquet", index=False)
    batch, example = torch.export.Dim("batch"), (torch.zeros(4, 1), torch.zeros(4, len(CODES)).long())
    torch.export.save(
        torch.export.export(Answers(), example, dynamic_shapes=({0: batch}, {0: batch})), tmp_path / "prod.pt2"
    )
    config = {
        "version": 1,
        "traffic": {"path": "now.parquet", "key": ["id"], "time": "at", "score": "score", "segments": ["SEX"]},
        "model": {
            "inputs": [
                {"name": "age", "dtype": "float32", "features": ["AGEP"], "missing": 0},
                {"name": "codes", "dtype": "int64", "features": CODES, "hash": {"function": "crc32", "buckets": 99}},
            ],
            "output": {"transform": "sigmoid"},
        },
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "sources": {"earlier": {"path": "before.parquet", "time": "at", "buckets": "365d"}},
        "audits": {"drift": {"against": "earlier"}},
        "diff": {"bucket": "30d"},
        "output": "out",
    }
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump(config))

    result = audit(str(tmp_path / "replay.yaml"), quiet=True)

    found = result.summary.audits["drift"]
    assert [(each.feature, each.kind) for each in found.features] == [("MAR", "vocabulary")]
    assert (found.joined, found.rows, found.features_compared) == (False, ROWS, len(FEATURES))
    assert found.features[0].coverage.here == pytest.approx(now.MAR.notna().mean())
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["audits"]["drift"]
    assert told["together"]["reason"].startswith("the tables are not joined")
