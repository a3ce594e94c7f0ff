"""Weights into a factory's module: never copied, and refused in one message where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from replay.checkpoints.examine import read_state_dict
from replay.checkpoints.modules.assigning import _build_as_usual, _build_without_memory, assign
from replay.checkpoints.modules.factory import Factory
from replay.checkpoints.open import open_scorer
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import HERE, contract, examined, opened, ranker, rows

MODULE = __name__


class Tied(nn.Module):
    """Two names for one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5)
        self.out = nn.Linear(5, 5, bias=False)
        self.out.weight = self.table.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.out(self.table(ids)).sum(-1)


class Recurrent(nn.Module):
    """Keeps its parameters in a list of its own as well."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x.reshape(-1, 2, 3))[0][:, -1].sum(1)


class Hidden(nn.Module):
    """Constants in places where no parameter or buffer is looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.constants = {"scale": [torch.tensor([1.0, 2.0, 3.0])]}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x * self.constants["scale"][0])


class Reads(nn.Module):
    """Reads values while it is built, which the meta device cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.scale = float(torch.tensor([4.0]).sum())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) * self.scale


class Random(nn.Module):
    """A random constant that no file holds."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.register_buffer("projection", torch.randn(3, 3), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x @ self.projection)


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.weighted = nn.utils.parametrizations.weight_norm(nn.Linear(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weighted(self.norm(x))


class Normal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.out = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x)))


X = torch.randn(6, 3, generator=torch.Generator().manual_seed(3))
RECURRENT_X = torch.randn(6, 6, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("form", ["pt", "safetensors"])
@pytest.mark.parametrize("kind", [Recurrent, Hidden, Reads, Normed, Normal])
def test_modules_of_many_kinds(kind: type[nn.Module], form: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = kind()
    x = RECURRENT_X if kind is Recurrent else X
    model(x)  # moves the running means of a batch norm
    model.eval()
    path = tmp_path / f"m.{form}"
    torch.save(model.state_dict(), path) if form == "pt" else save_file(model.state_dict(), path)
    scorer = opened(path, contract("x"), factory=f"{MODULE}:{kind.__name__}")
    torch.testing.assert_close(scorer.score({"x": x}), model(x).detach().reshape(6), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [Recurrent, Normed, Normal])
def test_a_module_is_built_without_memory_where_it_can_be(kind: type[nn.Module], tmp_path: Path) -> None:
    torch.save(kind().state_dict(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:{kind.__name__}")
    state = read_state_dict(checkpoint)
    built = _build_without_memory(Factory(checkpoint), state, checkpoint)
    assert built is not None
    for name, parameter in built[0].named_parameters():
        assert parameter.data_ptr() == state[name].data_ptr()


@pytest.mark.parametrize("kind", [Hidden, Reads, Random])
def test_and_as_usual_where_something_would_have_no_values(kind: type[nn.Module], tmp_path: Path) -> None:
    torch.save(kind().state_dict(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:{kind.__name__}")
    state = read_state_dict(checkpoint)
    assert _build_without_memory(Factory(checkpoint), state, checkpoint) is None
    module, _ = _build_as_usual(Factory(checkpoint), state, checkpoint)
    for name, parameter in module.named_parameters():
        assert parameter.data_ptr() == state[name].data_ptr()


def test_what_no_file_holds_is_at_least_the_same_every_time(tmp_path: Path) -> None:
    torch.save(Random().state_dict(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:Random")
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = open_scorer(checkpoint, contract("x")).score({"x": X})
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(open_scorer(checkpoint, contract("x")).score({"x": X}), first)


@pytest.mark.parametrize("left_out", [None, "out.weight", "table.weight"])
def test_tied_parameters(left_out: str | None, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Tied().eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items() if name != left_out}
    save_file(state, tmp_path / "m.safetensors")
    scorer = opened(tmp_path / "m.safetensors", contract("ids"), factory=f"{MODULE}:Tied")
    ids = torch.tensor([0, 4, 2])
    torch.testing.assert_close(scorer.score({"ids": ids}), model(ids).detach(), rtol=0, atol=0)


def test_everything_that_does_not_fit_is_one_message(tmp_path: Path) -> None:
    state = Normal().state_dict()
    state["hiden.weight"] = state.pop("hidden.weight")
    state["head.bias"] = torch.zeros(1)
    state["out.weight"] = torch.zeros(1, 5)
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch) as caught:
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normal")
    message = str(caught.value)
    assert "the file lacks\n    `hidden.weight`; did you mean `hiden.weight`?" in message
    assert "the module has no (2)\n    `hiden.weight`; did you mean `hidden.weight`?" in message
    assert "`head.bias`" in message
    assert "`out.weight`: the file has (1, 5), the module (1, 4)" in message
    assert f"{MODULE}:Normal" in message


def test_long_lists_are_cut(tmp_path: Path) -> None:
    torch.save({f"layer_{index}.weight": torch.zeros(1) for index in range(40)}, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match="and 30 more") as caught:
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normal")
    assert len(str(caught.value).splitlines()) < 30


def test_the_files_type_is_kept_and_said(tmp_path: Path) -> None:
    state = {name: tensor.to(torch.bfloat16) for name, tensor in Normal().state_dict().items()}
    torch.save(state, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normal")
    assert "4 tensors as bfloat16 that the factory builds as float32" in scorer.notes[0]
    assert scorer.precision == torch.bfloat16
    with pytest.raises(CheckpointMismatch, match="note: the file holds 4 tensors as bfloat16"):
        scorer.score({"x": X})
    assert scorer.score({"x": X.to(torch.bfloat16)}).dtype == torch.float32


def test_integer_weights_under_a_module_of_floats(tmp_path: Path) -> None:
    state = {name: tensor.to(torch.int8) for name, tensor in Normal().state_dict().items()}
    checkpoint_path = tmp_path / "m.pt"
    torch.save(state, checkpoint_path)
    checkpoint = examined(checkpoint_path, factory=f"{MODULE}:Normal")
    module = Normal()
    notes = assign(module, read_state_dict(checkpoint), checkpoint)
    assert module.out.weight.dtype == torch.int8
    assert "int8" in notes[0]


def test_a_training_checkpoint_with_wrapped_and_prefixed_weights(tmp_path: Path) -> None:
    model = ranker()
    state = {f"module._orig_mod.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"epoch": 3, "model_state_dict": state, "optimizer": {"lr": 0.1}}, tmp_path / "last.ckpt")
    scorer = opened(tmp_path / "last.ckpt", factory="tests.checkpoints.models:build", base_dir=HERE)
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)


def test_forward_with_more_needed_arguments_is_refused(tmp_path: Path) -> None:
    torch.save(ranker().state_dict(), tmp_path / "m.pt")
    with pytest.raises(
        CheckpointMismatch, match=r"1 positional inputs? \(dense\), forward\(\) needs 2: \(dense, ids\)"
    ):
        opened(tmp_path / "m.pt", contract("dense"), factory="tests.checkpoints.models:build")


class Lightning(nn.Module):
    """As Lightning modules keep the model, beside what only training needs."""

    def __init__(self, *, extras: bool) -> None:
        super().__init__()
        self.net = ranker()
        if extras:
            self.loss = nn.BCEWithLogitsLoss(pos_weight=torch.ones(1))

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return self.net(dense, ids)


FACTORY = "tests.checkpoints.models:build"


@pytest.mark.parametrize("file", ["last.ckpt", "last.safetensors"])
def test_a_prefix_that_all_names_share_is_left_out_where_the_rest_fits(tmp_path: Path, file: str) -> None:
    model = Lightning(extras=False)
    state = model.state_dict()
    if file.endswith("ckpt"):
        torch.save({"state_dict": state, "epoch": 3, "pytorch-lightning_version": "2.5.0"}, tmp_path / file)
    else:
        save_file(dict(state), tmp_path / file)
    scorer = opened(tmp_path / file, factory=FACTORY, base_dir=HERE)
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)
    assert scorer.notes == (
        "all names in the file begin with `net.`, which the factory's module has not: it is left out, as "
        "`prefix: net.` would say",
    )


def test_a_module_that_has_the_names_with_the_prefix_gets_them_so(tmp_path: Path) -> None:
    model = Lightning(extras=False)
    torch.save(model.state_dict(), tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", factory=f"{MODULE}:build_lightning", base_dir=HERE)
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)
    assert scorer.notes == ()


def build_lightning() -> nn.Module:
    return Lightning(extras=False)


def build_compiled() -> nn.Module:
    return torch.compile(ranker(), backend="eager")  # type: ignore[return-value]


def test_a_factory_that_builds_a_compiled_module_gets_its_names(tmp_path: Path) -> None:
    model = ranker()
    torch.save({f"_orig_mod.{name}": tensor for name, tensor in model.state_dict().items()}, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", factory=f"{MODULE}:build_compiled", base_dir=HERE)
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)


def test_weights_beside_the_model_need_the_prefix(tmp_path: Path) -> None:
    model = Lightning(extras=True)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointMismatch, match=r"all of them are in the file under `net\.`: give `prefix: net\.`"):
        opened(tmp_path / "last.ckpt", factory=FACTORY, base_dir=HERE)
    checkpoint = examined(tmp_path / "last.ckpt", factory=FACTORY, prefix="net.", base_dir=HERE)
    assert checkpoint.set_aside == ("loss.pos_weight (outside of the prefix net.)",)
    scorer = open_scorer(checkpoint, contract("dense", "ids"))
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)
