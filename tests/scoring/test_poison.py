"""Rows for which a model raises: found, left out, and no bit of another row is different."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.errors import CheckpointMismatch
from tests.scoring.making import numbers, same_bits, score, table, valid, weighted, work

POISON = 99.0
ROWS = 200


def fragile(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if bool((tensors["dense"][:, 0] == POISON).any()):
        raise CheckpointMismatch("checkpoint 'prod': the model failed on a row")
    return weighted(tensors)


def poisoned(*rows: int) -> dict[str, pa.Array]:
    """A table with a value in these rows that the model does not bear."""
    found = table(ROWS)
    values = found["a"].to_numpy().copy()
    values[list(rows)] = POISON
    return {**found, "a": pa.array(values)}


@pytest.mark.parametrize("rows", [[0], [ROWS - 1], [3, 4, 70, 71, 199], list(range(0, ROWS, 2))], ids=str)
@pytest.mark.parametrize("chunk_rows", [7, 64, 512])
def test_they_are_rejected_and_the_others_have_their_bits(rows: Collection[int], chunk_rows: int):
    sound = score(work({}), table(ROWS), chunk_rows=chunk_rows)
    found = score(work({}), poisoned(*rows), functions={"prod": fragile}, chunk_rows=chunk_rows, max_bad_rows=ROWS)
    expected = ["model_failed" if row in rows else None for row in range(ROWS)]
    assert found["rejected"].to_pylist() == expected
    assert found["rejected_feature"].null_count == ROWS
    kept = pa.array([reason is None for reason in expected])
    assert not valid(found["prod"])[list(rows)].any()
    assert same_bits(found["prod"].filter(kept), sound["prod"].filter(kept))


def test_a_row_is_rejected_for_all_checkpoints_and_scenarios():
    shift = {"op": "constant", "features": ["b"], "value": 9}
    both = work({"shifted": [shift]}, checkpoints=("prod", "next"), perturbed=("prod", "next"))
    functions: dict[str, Callable[..., torch.Tensor]] = {"next": weighted, "prod": fragile}
    found = score(both, poisoned(5), functions=functions, max_bad_rows=1)
    for name in ("prod", "next", "prod/shifted", "next/shifted"):
        assert np.flatnonzero(~valid(found[name])).tolist() == [5]
    assert numbers(found["next"])[4] == numbers(score(work({}), table(ROWS))["prod"])[4]


def test_one_that_is_rejected_already_keeps_its_reason():
    strict = {"name": "dense", "dtype": "float32", "features": ["a", "b", "c"]}
    rows = poisoned(5)
    b = rows["b"].to_pylist()
    b[6] = None

    def zeros_too(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if bool((tensors["dense"] == 0).all(dim=1).any()):
            raise CheckpointMismatch("zeros")
        return fragile(tensors)

    given = {**rows, "b": pa.array(b, pa.float32())}
    given["c"] = pa.array(np.ones(ROWS, np.float32))
    found = score(work({}, inputs=(strict,)), given, functions={"prod": zeros_too}, max_bad_rows=2)
    assert found["rejected"].to_pylist()[4:8] == [None, "model_failed", "null_without_default", None]


@pytest.mark.parametrize(("rows", "most"), [((5,), 0), ((5, 6), 1), (tuple(range(ROWS)), ROWS)])
def test_more_than_may_be_end_the_run(rows: tuple[int, ...], most: int):
    with pytest.raises(CheckpointMismatch, match="failed on a row"):
        score(work({}), poisoned(*rows), functions={"prod": fragile}, max_bad_rows=most)


def test_the_limit_is_for_all_batches_together():
    with pytest.raises(CheckpointMismatch):
        score(work({}), poisoned(5), poisoned(6), functions={"prod": fragile}, max_bad_rows=1)
    found = score(work({}), poisoned(5), poisoned(6), functions={"prod": fragile}, max_bad_rows=2)
    assert found["rejected"].null_count == 2 * ROWS - 2


def test_a_model_that_raises_for_no_row_alone_is_no_matter_of_rows():
    calls: list[int] = []

    def moody(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 1:
            raise CheckpointMismatch("once")
        return weighted(tensors)

    with pytest.raises(CheckpointMismatch, match="once"):
        score(work({}), table(4), functions={"prod": moody}, max_bad_rows=4)
