"""``replay.score``: rows in, the same rows with a score out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.config import CheckpointConfig, ModelConfig
from replay.errors import CheckpointError, ConfigError, UsageError
from tests.flows.case import config_data, expected_scores, make_table, write_case

MODEL: dict[str, Any] = config_data()["model"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("score")
    write_case(directory, make_table(rows=1_000))
    return directory


@pytest.fixture(scope="module")
def checkpoint(directory: Path) -> str:
    return str(directory / "prod.pt2")


def bits(values: Any) -> list[int]:
    return np.asarray(values, np.float32).view(np.int32).tolist()


def test_an_arrow_table_comes_back_with_its_scores(checkpoint: str):
    table = make_table(rows=1_000)
    scored = replay.score(table, checkpoint, MODEL)
    assert isinstance(scored, pa.Table)
    assert scored.schema.names == [*table.schema.names, "rejected", "score"]
    assert scored.select(table.schema.names).equals(table)
    assert scored.schema.field("score").type == pa.float32()
    assert np.abs(scored["score"].to_numpy() - expected_scores(table)).max() < 1e-6
    assert scored["rejected"].null_count == 1_000


def test_a_record_batch_comes_back_as_one(checkpoint: str):
    table = make_table(rows=100)
    (batch,) = table.combine_chunks().to_batches()
    scored = replay.score(batch, checkpoint, MODEL, column="p")
    assert isinstance(scored, pa.RecordBatch)
    assert bits(scored["p"]) == bits(replay.score(table, checkpoint, MODEL)["score"])


def test_a_dataframe_comes_back_with_its_index(checkpoint: str):
    table = make_table(rows=100)
    frame = table.to_pandas().sample(frac=1, random_state=0)
    scored = replay.score(frame, checkpoint, MODEL)
    assert isinstance(scored, pd.DataFrame)
    pd.testing.assert_frame_equal(scored[list(frame.columns)], frame)
    expected = pd.Series(replay.score(table, checkpoint, MODEL)["score"].to_numpy())
    assert bits(scored["score"].sort_index()) == bits(expected)
    assert scored["score"].dtype == np.float32


def test_nan_of_pandas_is_a_null_and_of_arrow_a_number(checkpoint: str):
    """Without `missing` the row is rejected; with it, it is filled."""
    strict = {**MODEL, "inputs": [{key: value for key, value in MODEL["inputs"][0].items() if key != "missing"}]}
    strict["inputs"].append(MODEL["inputs"][1])
    frame = pd.DataFrame({"x0": [1.0, np.nan], "x1": [0.0, 0.0], "x2": [0.0, 0.0], "item": [0, 0]})
    scored = replay.score(frame, checkpoint, strict)
    assert scored["rejected"].tolist() == [None, "null_without_default"]
    assert scored["score"].isna().tolist() == [False, True]
    filled = replay.score(frame, checkpoint, MODEL)
    assert filled["score"].tolist() == pytest.approx([1 / (1 + np.exp(-0.5)), 0.5])
    in_arrow = replay.score(pa.Table.from_pydict({name: frame[name].tolist() for name in frame}), checkpoint, strict)
    assert in_arrow["rejected"].to_pylist() == [None, None]
    assert np.isnan(in_arrow["score"].to_numpy()[1])


def test_categoricals_and_strings_are_their_values(checkpoint: str, tmp_path: Path):
    vocabulary = tmp_path / "items.json"
    vocabulary.write_text(json.dumps({"a": 3, "b": 7}))
    model = {**MODEL, "inputs": [MODEL["inputs"][0], {**MODEL["inputs"][1], "vocabulary": str(vocabulary)}]}
    frame = pd.DataFrame({"x0": [0.0, 0.0], "x1": [0.0, 0.0], "x2": [0.0, 0.0]})
    expected = [1 / (1 + np.exp(-0.7)), 1 / (1 + np.exp(-0.3))]
    for items in (["b", "a"], pd.Categorical(["b", "a"]), pd.array(["b", "a"], "string")):
        scored = replay.score(frame.assign(item=items), checkpoint, model)
        assert scored["score"].tolist() == pytest.approx(expected)


def test_an_empty_table_has_the_columns(checkpoint: str):
    scored = replay.score(make_table(rows=10).slice(0, 0), checkpoint, MODEL)
    assert scored.num_rows == 0
    assert scored.schema.field("score").type == pa.float32()


def test_objects_in_place_of_sections(checkpoint: str):
    table = make_table(rows=10)
    scored = replay.score(table, CheckpointConfig(path=checkpoint), ModelConfig.model_validate(MODEL))
    assert scored.equals(replay.score(table, {"path": checkpoint}, MODEL))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"inptus": []}}, "model.inptus: unknown key; did you mean `inputs`?"),
        (
            {"model": {"inputs": [{"name": "x", "features": ["x0"], "dtype": "float31"}]}},
            "model.inputs[0].dtype: found",
        ),
        ({"checkpoint": {"pth": "x"}}, "checkpoint.pth: unknown key; did you mean `path`?"),
        ({"checkpoint": {"from": "prod", "cast": "float16"}}, "`prod` is not under `checkpoints`"),
        ({"column": "x0"}, "the rows have a column 'x0' already"),
        (
            {"model": {**MODEL, "inputs": [{**MODEL["inputs"][1], "feature": "itm"}]}},
            "no column `itm`; did you mean `item`?",
        ),
    ],
    ids=["key", "dtype", "checkpoint", "derived", "column", "feature"],
)
def test_what_is_wrong_is_said_as_of_a_file(change: dict[str, Any], message: str, checkpoint: str):
    given = {"checkpoint": checkpoint, "model": MODEL, **change}
    with pytest.raises(ConfigError) as caught:
        replay.score(make_table(rows=10), given.pop("checkpoint"), given.pop("model"), **given)
    assert message in str(caught.value)


def test_other_errors_are_of_this_package(checkpoint: str):
    with pytest.raises(UsageError, match="found builtins"):
        replay.score([1], checkpoint, MODEL)
    with pytest.raises(CheckpointError, match="no such file"):
        replay.score(make_table(rows=10), f"{checkpoint}x", MODEL)


def test_spark_is_not_even_imported(directory: Path, checkpoint: str):
    code = (
        "import sys, replay, pyarrow.parquet as pq\n"
        f"table = pq.read_table({str(directory / 'traffic')!r})\n"
        f"replay.score(table.to_pandas(), {checkpoint!r}, {MODEL!r})\n"
        "print(sorted({'pyspark', 'py4j', 'delta'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.spark
def test_a_spark_dataframe_has_the_same_bits(spark: SparkSession, directory: Path, checkpoint: str):
    dataframe = spark.read.parquet(str(directory / "traffic")).repartition(3)
    scored = replay.score(dataframe, checkpoint, MODEL)
    assert scored.columns == [*dataframe.columns, "rejected", "score"]
    found = {row.request_id: row.score for row in scored.collect()}
    here = replay.score(make_table(rows=1_000).to_pandas(), checkpoint, MODEL)
    assert len(found) == 1_000
    assert bits([found[key] for key in here["request_id"]]) == bits(here["score"])


@pytest.mark.spark
def test_a_column_that_is_not_there_is_named(spark: SparkSession, checkpoint: str):
    dataframe = spark.createDataFrame(pa.table({"x0": [1.0], "x1": [1.0], "x2": [1.0], "itm": [3]}))
    with pytest.raises(ConfigError, match="item"):
        replay.score(dataframe, checkpoint, MODEL)
