"""Values that a broken feature is likely to hold."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.checkpoints import FunctionScorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model import Input, ModelConfig
from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.kinds.constant import typical_values


def counterfactual(values: pa.Array, entry: Input) -> CounterfactualReplay:
    online = np.zeros(len(values))
    bad = np.arange(len(values)) == 0
    evidence = Evidence(pa.RecordBatch.from_pydict({"f": values}), online + bad, bad)
    scorer = FunctionScorer(lambda tensors: 0.0 * next(iter(tensors.values())).reshape(len(values), -1)[:, 0].float())
    model = ModelConfig(inputs=(entry,))
    return CounterfactualReplay(model, evidence, {"prod": scorer}, "prod", Tolerance(), 1000, chunk_rows=len(values))


QUANTITY = Input(name="x", dtype="float32", feature="f", missing=0.0)
ID = Input(name="x", dtype="int64", feature="f", missing=0)


@pytest.mark.parametrize(
    ("values", "entry", "expected"),
    [
        # Defaults; of the five good rows the middle, the values by frequency, and the ends.
        (pa.array([9.0, 2.0, 2.0, 5.0, 7.0, None]), QUANTITY, [0.0, 1.0, -1.0, 5.0, 2.0, 7.0]),
        (pa.array([1, 4, 4, 6]), ID, [4, 6]),
        (pa.array([Decimal("1.5"), Decimal("2.5")], pa.decimal128(4, 1)), QUANTITY, [2.5]),
        (pa.array([b"home", b"feed"]), Input(name="x", dtype="int64", feature="f", hash={"buckets": 5}), ["feed"]),
        (pa.array([[1.0], [2.0]]), Input(name="x", dtype="float32", feature="f", length=1, pad=0.0), [0.0, 1.0]),
        (pa.array([None, None], pa.float64()), QUANTITY, []),
    ],
    ids=["quantity", "id", "decimal", "bytes", "list", "null"],
)
def test_typical_values(values, entry, expected):
    assert typical_values(counterfactual(values, entry), "f") == expected
