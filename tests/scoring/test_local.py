"""Scoring in this process."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.config import EngineConfig
from replay.scenarios import Donors
from replay.scoring import Carried, Stopwatch, local
from replay.scoring.local import make_batch_scorer, score_here, scoring_plan
from replay.scoring.routes import HashRoute
from replay.traffic.read.direct import ReadPlan
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


def test_text_comes_as_a_dictionary_where_the_model_alone_looks_it_up():
    hashed = {"name": "t", "dtype": "int64", "features": ["city", "surface", "part"], "hash": {"buckets": 9}}
    schema = pa.schema([(name, pa.string()) for name in ("id", "city", "surface", "part")])
    plan = ReadPlan(schema, None)
    carried = (Carried("surface", pa.string(), "as_logged"),)
    route = HashRoute(("prod",), (1.0,), ("part",), 0)
    assert scoring_plan(plan, work({}, inputs=[hashed])).dictionaries == {"city", "surface", "part"}
    found = scoring_plan(plan, work({}, inputs=[hashed], carried=carried, routes={"r": route}))
    assert found.dictionaries == {"city"}
    assert (found.schema, found.time_filter) == (schema, None)
    by_city = SimpleNamespace(reads=("city",), fields=())
    found = scoring_plan(replace(plan, lookups=(by_city,)), work({}, inputs=[hashed]))
    assert found.dictionaries == {"surface", "part"}


def test_scores_are_the_same_of_text_and_of_dictionaries_of_it():
    hashed = {"name": "t", "dtype": "int64", "features": ["s", "u"], "hash": {"buckets": 50}, "missing": 0}
    steps = {
        "gone": [{"op": "nulls", "features": ["s"], "rate": 0.5}],
        "mixed": [{"op": "shuffle", "features": ["u"], "rate": 0.5}],
        "same": [{"op": "constant", "features": ["s"], "value": "d", "rate": 0.3}],
    }
    columns = {
        "id": pa.array(range(40), pa.int64()),
        "s": pa.array(["a", "bb", None, "ccc"] * 10),
        "u": pa.array([f"u{row % 7}" for row in range(40)]),
    }
    donors = Donors(np.arange(40, dtype=np.uint64), {"u": columns["u"]})
    given = work(steps, inputs=[hashed], donors=donors)
    answers = FunctionScorer(lambda tensors: (tensors["t"][:, 0] * 100 + tensors["t"][:, 1]).float())

    def scores(each: pa.RecordBatch) -> dict[str, list[object]]:
        scorer = make_batch_scorer(given, each.schema, {"prod": answers}, EngineConfig(), "cpu")
        return pa.Table.from_batches(scorer.run([each.slice(0, 25), each.slice(25)], Stopwatch())).to_pydict()

    of_text = scores(batch(columns))
    assert len({value for value in of_text["prod/gone"] if value is not None}) > 1
    encoded = {name: columns[name].dictionary_encode() for name in "su"}
    assert scores(batch({**columns, **encoded})) == of_text
