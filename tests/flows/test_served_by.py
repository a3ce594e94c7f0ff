"""Traffic of two deployments: each row is replayed by the checkpoint that the log names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import replay
from replay.config import load_config
from replay.flows.options import Options
from replay.flows.row import explain_row
from tests.flows.case import ROWS, make_table
from tests.flows.pair import pair_scores, write_pair

pytestmark = pytest.mark.spark

UNKNOWN = (7, 2_900)  # rows of no version, and of one that nobody listed
WRONG = slice(1_000, 1_600)  # here `v1` answered whatever the log says


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rollout in which half of the rows say 18 from the first minute on; 17 answered some of them."""
    path = tmp_path_factory.mktemp("served")
    served_by = {"column": "version", "values": {"17": "v1", "18": "v2"}}
    table = make_table()
    versions = np.where(np.arange(ROWS) % 2 == 1, 18, 17)
    logged = [None if row == UNKNOWN[0] else 99 if row == UNKNOWN[1] else int(versions[row]) for row in range(ROWS)]
    table = table.append_column("version", pa.array(logged, pa.int32()))
    write_pair(path, table, traffic__served_by=served_by)
    one, two = pair_scores(path, table, "v1", "v1"), pair_scores(path, table, "v2", "v2")
    online = np.where(versions == 18, two, one)
    online[WRONG] = one[WRONG]
    table = table.set_column(table.column_names.index("online_score"), "online_score", pa.array(online))
    write_pair(path, table, traffic__served_by=served_by)
    pq.write_table(pa.table({"served": np.where(versions == 18, two, one)}), path / "expected.parquet")
    return path


@pytest.fixture(scope="module")
def diagnosed(directory: Path, spark: object) -> Path:
    config = load_config(directory / "replay.yaml")
    assert config.baseline == "served_by"
    replay.diagnose(config, output=str(directory / "out"), options=Options())
    return directory


def test_rows_are_replayed_by_what_served_them(diagnosed: Path):
    directory = diagnosed
    scores = DeltaTable(str(directory / "out" / "scores")).to_pyarrow_table().sort_by("request_id")
    expected = pq.read_table(directory / "expected.parquet")["served"].to_numpy()
    known = np.ones(ROWS, bool)
    known[list(UNKNOWN)] = False

    np.testing.assert_allclose(scores["served_by"].to_numpy()[known], expected[known], rtol=1e-5)
    assert np.flatnonzero(scores["rejected"].is_valid().to_numpy()).tolist() == list(UNKNOWN)
    assert scores["rejected"].drop_null().unique().to_pylist() == ["unknown_version"]
    assert scores["rejected_feature"].drop_null().unique().to_pylist() == ["version"]
    assert scores["v1"].null_count == len(UNKNOWN)

    summary = json.loads((directory / "out" / "summary.json").read_text())
    assert summary["baseline"] == "served_by"
    (warning,) = summary["warnings"]
    assert warning.startswith(
        "2 of 4,000 rows (0.05%) are rejected: version in 2 rows (a version that names no checkpoint"
    )
    assert summary["checkpoints"]["served_by"]["format"] == "route"
    online = summary["variants"]["served_by"]["vs_online"]
    assert online["compared"] == ROWS - len(UNKNOWN)
    wrong = np.arange(ROWS)[WRONG]
    assert online["mismatched"] == int((wrong % 2 == 1).sum())

    (incident,) = summary["incidents"]
    assert incident["segments"] == {"version": "18"}
    cause = incident["causes"][0]
    assert (cause["kind"], cause["checkpoint"]) == ("checkpoint", "v1")
    assert cause["parameters"]["logged_version"] == "v2"


def test_the_cause_is_verified_on_all_rows(diagnosed: Path):
    found = replay.verify(diagnosed / "out", incident=1).summary.verification
    assert found is not None
    assert found.check.holds
    assert (found.mismatched, found.check.agreeing) == (300, 300)


def test_a_row_of_an_unknown_version_has_no_score(directory: Path, spark: object):
    found = explain_row(load_config(directory / "replay.yaml"), {"request_id": f"r{UNKNOWN[1]:06}"})
    assert found.rejected == "unknown_version"
    assert found.replayed == {}


def test_validate_tells_unknown_versions(directory: Path, spark: object):
    found = replay.validate(directory / "replay.yaml")
    assert found.rehearsal is not None
    (reject,) = [each for each in found.rehearsal.contract.rejects if each.reason == "unknown_version"]
    assert (reject.feature, reject.rows) == ("version", 2)
    assert any("99" in warning and "17, 18" in warning for warning in found.warnings)
