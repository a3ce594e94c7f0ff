"""Touched rows wait for a full chunk across batches, and nothing waits for longer than it must."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from replay.scoring import Stopwatch, core
from tests.scoring.making import batch, same_bits, score, scorer, table, valid, weighted, work

FEW = {"s": [{"op": "nulls", "features": ["a"], "rate": 0.05}]}
BATCHES = [table(64, seed, 64 * seed) for seed in range(20)]


def test_rows_of_several_batches_share_a_chunk():
    sizes: list[int] = []

    def watched(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        sizes.append(len(tensors["dense"]))
        return weighted(tensors)

    found = score(work(FEW), *BATCHES, functions={"prod": watched}, chunk_rows=64)
    touched = int(valid(found["prod/s"]).sum())
    # Every batch is one chunk; the touched rows of all of them fill as few as they can.
    assert set(sizes) == {64}
    assert len(sizes) == len(BATCHES) + -(-touched // 64)


@pytest.mark.parametrize("most", [1, 64, 65, 200, 10_000])
def test_how_long_rows_wait_changes_no_bit(monkeypatch: pytest.MonkeyPatch, most: int):
    whole = score(work(FEW), *BATCHES)
    monkeypatch.setattr(core, "MOST_HELD", most)
    bounded = score(work(FEW), *BATCHES)
    assert all(same_bits(bounded[name], whole[name]) for name in ("prod", "prod/s"))
    assert bounded["id"].equals(whole["id"])


@pytest.mark.parametrize(("scenarios", "read"), [({}, [1, 2, 3, 4, 5]), (FEW, [2, 2, 4, 4, 5])])
def test_batches_are_held_only_while_a_scenario_waits(
    monkeypatch: pytest.MonkeyPatch, scenarios: Mapping[str, list[Mapping[str, object]]], read: list[int]
):
    monkeypatch.setattr(core, "MOST_HELD", 128)
    taken: list[int] = []
    given = (taken.append(place) or batch(each) for place, each in enumerate(BATCHES[:5]))
    made = scorer(work(scenarios), batch(BATCHES[0]).schema)
    assert [len(taken) for _ in made.run(given, Stopwatch())] == read
