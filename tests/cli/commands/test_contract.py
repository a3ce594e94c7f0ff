"""``replay contract``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from pyspark.sql import SparkSession

from replay.cli.commands.contract import contract_lines
from replay.contracts.parity import DifferentRow, InputParity
from replay.flows.contract.answer import ContractAnswer, TransformParity
from tests.cli.command_line import replay
from tests.scoring.two_contracts import FIRST, PROD, rows, scored, two_contracts, write_checkpoints

ROWS = rows(2000)
SERVING = """
def transform(rows):
    dense = [[-1.0 if row[name] is None else row[name] for name in ("a", "b")] for row in rows]
    return {"dense": dense, "ids": [row["item"] or 0 for row in rows]}
"""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    write_checkpoints(tmp_path)
    (tmp_path / "traffic").mkdir()
    pq.write_table(pa.Table.from_batches([ROWS]), tmp_path / "traffic" / "rows.parquet")
    (tmp_path / "serving.py").write_text(SERVING)
    data = {
        "version": 1,
        "traffic": {"path": "traffic", "key": ["id"], "time": "at", "score": "score", "label": "label"},
        "model": PROD,
        "checkpoints": {"prod": {"path": "prod.pt", "factory": "two.py:Prod"}},
        "output": "out",
    }
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump(data))
    dense, ids = PROD["inputs"]
    other = {**PROD, "inputs": [{**dense, "missing": -1.0}, {**ids, "offset": 30}]}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({**data, "model": other}))
    return tmp_path


def test_the_fingerprint_and_what_two_files_say_need_no_rows(case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("contract", case / "replay.yaml") == 0
    first = capsys.readouterr().out
    assert "of prod: sha256 " in first
    assert "2 inputs (dense, ids) of 3 columns or globs" in first

    assert replay("contract", case / "replay.yaml", "--against", case / "other.yaml", "--no-replay") == 1
    said = capsys.readouterr().out
    assert "input `dense`: `missing` is `0.0` in the first, `-1.0` in the second" in said
    assert "input `ids`: `offset` is not given in the first, `30` in the second" in said
    assert replay("contract", case / "replay.yaml", "--against", case / "replay.yaml", "--no-replay") == 0
    assert ", the same" in capsys.readouterr().out


def test_two_checkpoints_of_one_config_are_compared(case: Path, capsys: pytest.CaptureFixture[str]):
    data = yaml.safe_load((case / "replay.yaml").read_text())
    data["checkpoints"]["l1"] = {"path": "l1.pt", "factory": "two.py:First", "model": FIRST}
    (case / "replay.yaml").write_text(yaml.safe_dump({**data, "baseline": "prod"}))
    other = ("--against", case / "replay.yaml", "--against-checkpoint", "l1", "--no-replay")

    assert replay("contract", case / "replay.yaml", *other) == 1

    said = capsys.readouterr().out
    assert "reads      only the first: item" in said
    assert "reads      only the second: c, seen" in said


def test_what_is_not_there_is_wrong_usage(case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("contract", case / "replay.yaml", "--checkpoint", "l9") == 2
    assert "there is no checkpoint `l9`" in capsys.readouterr().err
    assert replay("contract", case / "replay.yaml", "--against", case / "none.yaml", "--no-replay") == 2
    assert "none.yaml" in capsys.readouterr().err
    assert replay("contract", case / "replay.yaml", "--against", "nowhere.py:transform") == 2
    assert "nowhere.py: no such file" in capsys.readouterr().err


def test_a_stamp_is_kept_beside_the_checkpoint_and_compared(case: Path, capsys: pytest.CaptureFixture[str]):
    before = (case / "prod.pt").read_bytes()
    place = f"{case}/prod.pt.contract.json"
    assert replay("contract", case / "replay.yaml") == 0
    assert "stamp" not in capsys.readouterr().out

    assert replay("contract", case / "replay.yaml", "--stamp") == 0

    assert f"stamp      {place}: the same contract" in capsys.readouterr().out
    assert (case / "prod.pt").read_bytes() == before
    other = case / "other.yaml"
    assert replay("contract", other) == 0
    said = capsys.readouterr().out
    assert "checkpoint `prod` was stamped with another contract than the config's: input `dense`: `missing`" in said
    assert replay("contract", other, "--strict") == 3
    assert "input `dense`: `missing` is `0.0` in its stamp, `-1.0` in the config" in capsys.readouterr().err
    assert replay("contract", other, "--stamp") == 2
    assert "--overwrite replaces the stamp" in capsys.readouterr().err
    assert replay("contract", other, "--stamp", "--overwrite") == 0
    assert replay("contract", other, "--strict", "--json") == 0
    assert json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))["stamp"] == {
        "place": place,
        "problem": None,
    }


def test_own_code_is_told_row_by_row():
    row = DifferentRow(3, {"a": None}, [0.0], [-1.0])
    dense = InputParity("dense", 100, 7, 1.0, None, (row,))
    ids = InputParity("ids", 0, 0, None, "it gives no such input", ())
    answer = ContractAnswer("prod", "ab", ("dense",), ("a",), None, TransformParity("m:f", 100, (dense, ids)))

    assert list(contract_lines(answer))[2:] == [
        "against    m:f, over 100 logged rows",
        "  dense: 7 of 100 rows differ, by up to 1",
        "    row 3: logged {'a': None}; ours [0.0], theirs [-1.0]",
        "  ids: not compared, because it gives no such input",
    ]


@pytest.mark.spark
def test_what_differs_is_replayed_and_costs_what_plain_torch_says(
    spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]
):
    assert replay("contract", case / "replay.yaml", "--against", case / "other.yaml", "--json") == 1

    told = json.loads(capsys.readouterr().out)["against"]
    weights = torch.load(case / "prod.pt")
    ids = torch.from_numpy(ROWS.column("item").fill_null(0).to_numpy().copy())

    def plain(missing: float) -> np.ndarray:
        values = np.stack([ROWS.column(name).fill_null(missing).to_numpy() for name in "ab"], 1)
        hidden = torch.tensor(values, dtype=torch.float32) @ weights["dense.weight"].T + weights["dense.bias"]
        hidden = torch.tanh(hidden + weights["ids.weight"][ids])
        return torch.sigmoid(hidden @ weights["top.weight"][0] + weights["top.bias"]).numpy()

    assert told["rows"] == ROWS.num_rows
    assert told["costs"]["dense"]["mean_abs"] == pytest.approx(np.abs(plain(-1.0) - plain(0.0)).mean(), rel=1e-4)
    assert "ne_increase" in told["costs"]["dense"]["changes"]
    assert "20" in told["costs"]["ids"]["reason"]  # the table has 20 rows
    assert "swap_" not in told["costs"]["ids"]["reason"]
    assert set(told["costs"]) == {"dense", "ids", "all"}


@pytest.mark.spark
def test_serving_code_is_run_over_the_logged_rows(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("contract", case / "replay.yaml", "--against", f"{case}/serving.py:transform", "--json") == 1

    told = json.loads(capsys.readouterr().out)["transform"]
    dense, ids = told["inputs"]
    gaps = sum(row["a"] is None or row["b"] is None for row in ROWS.to_pylist())
    assert (told["rows"], dense["different"], ids["different"]) == (ROWS.num_rows, gaps, 0)
    assert scored(two_contracts(case), ROWS)["prod"].null_count == 0


@pytest.mark.spark
def test_another_contract_than_the_stamped_one_is_a_warning_of_runs_and_with_strict_a_refusal(
    spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]
):
    dense = {**PROD["inputs"][0], "missing": -1.0}
    data = yaml.safe_load((case / "replay.yaml").read_text())
    changed = {**data, "model": {**PROD, "inputs": [dense, PROD["inputs"][1]]}}
    (case / "changed.yaml").write_text(yaml.safe_dump(changed))
    assert replay("contract", case / "replay.yaml", "--stamp", "--quiet") == 0
    told = "checkpoint `prod` was stamped with another contract than the config's: input `dense`: `missing`"

    assert replay("validate", case / "replay.yaml", "--strict") == 0
    assert "stamped" not in capsys.readouterr().out
    assert replay("run", case / "changed.yaml", "--quiet") == 0
    (warning,) = (w for w in json.loads((case / "out" / "summary.json").read_text())["warnings"] if "stamped" in w)
    assert warning.startswith(told)
    for command in ("validate", "run"):  # the run is there, and is no answer any more
        assert replay(command, case / "changed.yaml", "--strict", "--quiet") == 3
        assert told in capsys.readouterr().err


@pytest.mark.spark
def test_rows_that_only_spark_reads_are_compared_and_refused_like_any(
    spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]
):
    by_spark = ("--set", "engine.reader=spark", "--against", f"{case}/serving.py:transform", "--json")
    assert replay("contract", case / "replay.yaml", *by_spark) == 1
    assert json.loads(capsys.readouterr().out)["transform"]["rows"] == ROWS.num_rows

    twice = pa.Table.from_batches([ROWS, ROWS.slice(0, 5)])
    pq.write_table(twice, case / "traffic" / "rows.parquet")
    assert replay("contract", case / "replay.yaml", *by_spark) == 3
    assert "id" in capsys.readouterr().err


@pytest.mark.spark
def test_code_that_raises_is_told_with_its_row(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    first = next(place for place, row in enumerate(ROWS.to_pylist()) if row["a"] is None)
    (case / "broken.py").write_text("def transform(rows):\n    return {'dense': [row['a'] + 1 for row in rows]}\n")

    assert replay("contract", case / "replay.yaml", "--against", f"{case}/broken.py:transform") == 4

    said = capsys.readouterr().err
    assert "broken.py:transform raised TypeError" in said
    assert f"row {first} does by itself: " in said


@pytest.mark.spark
def test_a_table_that_cannot_be_read_is_refused_and_is_no_reason(
    spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]
):
    (case / "traffic" / "rows.parquet").write_bytes(b"PAR1 no parquet at all PAR1")

    assert replay("contract", case / "replay.yaml", "--against", case / "other.yaml") == 3
    assert replay("contract", case / "replay.yaml", "--against", f"{case}/serving.py:transform") == 3
    assert "rows.parquet" in capsys.readouterr().err
