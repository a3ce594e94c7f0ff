"""Chance, and what a contract is about."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.rehearsal.fixes.bench import Bench
from replay.rehearsal.fixes.trial import try_scores


@pytest.fixture
def bench(world):
    rows = world.rows(torch.sigmoid(world.ctr(world.served())))
    return Bench(rows, rows.scorers["prod"])


def test_a_contract_with_which_all_rows_agree(bench):
    mended = bench.start.with_output("sigmoid", transform="sigmoid")
    trial = try_scores(bench, mended, bench.scores(mended, bench.fit), bench.fit)

    assert (trial.rows, trial.hits, trial.hits_before) == (750, 750, 0)
    assert trial.chance < 0.01
    assert trial.explains(bench, 0.9, 10, 1000)


def test_the_same_scores_are_about_no_row(bench):
    trial = try_scores(bench, bench.start, bench.own[bench.fit], bench.fit)

    assert trial.rows == 0
    assert not trial.explains(bench, 0.9, 10, 1)


def test_a_score_that_fits_every_row_is_chance(bench):
    bench.online = np.full(len(bench.online), 0.5)
    trial = try_scores(bench, bench.start.with_output("", scale=100), np.full(len(bench.fit), 0.5), bench.fit)

    assert trial.hits == len(bench.fit)
    assert trial.chance > 0.99
    assert not trial.explains(bench, 0.9, 10, 1)


def test_a_wider_tolerance_must_fit_practically_all_rows(bench):
    wide = bench.start.with_tolerance(bench.start.tolerance.model_copy(update={"abs": 0.001}), "")
    scores = bench.online[bench.fit].copy()
    scores[: len(scores) // 20] += 0.5

    trial = try_scores(bench, wide, scores, bench.fit)
    assert trial.hits >= 0.9 * trial.rows
    assert not trial.explains(bench, 0.9, 10, 1)
