"""One opened scorer a process, whatever asks for it."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.checkpoints.cache import MOST_OPEN, cached_scorer, close_scorers, settle_worker
from tests.checkpoints.models import contract, examined, ranker, rows, save


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    close_scorers()
    yield
    close_scorers()


def test_a_checkpoint_is_opened_once(tmp_path: Path) -> None:
    checkpoint = examined(save("pickled_module", ranker(), tmp_path / "file"))
    scorer = cached_scorer(checkpoint, contract())
    assert cached_scorer(pickle.loads(pickle.dumps(checkpoint)), contract()) is scorer
    assert cached_scorer(checkpoint, contract(output={"transform": "sigmoid"})) is not scorer


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    checkpoints = [
        examined(save("pickled_module", ranker(seed), tmp_path / f"file_{seed}")) for seed in range(MOST_OPEN + 1)
    ]
    scorers = [cached_scorer(checkpoint, contract()) for checkpoint in checkpoints[:MOST_OPEN]]
    assert cached_scorer(checkpoints[0], contract()) is scorers[0]
    cached_scorer(checkpoints[MOST_OPEN], contract())
    assert cached_scorer(checkpoints[0], contract()) is scorers[0]
    again = cached_scorer(checkpoints[1], contract())
    assert again is not scorers[1]
    assert again.score(rows(2)).tolist() == scorers[1].score(rows(2)).tolist()


def test_as_many_stay_open_as_are_needed_at_once(tmp_path: Path) -> None:
    count = MOST_OPEN + 2
    checkpoints = [examined(save("pickled_module", ranker(seed), tmp_path / f"file_{seed}")) for seed in range(count)]
    scorers = [cached_scorer(checkpoint, contract(), keep=count) for checkpoint in checkpoints]
    assert [cached_scorer(checkpoint, contract(), keep=count) for checkpoint in checkpoints] == scorers


def test_the_garbage_collector_leaves_an_open_model_alone(tmp_path: Path) -> None:
    cached_scorer(examined(save("pickled_module", ranker(), tmp_path / "file")), contract())
    try:
        settle_worker()
        frozen = gc.get_freeze_count()
        assert frozen > 10_000
        assert not any(type(each).__name__ == "ModelScorer" for each in gc.get_objects())
        # Nothing was opened since: what the last task left behind is not kept for ever.
        left = [[] for _ in range(100)]
        settle_worker()
        assert gc.get_freeze_count() <= frozen
        assert len(left) == 100
    finally:
        gc.unfreeze()
