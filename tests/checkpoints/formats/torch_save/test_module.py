"""Pickled modules: opened with consent only, where their classes can be found."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from replay.checkpoints.formats.torch_save.module import open_pickled
from replay.checkpoints.open import open_scorer
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract, examined, opened, ranker, rows, save
from tests.checkpoints.samples import save_legacy

CLASSES = """
from torch import nn
class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)
    def forward(self, x):
        return self.linear(x)
"""


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    checkpoint = examined(save("pickled_module", ranker(), tmp_path / "m.pt"))
    torch.save({"epoch": 3}, tmp_path / "other.pt")
    with pytest.raises(CheckpointMismatch, match=r"holds a dict of 1 .* expected a torch\.nn\.Module"):
        open_pickled(replace(checkpoint, path=str(tmp_path / "other.pt")), contract(), "cpu")


def test_the_old_format_of_torch(tmp_path: Path) -> None:
    model = ranker()
    save_legacy(model, tmp_path / "old.pt")
    torch.testing.assert_close(opened(tmp_path / "old.pt").score(rows(4)), model(**rows(4)).detach())


def test_classes_beside_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_pickled_classes.py").write_text(CLASSES)
    with monkeypatch.context() as context:
        context.syspath_prepend(str(tmp_path))
        from my_pickled_classes import Mine  # type: ignore[import-not-found]

        torch.save(Mine(), tmp_path / "m.pt")
    del sys.modules["my_pickled_classes"]
    elsewhere = examined(save("pickled_module", ranker(), tmp_path / "other.pt"))
    assert elsewhere.base_dir != str(tmp_path)
    with pytest.raises(
        CheckpointMismatch, match=r"does not unpickle here: ModuleNotFoundError.*\n.*must be importable"
    ):
        open_scorer(examined(tmp_path / "m.pt"), contract("x"))
    scorer = open_scorer(examined(tmp_path / "m.pt", base_dir=str(tmp_path)), contract("x"))
    assert scorer.score({"x": torch.ones(2, 3)}).shape == (2,)
    del sys.modules["my_pickled_classes"]


def test_forward_is_compared(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 1), tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match=r"no argument `x`; it takes \(input\)"):
        opened(tmp_path / "m.pt", contract("x", call="keyword"))
