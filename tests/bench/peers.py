"""Other ways to score the same table on Spark, each written as its own documentation shows it.

``python -m tests.bench.peers CASE DIRECTORY ROWS OUT`` scores a table by ``predict_batch_udf`` and writes Parquet.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import FloatType

from tests.bench.case import CASES, CHUNK, Case, encode, score_chunks
from tests.bench.kinds.kind import FeatureKind

_DTYPES = {"floats": np.float32, "ids": np.int64}
"""Of an input, by the kind of its features: these ways are measured on stacked numbers alone."""


def timed(scores: DataFrame) -> float:
    """Seconds to compute scores, which are thrown away."""
    start = time.perf_counter()
    scores.write.format("noop").mode("overwrite").save()
    return time.perf_counter() - start


_MODELS: dict[str, torch.nn.Module] = {}


def _model(case: Case) -> torch.nn.Module:
    """One model a worker, as a careful user would cache it."""
    if case.name not in _MODELS:
        torch.set_num_threads(1)
        _MODELS[case.name] = case.model()
    return _MODELS[case.name]


def with_map_in_arrow(spark: SparkSession, case: Case, traffic: Path) -> DataFrame:
    """A Spark scan with a hand-written ``mapInArrow``."""

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            scores = score_chunks(_model(case), encode(case, pa.Table.from_batches([batch])))
            yield pa.RecordBatch.from_arrays([batch.column("request_id"), pa.array(scores)], ["request_id", "score"])

    columns = spark.read.parquet(str(traffic)).select("request_id", *case.columns)
    return columns.mapInArrow(score, "request_id string, score float")


def with_predict_batch_udf(spark: SparkSession, case: Case, traffic: Path) -> DataFrame:
    """``pyspark.ml.functions.predict_batch_udf`` over an array for each input."""
    dtypes = [_DTYPES[kind.name] for kind in case.kinds]

    def predict(*inputs: np.ndarray) -> np.ndarray:
        tensors = [torch.from_numpy(each.astype(dtype)) for each, dtype in zip(inputs, dtypes, strict=True)]
        with torch.inference_mode():
            return torch.sigmoid(_model(case)(*tensors)).numpy()

    # It takes as many columns as the function has arguments, by their names.
    def predict_two(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return predict(first, second)

    def predict_one(only: np.ndarray) -> np.ndarray:
        return predict(only)

    def make() -> Callable[..., np.ndarray]:
        _model(case)
        return predict_two if len(dtypes) == 2 else predict_one

    shapes = [[len(kind.columns)] for kind in case.kinds]
    score = predict_batch_udf(make, return_type=FloatType(), batch_size=CHUNK, input_tensor_shapes=shapes)
    arrays = [F.array(*(_filled(kind, name) for name in kind.columns)) for kind in case.kinds]
    return spark.read.parquet(str(traffic)).select("request_id", score(*arrays).alias("score"))


def _filled(kind: FeatureKind, name: str) -> Column:
    """A column without nulls; ids have none."""
    return F.coalesce(F.col(name), F.lit(0.0)) if kind.name == "floats" else F.col(name)


def mlflow_missing() -> str | None:
    """Why mlflow is not measured, or None."""
    return None if importlib.util.find_spec("mlflow") else "not installed (make bench installs mlflow-skinny)"


def run_mlflow(spark: SparkSession, case: Case, traffic: Path) -> float:
    """Seconds of ``mlflow.pyfunc.spark_udf`` over struct columns."""
    import logging

    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)

    class Wrapped(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
        def predict(self, context, model_input, params=None):
            inputs = [
                model_input[list(kind.columns)].fillna(0).to_numpy(dtype=_DTYPES[kind.name]) for kind in case.kinds
            ]
            return score_chunks(_model(case), inputs)

    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(f"{directory}/model", python_model=Wrapped(), pip_requirements=[])
        score = mlflow.pyfunc.spark_udf(spark, f"{directory}/model", result_type="float", env_manager="local")
        columns = score(F.struct(*case.columns)).alias("score")
        return timed(spark.read.parquet(str(traffic)).select("request_id", columns))


def main() -> None:
    """Score a table in two task slots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("directory", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    case = CASES[arguments.case](arguments.directory)
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "3g",
        "spark.log.level": "ERROR",
    }
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    with_predict_batch_udf(spark, case, case.table(arguments.rows)).write.parquet(str(arguments.out))
    spark.stop()


if __name__ == "__main__":
    main()
