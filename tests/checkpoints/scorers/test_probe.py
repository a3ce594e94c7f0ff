"""The probe tells a score that sees its neighbours from floating-point noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from replay.checkpoints.scorers.function_scorer import FunctionScorer
from replay.checkpoints.scorers.probe import probe
from tests.checkpoints.models import FORMATS, config_for, contract, opened, ranker, rows, save

Tensors = Mapping[str, torch.Tensor]


def x(count: int = 64, width: int = 8) -> dict[str, torch.Tensor]:
    return {"x": torch.randn(count, width, generator=torch.Generator().manual_seed(0))}


@pytest.mark.parametrize("form", FORMATS)
def test_an_ordinary_model(form: str, tmp_path: Path) -> None:
    scorer = opened(save(form, ranker(), tmp_path / "file"), **config_for(form))
    found = probe(scorer, rows(64))
    assert found.output_dtype == torch.float32
    assert not found.depends_on_neighbours
    assert not found.nondeterministic
    assert found.max_abs_difference < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("head", ["logit", "sigmoid"])
def test_the_noise_of_wide_deep_networks_is_no_dependence(dtype: torch.dtype, head: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(4):
        layers += [nn.Linear(512, 512), nn.ReLU()]
    layers.append(nn.Linear(512, 1))
    model = nn.Sequential(*layers).to(dtype)
    output = {"transform": "sigmoid"} if head == "sigmoid" else {}
    path = tmp_path / "file"
    torch.save(model, path)
    scorer = opened(path, contract("x", x=str(dtype).removeprefix("torch."), output=output))
    found = probe(scorer, {"x": x(64, 512)["x"].to(dtype)})
    assert not found.depends_on_neighbours, found
    assert not found.nondeterministic


DEPENDENT = {
    "softmax over the batch": lambda t: torch.softmax(t["x"].sum(1), 0),
    "a batch norm in training mode": lambda t: nn.functional.batch_norm(t["x"], None, None, training=True).sum(1),
    "the rank in the batch": lambda t: t["x"][:, 0].argsort().argsort().float(),
    "the mean of the batch, a little": lambda t: t["x"].sum(1) + 1e-3 * t["x"].mean(),
    "the row before": lambda t: t["x"][:, 0] + torch.roll(t["x"][:, 1], 1),
    "only in large batches": lambda t: t["x"].sum(1) + (1.0 if len(t["x"]) > 40 else 0.0),
    "finite only when alone": lambda t: t["x"].sum(1) / (1.0 if len(t["x"]) < 3 else 0.0),
}


@pytest.mark.parametrize("function", DEPENDENT.values(), ids=DEPENDENT)
def test_dependence_is_found(function: object, tmp_path: Path) -> None:
    found = probe(FunctionScorer(function), x())  # type: ignore[arg-type]
    assert found.depends_on_neighbours
    assert not found.nondeterministic


def test_the_difference_is_told() -> None:
    def shifted(tensors: Tensors) -> torch.Tensor:
        return tensors["x"].sum(1) + (0.25 if len(tensors["x"]) > 40 else 0.0)

    assert probe(FunctionScorer(shifted), x()).max_abs_difference == pytest.approx(0.25, abs=1e-5)


def test_dropout_is_nondeterministic() -> None:
    torch.manual_seed(0)
    found = probe(FunctionScorer(lambda t: nn.functional.dropout(t["x"], 0.5).sum(1)), x())
    assert found.nondeterministic
    assert not found.depends_on_neighbours


def test_dropout_that_was_scripted_in_training_mode_is_found(tmp_path: Path) -> None:
    class Dropped(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(x, 0.5, training=True).sum(1)

    path = save("torchscript", Dropped(), tmp_path / "file")
    assert probe(opened(path, contract("x")), x()).nondeterministic


def test_nan_and_infinity_that_stay_are_no_dependence() -> None:
    def with_nan(tensors: Tensors) -> torch.Tensor:
        score = tensors["x"].sum(1)
        return torch.where(score > 1, torch.nan, torch.where(score < -1, torch.inf, score))

    found = probe(FunctionScorer(with_nan), x())
    assert not found.depends_on_neighbours
    assert not found.nondeterministic


def test_float64_is_held_to_its_own_noise() -> None:
    wide = {"x": x()["x"].double()}
    assert probe(FunctionScorer(lambda t: t["x"].sum(1)), wide).output_dtype == torch.float64
    leak = FunctionScorer(lambda t: t["x"].sum(1) + 1e-9 * t["x"].mean())
    leak.precision = torch.float64
    assert probe(leak, wide).depends_on_neighbours


def test_one_row_says_little() -> None:
    found = probe(FunctionScorer(lambda t: t["x"].sum(1)), x(1))
    assert not found.depends_on_neighbours
    assert found.max_abs_difference == 0
