"""What is told of inputs before anything runs, from the signatures of real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.inputs import check_inputs
from replay.config.sections.model.contract import ModelConfig
from tests.checkpoints.models import FORMATS, contract, examined, quiet, ranker, rows, save

DESCRIBED = ("torch.export", "torchscript", "onnx")


def model(*inputs: dict[str, Any], call: str = "positional") -> ModelConfig:
    return ModelConfig.model_validate({"call": call, "inputs": inputs})


DENSE = {"name": "dense", "features": ["a", "b", "c"]}
IDS = {"name": "ids", "dtype": "int64", "features": ["x", "y"]}


def messages(path: Path, section: ModelConfig) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in check_inputs(examined(path), section)]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("call", ["positional", "keyword"])
def test_what_fits_has_no_problems(form: str, call: str, tmp_path: Path) -> None:
    path = save(form, ranker(), tmp_path / "file")
    assert messages(path, model(DENSE, IDS, call=call)) == []
    assert messages(path, contract(call=call)) == []


@pytest.mark.parametrize("form", DESCRIBED)
def test_a_misspelt_name(form: str, tmp_path: Path) -> None:
    path = save(form, ranker(), tmp_path / "file")
    (problem,) = [
        problem
        for problem in check_inputs(examined(path), model({**DENSE, "name": "dens"}, IDS, call="keyword"))
        if problem.path == "model.inputs[0].name"
    ]
    assert "checkpoint 'prod'" in problem.message
    assert "no argument `dens`; did you mean `dense`?" in problem.message
    assert problem.exit_code == 3


@pytest.mark.parametrize("form", DESCRIBED)
def test_one_too_many(form: str, tmp_path: Path) -> None:
    (found,) = messages(save(form, ranker(), tmp_path / "file"), contract("dense", "ids", "more"))
    assert found.startswith("model.inputs: ")
    assert "3" in found
    assert "takes 2" in found


@pytest.mark.parametrize("form", ["torch.export", "onnx"])
def test_one_too_few(form: str, tmp_path: Path) -> None:
    (found,) = messages(save(form, ranker(), tmp_path / "file"), contract("dense"))
    assert "dense, ids" in found


@pytest.mark.parametrize("form", ["torch.export", "onnx"])
def test_every_wrong_type_and_shape_at_once(form: str, tmp_path: Path) -> None:
    path = save(form, ranker(), tmp_path / "file")
    found = messages(path, model({**DENSE, "dtype": "float64", "features": ["a", "b"]}, {**IDS, "dtype": "int32"}))
    assert found == [
        "model.inputs[0].dtype: checkpoint 'prod': input `dense` is float64, it takes float32: set `dtype: float32`",
        "model.inputs[0]: checkpoint 'prod': input `dense` is (batch, 2), it takes (batch, 3)",
        "model.inputs[1].dtype: checkpoint 'prod': input `ids` is int32, it takes int64: set `dtype: int64`",
    ]


def test_positional_inputs_are_compared_by_place(tmp_path: Path) -> None:
    path = save("torch.export", ranker(), tmp_path / "file")
    assert messages(path, model({**DENSE, "name": "numbers"}, {**IDS, "name": "categories"})) == []
    assert len(messages(path, model(IDS, DENSE))) == 4


class Scalars(nn.Module):
    def forward(self, column: torch.Tensor, stacked: torch.Tensor) -> torch.Tensor:
        return column + stacked.squeeze(1)


def test_a_stacked_column_and_a_column_are_told_apart(tmp_path: Path) -> None:
    path = save("torch.export", Scalars(), tmp_path / "file", (torch.zeros(4), torch.zeros(4, 1)))
    assert messages(path, model({"name": "column", "feature": "a"}, {"name": "stacked", "features": ["b"]})) == []
    (found,) = messages(path, model({"name": "column", "features": ["a"]}, {"name": "stacked", "features": ["b"]}))
    assert "(batch, 1), it takes (batch,): `feature: a` keeps a column's own shape" in found


class Sequence(nn.Module):
    def forward(self, clicked: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (clicked * mask).sum(1)


def test_lists_and_their_masks(tmp_path: Path) -> None:
    path = save("torch.export", Sequence(), tmp_path / "file", (torch.zeros(4, 50), torch.zeros(4, 50)))
    clicked = {"name": "clicked", "feature": "ids", "length": 50, "pad": 0}
    mask = {"name": "mask", "mask_of": "clicked"}
    assert messages(path, model(clicked, mask)) == []
    assert messages(path, model({**clicked, "length": None}, mask)) == []
    found = messages(path, model({**clicked, "length": 20}, mask))
    assert [line.split(": ")[0] for line in found] == ["model.inputs[0]", "model.inputs[1]"]
    assert "(batch, 20), it takes (batch, 50)" in found[0]


class TakesDict(nn.Module):
    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        return features["dense"].sum(1) + features["ids"].sum(1)


def test_a_dict_argument_of_a_program(tmp_path: Path) -> None:
    with quiet():
        torch.export.save(torch.export.export(TakesDict(), (rows(4),)), tmp_path / "m.pt2")
    path = tmp_path / "m.pt2"
    assert messages(path, model(DENSE, IDS, call="dict")) == []
    (found,) = messages(path, model(DENSE, {**IDS, "dtype": "int32"}, call="dict"))
    assert found.startswith("model.inputs[1].dtype")


def test_a_dict_argument_of_torchscript(tmp_path: Path) -> None:
    path = save("torchscript", TakesDict(), tmp_path / "m.pt")
    assert messages(path, model(DENSE, IDS, call="dict")) == []
    (found,) = messages(path, model(DENSE, IDS))
    assert "takes 1" in found


def test_a_batch_size_is_no_problem(tmp_path: Path) -> None:
    with quiet():
        torch.export.save(torch.export.export(ranker(), tuple(rows(32).values())), tmp_path / "m.pt2")
    assert messages(tmp_path / "m.pt2", model(DENSE, IDS)) == []
