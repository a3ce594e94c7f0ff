"""Cutting and padding batches: every row once, in order, whatever the model takes."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from replay.checkpoints.scorers.batching import ANY_BATCH, BatchSizes, common_sizes


@st.composite
def sizes(draw: st.DrawFn) -> BatchSizes:
    low, step = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    high = draw(st.none() | st.integers(0, 5).map(lambda steps: low + steps * step))
    return BatchSizes(low, high, step)


@given(sizes(), st.integers(1, 60))
def test_pieces_are_of_sizes_that_the_model_takes_and_hold_every_row_once(batch: BatchSizes, num_rows: int) -> None:
    x = torch.arange(num_rows)
    seen = []
    for tensors, padded, wanted in batch.split({"x": x, "y": x[:, None]}, num_rows):
        assert tensors["x"].shape == (padded,)
        assert tensors["y"].shape == (padded, 1)
        assert padded >= batch.low
        assert batch.high is None or padded <= batch.high
        assert (padded - batch.low) % batch.step == 0
        assert set(tensors["x"][wanted:].tolist()) <= {int(tensors["x"][wanted - 1])}
        seen += tensors["x"][:wanted].tolist()
    assert seen == list(range(num_rows))


def test_a_batch_that_fits_is_not_copied() -> None:
    x = torch.arange(10)
    ((tensors, padded, wanted),) = ANY_BATCH.split({"x": x}, 10)
    assert tensors["x"].data_ptr() == x.data_ptr()
    assert (padded, wanted) == (10, 10)


def test_sizes_of_several_inputs() -> None:
    assert common_sizes([BatchSizes(2, None), BatchSizes(4, 64)]) == BatchSizes(4, 64)
    assert common_sizes([BatchSizes(32, 32), BatchSizes(2, None)]) == BatchSizes(32, 32)
    assert common_sizes([BatchSizes(2, 16, 2), BatchSizes(2, 16, 2)]) == BatchSizes(2, 16, 2)
    assert common_sizes([BatchSizes(32, 32), BatchSizes(5, 5)]) is None
    assert common_sizes([BatchSizes(2, 16, 2), BatchSizes(2, 16)]) is None
