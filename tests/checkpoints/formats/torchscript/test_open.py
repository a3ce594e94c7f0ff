"""TorchScript files of several kinds: scripted, traced, frozen; answers of every structure."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from replay.checkpoints.open import open_scorer
from replay.errors import CheckpointMismatch, UnsafeCheckpoint
from tests.checkpoints.models import contract, examined, opened, quiet, ranker, rows
from tests.checkpoints.samples import edit_entry


class Both(NamedTuple):
    ctr: torch.Tensor
    cvr: torch.Tensor


class AnswersTuple(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(1), x.prod(1, keepdim=True)


class AnswersDict(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"ctr": x.sum(1), "cvr": x.prod(1)}


class AnswersNamed(nn.Module):
    def forward(self, x: torch.Tensor) -> Both:
        return Both(x.sum(1), x.prod(1))


class AnswersHeads(nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.stack([x.sum(1), x.prod(1)], dim=1)]


class TakesDict(nn.Module):
    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        return features["dense"].sum(1) - features["ids"].sum(1)


class WithDefault(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return x.sum(1) if mask is None else (x * mask).sum(1)


X = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
SUM, PROD = X.sum(1), X.prod(1)


def script(model: nn.Module, path: Path, *, trace: tuple[torch.Tensor, ...] | None = None) -> Path:
    with quiet():
        saved = torch.jit.trace(model, trace) if trace is not None else torch.jit.script(model)
        torch.jit.save(saved, str(path))
    return path


ANSWERS = [
    (AnswersTuple(), 0, SUM),
    (AnswersTuple(), 1, PROD),
    (AnswersDict(), "cvr", PROD),
    (AnswersNamed(), "cvr", PROD),
    (AnswersNamed(), 0, SUM),
    (AnswersHeads(), [0, 1], PROD),
]


@pytest.mark.parametrize(("model", "select", "expected"), ANSWERS)
def test_answers(model: nn.Module, select: object, expected: torch.Tensor, tmp_path: Path) -> None:
    scorer = opened(script(model, tmp_path / "m.pt"), contract("x", output={"select": select}))
    torch.testing.assert_close(scorer.score({"x": X}), expected)


def test_a_traced_tuple(tmp_path: Path) -> None:
    path = script(AnswersTuple(), tmp_path / "m.pt", trace=(torch.randn(2, 3),))
    torch.testing.assert_close(opened(path, contract("x", output={"select": 1})).score({"x": X}), PROD)


def test_an_answer_without_a_selection_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"a dict of 2 \(ctr: a float32 tensor of shape \(5,\); cvr"):
        opened(script(AnswersDict(), tmp_path / "m.pt"), contract("x")).score({"x": X})


def test_a_dict_argument(tmp_path: Path) -> None:
    scorer = opened(script(TakesDict(), tmp_path / "m.pt"), contract("ids", "dense", call="dict"))
    batch = rows(4)
    torch.testing.assert_close(scorer.score(batch), batch["dense"].sum(1) - batch["ids"].sum(1))


def test_defaults_may_be_left_out(tmp_path: Path) -> None:
    path = script(WithDefault(), tmp_path / "m.pt")
    torch.testing.assert_close(opened(path, contract("x")).score({"x": X}), SUM)
    mask = torch.ones(5, 3) * 2
    scores = opened(path, contract("mask", "x", call="keyword")).score({"x": X, "mask": mask})
    torch.testing.assert_close(scores, SUM * 2)


def test_scores_are_the_same_before_and_after_it_is_optimised(tmp_path: Path) -> None:
    scorer = opened(script(ranker(), tmp_path / "m.pt"))
    first = scorer.score(rows(50))
    for count in (3, 50, 7, 50):
        scores = scorer.score(rows(count))
    assert torch.equal(scores, first)


def test_a_batch_size_fixed_by_a_trace_is_told(tmp_path: Path) -> None:
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(int(x.shape[0]), 3, 1).sum((1, 2))

    path = script(Fixed(), tmp_path / "m.pt", trace=(torch.randn(4, 3),))
    with pytest.raises(CheckpointMismatch, match=r"x float32 \(5, 3\).*shape '\[4, 3, 1\]' is invalid"):
        opened(path, contract("x")).score({"x": X})


def test_code_that_this_torch_does_not_know_is_refused(tmp_path: Path) -> None:
    path = script(ranker(), tmp_path / "m.pt")
    edit_entry(path, "models.py", lambda code: code.replace(b"torch.relu(", b"torch.relu_of_tomorrow("))
    with pytest.raises(
        UnsafeCheckpoint, match=r"uses aten\.relu_of_tomorrow, which is not an operator that replay knows"
    ):
        examined(path)
    checkpoint = examined(path, operators=["aten.relu_of_tomorrow"])
    with pytest.raises(CheckpointMismatch, match="TorchScript cannot load") as caught:
        open_scorer(checkpoint, contract())
    assert "relu_of_tomorrow" in str(caught.value)
