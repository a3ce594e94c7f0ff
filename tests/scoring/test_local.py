"""Scoring in this process."""

from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.config import EngineConfig
from replay.scoring import local
from replay.scoring.local import make_batch_scorer, score_here
from tests.scoring.making import batch, table, weighted, work


def test_batches_come_back_in_order_with_one_thread_at_work(monkeypatch: pytest.MonkeyPatch):
    threads: list[int] = []

    def counted(tensors):
        threads.append(torch.get_num_threads())
        return weighted(tensors)

    monkeypatch.setattr(local, "cached_scorer", lambda *_args, **_more: FunctionScorer(counted))
    batches = [batch(table(10)), batch(table(5, seed=1, first=10))]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = pa.Table.from_batches(
            list(score_here(work({}), {"prod": "a checkpoint"}, EngineConfig(), batches[0].schema, iter(batches)))
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    expected = [
        a + 10 * b + 100 * c
        for each in batches
        for a, b, c in zip(*(each[name].to_pylist() for name in "abc"), strict=True)
    ]

    assert found["id"].to_pylist() == list(range(15))
    assert found["prod"].to_pylist() == expected
    assert set(threads) == {1}


@pytest.mark.parametrize(("device", "rows"), [("cpu", {4}), ("cuda:0", {2, 3, 5})])
def test_chunks_are_those_of_the_device(device: str, rows: set[int]):
    """Filled up on a CPU, so that a row has the same bits in any batch."""
    seen: set[int] = set()

    def counted(tensors):
        seen.add(len(tensors["dense"]))
        return weighted(tensors)

    engine = EngineConfig(chunk_rows=4, chunk_rows_cuda=5)
    first = batch(table(5))
    scorer = make_batch_scorer(work({}), first.schema, {"prod": FunctionScorer(counted)}, engine, device)
    for num_rows in (2, 3, 5):
        list(scorer.run([batch(table(num_rows))], local.Stopwatch()))

    assert seen == rows
