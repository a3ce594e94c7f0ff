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
    assert "swap_1" in told["costs"]["ids"]["reason"]  # the table has 20 rows
    assert set(told["costs"]) == {"dense", "ids", "all"}


@pytest.mark.spark
def test_serving_code_is_run_over_the_logged_rows(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("contract", case / "replay.yaml", "--against", f"{case}/serving.py:transform", "--json") == 1

    told = json.loads(capsys.readouterr().out)["transform"]
    dense, ids = told["inputs"]
    gaps = sum(row["a"] is None or row["b"] is None for row in ROWS.to_pylist())
    assert (told["rows"], dense["different"], ids["different"]) == (ROWS.num_rows, gaps, 0)
    assert scored(two_contracts(case), ROWS)["prod"].null_count == 0
