"""Other ways to score the same table on Spark, each written as its own documentation shows it."""

from __future__ import annotations

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
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import FloatType

from tests.bench.case import Case

CHUNK = 2048


def _timed(dataframe: DataFrame) -> float:
    start = time.perf_counter()
    dataframe.write.format("noop").mode("overwrite").save()
    return time.perf_counter() - start


_MODELS: dict[str, torch.nn.Module] = {}


def _model(case: Case) -> torch.nn.Module:
    """One model a worker, as a careful user would cache it."""
    if case.name not in _MODELS:
        torch.set_num_threads(1)
        _MODELS[case.name] = case.model()
    return _MODELS[case.name]


def run_map_in_arrow(spark: SparkSession, case: Case, traffic: Path) -> float:
    """Seconds of a Spark scan with a hand-written ``mapInArrow``."""

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model = _model(case)
        with torch.inference_mode():
            for whole in batches:
                for start in range(0, whole.num_rows, CHUNK):
                    batch = whole.slice(start, CHUNK)
                    inputs = [
                        torch.from_numpy(np.stack([batch.column(n).to_numpy() for n in case.dense_names], axis=1))
                    ]
                    if case.ids:
                        ids = np.stack([batch.column(n).to_numpy() for n in case.id_names], axis=1)
                        inputs.append(torch.from_numpy(ids))
                    scores = torch.sigmoid(model(*inputs)).numpy()
                    yield pa.RecordBatch.from_arrays(
                        [batch.column("request_id"), pa.array(scores)], names=["request_id", "score"]
                    )

    columns = ["request_id", *case.dense_names, *case.id_names]
    return _timed(spark.read.parquet(str(traffic)).select(*columns).mapInArrow(score, "request_id long, score float"))


def run_predict_batch_udf(spark: SparkSession, case: Case, traffic: Path) -> float:
    """Seconds of ``pyspark.ml.functions.predict_batch_udf`` over array columns."""

    def make() -> Callable[..., np.ndarray]:
        model = _model(case)

        def predict(*inputs: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return torch.sigmoid(model(*(torch.from_numpy(np.ascontiguousarray(one)) for one in inputs))).numpy()

        if case.ids:

            def predict_two(dense: np.ndarray, ids: np.ndarray) -> np.ndarray:
                return predict(dense.astype(np.float32), ids.astype(np.int64))

            return predict_two

        def predict_one(dense: np.ndarray) -> np.ndarray:
            return predict(dense.astype(np.float32))

        return predict_one

    shapes = [[case.dense], [case.ids]] if case.ids else [[case.dense]]
    score = predict_batch_udf(make, return_type=FloatType(), batch_size=CHUNK, input_tensor_shapes=shapes)
    arrays = [F.array(*case.dense_names)]
    if case.ids:
        arrays.append(F.array(*case.id_names))
    return _timed(spark.read.parquet(str(traffic)).select("request_id", score(*arrays).alias("score")))


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
            inputs = [torch.from_numpy(model_input[case.dense_names].to_numpy(dtype=np.float32))]
            if case.ids:
                inputs.append(torch.from_numpy(model_input[case.id_names].to_numpy(dtype=np.int64)))
            with torch.inference_mode():
                return torch.sigmoid(_model(case)(*inputs)).numpy()

    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(f"{directory}/model", python_model=Wrapped(), pip_requirements=[])
        score = mlflow.pyfunc.spark_udf(spark, f"{directory}/model", result_type="float", env_manager="local")
        columns = F.struct(*case.dense_names, *case.id_names)
        return _timed(spark.read.parquet(str(traffic)).select("request_id", score(columns).alias("score")))
