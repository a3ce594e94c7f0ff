"""torch.export: batch sizes that the export fixed or bounded, and every way to take arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from replay.checkpoints.formats.torch_export.open import open_exported
from replay.checkpoints.scorers.batching import BatchSizes
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract, examined, opened, quiet, ranker, rows


def export(
    model: nn.Module,
    path: Path,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    shapes: Any = None,
) -> Path:
    with quiet():
        torch.export.save(torch.export.export(model, args, kwargs, dynamic_shapes=shapes), path)
    return path


def sizes_of(path: Path, model: ModelConfig) -> BatchSizes:
    return open_exported(examined(path), model, "cpu").batch


STATIC = {"one": 1, "two": 2, "thirty-two": 32}


@pytest.mark.parametrize("size", STATIC.values(), ids=STATIC)
@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 64, 100])
def test_a_static_batch_is_cut_and_padded_to(size: int, count: int, tmp_path: Path) -> None:
    model = ranker()
    path = export(model, tmp_path / "static.pt2", tuple(rows(size).values()))
    assert sizes_of(path, contract()) == BatchSizes(size, size)
    scores = opened(path).score(rows(count))
    torch.testing.assert_close(scores, model(**rows(count)).detach().reshape(count), rtol=1e-6, atol=1e-6)


def test_a_bounded_batch_is_cut_and_padded_to(tmp_path: Path) -> None:
    model = ranker()
    batch = Dim("batch", min=4, max=16)
    path = export(model, tmp_path / "m.pt2", tuple(rows(8).values()), shapes=({0: batch}, {0: batch}))
    assert sizes_of(path, contract()) == BatchSizes(4, 16)
    for count in (1, 4, 16, 17, 50):
        torch.testing.assert_close(
            opened(path).score(rows(count)), model(**rows(count)).detach().reshape(count), rtol=1e-6, atol=1e-6
        )


class Pairs(nn.Module):
    """Works on pairs of rows, so that it takes an even number of them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0] // 2, 2, x.shape[1]).sum(2).reshape(-1)


def test_a_batch_of_a_multiple_is_padded_to_it(tmp_path: Path) -> None:
    half = Dim("half", min=1, max=8)
    path = export(Pairs(), tmp_path / "m.pt2", (torch.randn(6, 3),), shapes={"x": {0: 2 * half}})
    model = contract("x")
    found = sizes_of(path, model)
    assert (found.step, found.high) == (2, 16)
    for count in (1, 2, 5, 16, 21):
        x = torch.randn(count, 3)
        torch.testing.assert_close(opened(path, model).score({"x": x}), x.sum(1))


class Guarded(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1) * (2 if x.shape[0] > 4 else 3)


def test_a_guard_on_the_batch_is_respected(tmp_path: Path) -> None:
    path = export(Guarded(), tmp_path / "m.pt2", (torch.randn(8, 3),), shapes={"x": {0: Dim.AUTO}})
    x = torch.randn(2, 3)
    torch.testing.assert_close(opened(path, contract("x")).score({"x": x}), x.sum(1) * 2)


class OneOf(nn.Module):
    def forward(self, x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        return x.sum(1) + table.sum()


def test_inputs_without_a_common_batch_are_refused(tmp_path: Path) -> None:
    path = export(OneOf(), tmp_path / "m.pt2", (torch.randn(8, 3), torch.randn(5, 3)))
    with pytest.raises(CheckpointMismatch, match=r"different first dimensions.*Dim\('batch'\)"):
        opened(path, contract("x", "table"))


class Keywords(nn.Module):
    def forward(self, dense: torch.Tensor, *, ids: torch.Tensor) -> torch.Tensor:
        return dense.sum(1) + ids.sum(1)


class OneDict(nn.Module):
    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"score": features["dense"].sum(1) - features["ids"].sum(1)}


@pytest.mark.parametrize("call", ["positional", "keyword"])
def test_arguments_are_given_as_they_were_exported(call: str, tmp_path: Path) -> None:
    batch = rows(4)
    path = export(Keywords(), tmp_path / "m.pt2", (batch["dense"],), {"ids": batch["ids"]})
    names = ("dense", "ids") if call == "positional" else ("ids", "dense")
    scores = opened(path, contract(*names, call=call)).score(batch)
    torch.testing.assert_close(scores, batch["dense"].sum(1) + batch["ids"].sum(1))


@pytest.mark.parametrize("by_keyword", [False, True])
def test_a_dict_argument(by_keyword: bool, tmp_path: Path) -> None:
    batch = rows(4)
    args, kwargs = ((), {"features": batch}) if by_keyword else ((batch,), None)
    path = export(OneDict(), tmp_path / "m.pt2", args, kwargs)
    scores = opened(path, contract("ids", "dense", call="dict")).score(batch)
    torch.testing.assert_close(scores, batch["dense"].sum(1) - batch["ids"].sum(1))


def test_keys_of_the_dict_are_compared(tmp_path: Path) -> None:
    path = export(OneDict(), tmp_path / "m.pt2", (rows(4),))
    with pytest.raises(CheckpointMismatch) as caught:
        opened(path, contract("dens", "ids", call="dict"))
    assert "no key `dens`; did you mean `dense`?" in str(caught.value)
    assert "needs a key `dense`" in str(caught.value)


def test_tensors_for_a_dict_and_a_dict_for_tensors_are_refused(tmp_path: Path) -> None:
    path = export(OneDict(), tmp_path / "dict.pt2", (rows(4),))
    with pytest.raises(CheckpointMismatch, match="use `call: dict`"):
        opened(path)
    path = export(ranker(), tmp_path / "tensors.pt2", tuple(rows(4).values()))
    with pytest.raises(CheckpointMismatch, match="use `call: positional` or `call: keyword`"):
        opened(path, contract(call="dict"))


class BatchNormed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.constant = torch.arange(3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.norm(x) * self.constant).sum(1)


def test_buffers_and_constants_of_the_program(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = BatchNormed()
    model(torch.randn(50, 3) * 3 + 1)
    model.eval()
    path = export(model, tmp_path / "m.pt2", (torch.randn(8, 3),), shapes={"x": {0: Dim("batch")}})
    x = torch.randn(9, 3)
    torch.testing.assert_close(opened(path, contract("x")).score({"x": x}), model(x).detach())


def test_the_name_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = export(ranker(), tmp_path / "m.pt2", tuple(rows(4).values()))
    renamed = path.rename(tmp_path / "model.bin")
    assert opened(renamed).score(rows(4)).shape == (4,)
