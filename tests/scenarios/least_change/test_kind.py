from __future__ import annotations

import pyarrow as pa
import pytest

from replay.config.sections.model.input import Input
from replay.scenarios.least_change import kind_of

DENSE = Input(name="dense", feature="x")
INDEX = Input(name="index", dtype="int64", feature="x")
HASHED = Input(name="hashed", dtype="int64", feature="x", hash={"buckets": 10})
BUCKETED = Input(name="bucketed", dtype="int64", feature="x", transform={"op": "bucketize", "edges": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("form", "inputs", "kind"),
    [
        (pa.float32(), [DENSE], "numbers"),
        (pa.float64(), [HASHED], "numbers"),
        (pa.decimal128(9, 2), [DENSE], "numbers"),
        (pa.int64(), [DENSE], "numbers"),
        (pa.int64(), [INDEX], "values"),
        (pa.int64(), [INDEX, DENSE], "numbers"),
        (pa.int64(), [HASHED], "values"),
        (pa.int64(), [BUCKETED], "numbers"),
        (pa.bool_(), [DENSE], "numbers"),
        (pa.large_string(), [HASHED], "values"),
        (pa.timestamp("us"), [DENSE], "values"),
        (pa.large_list(pa.float32()), [DENSE], "lists"),
    ],
)
def test_what_a_column_is(form, inputs, kind):
    assert kind_of(form, inputs, "x") == kind
