"""Weights of other types than the module's: against ``load_state_dict`` of torch, which casts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from replay.checkpoints.modules.assigning import build_module
from replay.checkpoints.modules.casting import cast_problems
from replay.errors import CheckpointMismatch
from replay.files.private_cache import private_directory
from tests.checkpoints.models import contract, examined, opened

MODULE = __name__
X = torch.randn(500, 3, generator=torch.Generator().manual_seed(3))


class Net(nn.Module):
    """A tied table, a norm with a count, a float output."""

    def __init__(self, dtype: str = "float32") -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.hidden = nn.Linear(3, 3)
        self.again = nn.Linear(3, 3)
        self.again.weight = self.hidden.weight
        self.out = nn.Linear(3, 1)
        self.to(getattr(torch, dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self.out.weight.dtype)
        return self.out(torch.relu(self.again(torch.relu(self.hidden(self.norm(x)))))).squeeze(1)


def net(dtype: str = "float32") -> Net:
    torch.manual_seed(0)
    model = Net()
    model(X)
    return model.eval().to(getattr(torch, dtype))


def reference(path: Path, dtype: str) -> torch.Tensor:
    model = Net(dtype).eval()
    model.load_state_dict(torch.load(path))
    return model(X).detach().float()


@pytest.mark.parametrize("held", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("built", ["float32", "bfloat16", "float64"])
def test_the_modules_type_counts(held: str, built: str, tmp_path: Path) -> None:
    torch.save(net(held).state_dict(), tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Net", kwargs={"dtype": built})
    assert torch.equal(scorer.score({"x": X}).float(), reference(tmp_path / "m.pt", built))
    assert scorer.precision == getattr(torch, built)
    if held == built:
        assert scorer.notes == ()
    else:
        assert len(scorer.notes) == 1
        assert f"as {held} that the factory builds as {built} (`norm.weight`, ...): cast to {built}" in scorer.notes[0]
        assert scorer.notes[0].endswith("which rounds") == (
            held == "float64" or (held, built) == ("float16", "bfloat16")
        )


def test_only_what_differs_is_cast(tmp_path: Path) -> None:
    state = net().state_dict()
    state["out.weight"] = state["out.weight"].half()
    torch.save(state, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Net")
    assert torch.equal(scorer.score({"x": X}), reference(tmp_path / "m.pt", "float32"))
    assert "1 tensor as float16 that the factory builds as float32 (`out.weight`)" in scorer.notes[0]


def test_float8_weights(tmp_path: Path) -> None:
    state = {name: t.to(torch.float8_e4m3fn) if "weight" in name else t for name, t in net().state_dict().items()}
    save_file({name: tensor.clone() for name, tensor in state.items()}, tmp_path / "m.safetensors")
    model = Net().eval()
    model.load_state_dict(state)
    scorer = opened(tmp_path / "m.safetensors", contract("x"), factory=f"{MODULE}:Net")
    assert torch.equal(scorer.score({"x": X}), model(X).detach())


def test_counts_of_another_width(tmp_path: Path) -> None:
    state = net().state_dict()
    state["norm.num_batches_tracked"] = state["norm.num_batches_tracked"].float()
    torch.save(state, tmp_path / "m.pt")
    module, _ = build_module(examined(tmp_path / "m.pt", factory=f"{MODULE}:Net"))
    assert module.norm.num_batches_tracked.dtype == torch.int64
    assert module.norm.num_batches_tracked == 1
    state["norm.num_batches_tracked"] = torch.tensor(1.5)
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match=r"`norm.num_batches_tracked`: .* does not hold all of the values"):
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Net")


def test_what_would_mean_something_else() -> None:
    own = {"w": nn.Parameter(torch.zeros(2)), "buffer": torch.zeros(2)}
    assert list(cast_problems(own, {"w": torch.zeros(2, dtype=torch.complex64)})) == [
        "`w`: the file has complex64, the module float32: its imaginary part would be lost"
    ]
    assert "are quantized" in next(cast_problems(own, {"w": torch.zeros(2, dtype=torch.uint8)}))
    assert list(cast_problems(own, {"buffer": torch.zeros(2, dtype=torch.int64)})) == []


class Large(nn.Module):
    """A table that is worth sharing."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(1 << 15, 160)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.table(ids).sum((1, 2))


def test_a_large_cast_is_made_once_a_machine(tmp_path: Path) -> None:
    torch.manual_seed(0)
    table = Large().table.weight.detach().half()
    torch.save({"table.weight": table}, tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:Large")
    module, _ = build_module(checkpoint)
    assert torch.equal(module.table.weight, table.float())
    directory = private_directory()
    assert directory is not None
    (made,) = directory.glob(f"{checkpoint.sha256}-state_dict-cast-*.weights")
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(made) in line]
    start, end = (int(part, 16) for part in mapped[0].split()[0].split("-"))
    assert start <= module.table.weight.data_ptr() < end
    again, _ = build_module(checkpoint)
    assert torch.equal(again.table.weight, table.float())
