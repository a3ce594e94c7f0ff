"""One opened scorer a process, whatever asks for it."""

from __future__ import annotations

import gc
import importlib
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from replay.checkpoints import own_sources
from replay.checkpoints.scorers.cache import MOST_OPEN, cached_scorer, close_scorers, settle_worker
from tests.checkpoints.models import contract, examined, ranker, rows, save

pytestmark = pytest.mark.usefixtures("modules_forgotten")


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


def test_a_file_overwritten_after_a_run_is_no_harm_to_another_of_the_same_content(tmp_path: Path) -> None:
    model = ranker()
    first = save("pt2", model, tmp_path / "first.pt2")
    second = tmp_path / "second.pt2"
    second.write_bytes(first.read_bytes())
    old = cached_scorer(examined(first), contract())
    expected = old.score(rows(3)).tolist()
    first.write_bytes(bytes(first.stat().st_size))
    os.utime(first, ns=(0, 0))
    scorer = cached_scorer(examined(second), contract())
    assert scorer is not old
    assert scorer.score(rows(3)).tolist() == expected


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


CLASSES = """
from torch import nn
import torch
{imports}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
    def forward(self, x):
        return {scale} * (x @ self.weight)
"""


def test_an_edited_helper_is_opened_anew(tmp_path: Path) -> None:
    (tmp_path / "my_cached_net.py").write_text(
        CLASSES.format(imports="from my_cached_layers import SCALE", scale="SCALE") + "def build():\n    return Net()\n"
    )
    torch.save({"weight": torch.ones(3)}, tmp_path / "weights.pt")
    checkpoint = examined(tmp_path / "weights.pt", factory="my_cached_net:build", base_dir=str(tmp_path))
    fingerprints = set()
    for scale in (1.0, 2.0):
        (tmp_path / "my_cached_layers.py").write_text(f"SCALE = {scale}\n")
        scorer = cached_scorer(checkpoint, contract("x"))
        assert cached_scorer(checkpoint, contract("x")) is scorer
        assert scorer.score({"x": torch.ones(2, 3)}).tolist() == [3 * scale, 3 * scale]
        fingerprints.add(scorer.fingerprint)
    assert len(fingerprints) == 2


def test_edited_classes_of_a_pickle_are_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the pickle names them, and this process has imported them itself before."""
    (tmp_path / "my_cached_pickled.py").write_text(CLASSES.format(imports="", scale="8.0"))
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("my_cached_pickled")
    torch.save(module.Net(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", base_dir=str(tmp_path))
    for scale in (1.0, 2.0, 4.0):
        (tmp_path / "my_cached_pickled.py").write_text(CLASSES.format(imports="", scale=scale))
        scorer = cached_scorer(checkpoint, contract("x"))
        assert scorer.score({"x": torch.ones(2, 3)}).tolist() == [3 * scale, 3 * scale]
        assert "my_cached_pickled" in own_sources(checkpoint)
