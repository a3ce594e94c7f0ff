"""Evidence that cannot be searched is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.diagnosis.causes.evidence import Evidence

BATCH = pa.RecordBatch.from_pydict({"a": pa.array([1.0, 2.0, 3.0])})
BAD = np.array([True, False, False])


def test_columns_as_long_as_the_batch_are_taken():
    evidence = Evidence(BATCH, np.ones(3), BAD, entity=pa.array(["x", "x", "y"]), time_us=np.arange(3))

    assert (evidence.history, evidence.mismatch_rate) == (None, None)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"online": np.ones(2)}, "{'online': 2}"),
        ({"mismatched": BAD[:1], "time_us": np.arange(4)}, "{'mismatched': 1, 'time_us': 4}"),
        ({"entity": pa.array(["x"])}, "{'entity': 1}"),
        ({"segments": {"country": pa.array(["de"])}}, "{\"segments['country']\": 1}"),
    ],
)
def test_another_length_is_refused_by_name(given, wrong):
    columns = {"online": np.ones(3), "mismatched": BAD, **given}
    with pytest.raises(ValueError, match="expected 3 rows in every column") as error:
        Evidence(BATCH, **columns)

    assert f"found {wrong}," in str(error.value)


def test_nothing_to_explain_is_refused():
    with pytest.raises(ValueError, match="found no mismatched row"):
        Evidence(BATCH, np.ones(3), np.zeros(3, bool))
