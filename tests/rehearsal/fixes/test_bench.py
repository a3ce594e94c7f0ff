"""Where contracts are tried."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from replay.rehearsal.fixes.bench import Bench, closeness


@pytest.fixture
def bench(world):
    both = world.model(world.served())
    rows = world.rows(both[:, 0], {"output": {"select": 0}}, world.model)
    return Bench(rows, rows.scorers["prod"])


def test_halves_share_no_row_and_hold_all(bench):
    assert sorted([*bench.fit, *bench.confirm]) == list(range(1500))


def test_every_part_of_the_answer_is_read(world, bench):
    answers = bench.answers(bench.start.model, bench.screen)
    both = world.model({name: tensor[bench.screen] for name, tensor in world.served().items()})

    assert set(answers.selected) == {(0, False), (1, False), (0, True), (1, True)}
    assert torch.allclose(answers.selected[1, True], torch.softmax(both, dim=1)[:, 1])


def test_rows_that_the_contract_refuses_have_no_score(bench):
    made = bench.start.with_input(1, "", unknown=None)
    assert made is not None
    kiwi = np.array([one == "kiwi" for one in bench.batch.column("item").to_pylist()])

    assert (np.isnan(bench.scores(made, bench.fit)) == kiwi[bench.fit]).all()


def test_an_id_beyond_its_table_is_no_error(bench):
    made = bench.start.with_input(1, "", offset=1000)

    assert bench.answers(made.model, bench.fit) is None
    assert np.isnan(bench.scores(made, bench.fit)).all()


def test_changes_of_tensors_are_tried_together(bench):
    def reversed_(tensors):
        return {**tensors, "dense": tensors["dense"].flip(1)}

    (same, near), (other, less) = bench.try_tensors(bench.start, [dict, reversed_], bench.screen)

    assert (same, near) == (64, 1.0)
    assert other < 5
    assert less < 1.0


def test_closeness_is_spearmans():
    rng = np.random.default_rng(0)
    scores, online = rng.normal(size=(3, 50)), rng.normal(size=50)
    expected = [abs(scipy.stats.spearmanr(one, online).statistic) for one in scores]

    np.testing.assert_allclose(closeness(scores, online), expected, rtol=1e-12)
