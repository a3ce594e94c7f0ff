"""The whole rehearsal over rows in memory."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from replay.errors import CheckpointMismatch
from replay.rehearsal import Rehearsal, check_contract, rehearse
from replay.rehearsal.rows import RehearsedRows
from tests.rehearsal.cases import rows_of


def tried(rows: RehearsedRows, *, fits: bool = True) -> Rehearsal:
    return rehearse(rows, check_contract(rows, lambda _: fits))


def test_rows_that_fit_leave_nothing_to_say():
    found = tried(rows_of({"a": [1.0, 2.0, 3.0]}, [{"name": "x", "feature": "a"}]))
    contract = found.contract
    assert (contract.rows, contract.rejected, contract.rejects, contract.mended) == (3, 0, (), None)
    assert not found.refused
    assert (found.scores["prod"].low, found.scores["prod"].high) == (1.0, 3.0)
    assert found.agreement[0].compared == 3


@pytest.mark.parametrize(("most", "refused"), [(0.01, True), (0.25, False), (0.24, True)], ids=str)
def test_more_rejected_rows_than_may_be_are_refused(most: float, refused: bool):
    rows = rows_of({"a": [1.0, None, 3.0, 4.0]}, [{"name": "x", "feature": "a"}], engine={"max_rejected": most})
    found = tried(rows)
    assert (found.contract.share, found.refused, found.too_many_rejected) == (0.25, refused, refused)
    assert found.contract.mended is not None
    assert found.contract.mended.accepted == 4


def test_keys_that_no_signature_fits_are_not_proposed():
    found = tried(rows_of({"a": [0.5, 1.0]}, [{"name": "x", "dtype": "int64", "feature": "a"}]), fits=False)
    assert found.contract.mended is not None
    assert found.contract.mended.mends == ()


def test_a_dtype_that_the_model_refuses_is_not_proposed():
    def refuse_floats(tensors: Any) -> Any:
        if tensors["x"].dtype.is_floating_point:
            raise CheckpointMismatch("expected Long")
        return tensors["x"]

    rows = rows_of({"a": [0.5, 1.0]}, [{"name": "x", "dtype": "int64", "feature": "a"}], {"prod": refuse_floats})
    mended = check_contract(rows, lambda _: True).mended
    assert mended is not None
    assert mended.mends == ()


def test_a_checkpoint_that_fails_is_refused():
    def fail(_: Any) -> Any:
        raise CheckpointMismatch("index out of range")

    found = tried(rows_of({"a": [0.5]}, [{"name": "x", "feature": "a"}], {"prod": fail}))
    assert (found.refused, found.too_many_rejected) == (True, False)
    assert (found.scores["prod"].problem, found.agreement) == ("index out of range", ())


def test_where_every_row_is_rejected_nothing_is_scored():
    found = tried(rows_of({"a": [None, None]}, [{"name": "x", "dtype": "float32", "feature": "a", "missing": None}]))
    assert (found.contract.share, found.contract.all_null) == (1.0, ("a",))
    assert (found.scores, found.agreement) == ({}, ())


def test_it_is_data():
    found = tried(rows_of({"a": [1.0, None], "h": [[1], [2]]}, [
        {"name": "x", "feature": "a"}, {"name": "y", "dtype": "int64", "feature": "h", "length": 1},
    ]))  # fmt: skip
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (data["rows"], data["rejected"], data["accepted_with_yaml"]) == (2, 1, 2)
    assert [entry["shape"] for entry in data["inputs"]] == [[], [1]]
    assert data["rejected_by_feature"][0]["key"] == {"id": "r1"}
    assert "missing: 1.0" in data["yaml"]
    assert data["agreement"][0]["checkpoint"] == "prod"


def test_a_thousand_features_take_little_time():
    columns = {f"f{place}": np.arange(64.0) for place in range(1_000)}
    found = tried(rows_of(columns, [{"name": "x", "features": ["f*"]}]))
    assert len(found.inputs[0].features) == 1_000
