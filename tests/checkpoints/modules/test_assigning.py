"""Weights into a factory's module: never copied, and refused in one message where they do not fit."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from replay.checkpoints.examine import read_state_dict
from replay.checkpoints.modules.assigning import _build_as_usual, _build_without_memory, assign
from replay.checkpoints.modules.factory import Factory
from replay.checkpoints.open import open_scorer
from replay.checkpoints.recipes.materialized_weights import SavedWeights, read_weights
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
    built = _build_without_memory(Factory(checkpoint), checkpoint)
    assert built is not None
    for name, parameter in built[0].named_parameters():
        assert torch.equal(parameter, state[name])
    assert built[0].state_dict().keys() == state.keys()


@pytest.mark.parametrize("kind", [Hidden, Reads, Random])
def test_and_as_usual_where_something_would_have_no_values(kind: type[nn.Module], tmp_path: Path) -> None:
    torch.save(kind().state_dict(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:{kind.__name__}")
    state = read_state_dict(checkpoint)
    assert _build_without_memory(Factory(checkpoint), checkpoint) is None
    module = _build_as_usual(Factory(checkpoint), checkpoint)[0]
    for name, parameter in module.named_parameters():
        assert torch.equal(parameter, state[name])


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


def test_whole_numbers_in_place_of_weights_are_refused(tmp_path: Path) -> None:
    state = {name: tensor.to(torch.int8) for name, tensor in Normal().state_dict().items()}
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match=r"`out.weight`: the file has int8, the module float32: whole numbers"):
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normal")


class Moved(nn.Module):
    """Its older version kept half of the weights under another name."""

    _version = 2

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        if local_metadata.get("version", 1) < 2 and f"{prefix}half" in state_dict:
            state_dict[f"{prefix}scale"] = state_dict.pop(f"{prefix}half") * 2
        elif local_metadata.get("version", 1) < 2:
            state_dict[f"{prefix}scale"].mul_(2)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.scale).sum(1)


class MovedReads(nn.Module):
    """The same in a module that cannot be built without memory."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = Moved()
        self.factor = float(torch.tensor(3.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.moved(x) * self.factor


def saved_by(model: nn.Module, version: int) -> dict[str, Any]:
    state = model.state_dict()
    for saved in state._metadata.values():
        saved["version"] = version
    return state


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", [Moved, MovedReads])
@pytest.mark.parametrize("wrap", ["", "module.", "net."])
def test_modules_migrate_by_the_version_that_was_saved(
    kind: type[nn.Module], version: int, wrap: str, tmp_path: Path
) -> None:
    state = saved_by(kind(), version)
    wrapped = OrderedDict((f"{wrap}{name}", tensor) for name, tensor in state.items())
    wrapped._metadata = {f"{wrap}{path}".removesuffix("."): saved for path, saved in state._metadata.items()}
    torch.save({"state_dict": wrapped}, tmp_path / "m.pt")
    reference = kind()
    reference.load_state_dict(saved_by(kind(), version))
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:{kind.__name__}")
    torch.testing.assert_close(scorer.score({"x": X}), reference(X).detach(), rtol=0, atol=0)


def test_names_of_older_code_are_migrated_too(tmp_path: Path) -> None:
    torch.save({"half": torch.tensor([1.0, 2.0, 3.0])}, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Moved")
    torch.testing.assert_close(scorer.score({"x": X}), X @ torch.tensor([2.0, 4.0, 6.0]))


@pytest.mark.parametrize("with_metadata", [False, True])
def test_files_of_before_the_count_of_batches(with_metadata: bool, tmp_path: Path) -> None:
    model = Normed()
    model(X)
    state = saved_by(model, 1) if with_metadata else dict(model.state_dict())
    del state["norm.num_batches_tracked"]
    torch.save(state, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normed")
    torch.testing.assert_close(scorer.score({"x": X}), model.eval()(X).detach().reshape(6), rtol=0, atol=0)


def test_a_file_of_todays_code_must_have_that_count(tmp_path: Path) -> None:
    state = Normed().state_dict()
    del state["norm.num_batches_tracked"]
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match=r"the file lacks\n    `norm.num_batches_tracked`"):
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normed")


class Remembers(nn.Module):
    """Saves more than tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.config: Any = {"factor": 1.0}

    def get_extra_state(self) -> Any:
        return self.config

    def set_extra_state(self, state: Any) -> None:
        self.config = state

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        config = self.config
        factor = config["factor"] if isinstance(config, dict) else config
        return self.linear(x) * (factor if isinstance(factor, float) else torch.as_tensor(factor).sum())


class Holds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Remembers()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


@pytest.mark.parametrize(
    "state",
    [
        {"factor": 2.5, "seen": [1, ("a", None)]},
        {"factor": torch.tensor([1.0, 2.0])},
        torch.tensor(4.0),
        {"factor": np.array([0.5, 3.0])},
    ],
    ids=["plain", "tensors", "a tensor", "numpy"],
)
@pytest.mark.parametrize("kind", [Remembers, Holds])
@pytest.mark.parametrize("wrap", ["", "net.", "module."])
def test_extra_state_comes_back(state: Any, kind: type[nn.Module], wrap: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = kind()
    (model if kind is Remembers else model.inner).config = state
    named = {f"{wrap}{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": named}, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:{kind.__name__}")
    torch.testing.assert_close(scorer.score({"x": X}), model(X).detach().reshape(6), rtol=0, atol=0)


def test_extra_state_of_a_class_of_the_teams_own_is_refused_by_name(tmp_path: Path) -> None:
    model = Holds()
    model.inner.config = {"factor": 1.0, "how": timedelta(1)}
    torch.save(model.state_dict(), tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch) as caught:
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Holds")
    assert "`inner._extra_state`: class datetime.timedelta" in str(caught.value)
    assert "lacks" not in str(caught.value)


def test_a_file_without_the_extra_state_lacks_it(tmp_path: Path) -> None:
    state = {name: value for name, value in Holds().state_dict().items() if name != "inner._extra_state"}
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match=r"the file lacks\n    `inner._extra_state`"):
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Holds")


def test_extra_state_that_the_module_does_not_take_is_set_aside(tmp_path: Path) -> None:
    torch.save({**nn.Linear(3, 1).state_dict(), "_extra_state": {"a": 1}}, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:build_linear")
    assert scorer.notes == ("extra state that the module does not take: _extra_state",)


def build_linear() -> nn.Module:
    return nn.Linear(3, 1)


class Positions(nn.Module):
    """A buffer that older code saved, and this one does not."""

    def __init__(self, start: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.register_buffer("ids", torch.arange(start, start + 3).float(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x + self.ids)


def test_a_buffer_that_is_no_longer_saved(tmp_path: Path) -> None:
    model = Positions()
    torch.save({**model.state_dict(), "ids": model.ids}, tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Positions")
    torch.testing.assert_close(scorer.score({"x": X}), model(X).detach().reshape(6), rtol=0, atol=0)
    assert scorer.notes == ("set aside, as the module builds the same values itself: ids",)
    with pytest.raises(CheckpointMismatch, match="the module has no\n    `ids`"):
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Positions", kwargs={"start": 1})


class Lazy(nn.Module):
    """Takes its shapes from what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.LazyLinear(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


def test_lazy_modules_take_the_files_shapes(tmp_path: Path) -> None:
    model = Lazy()
    model(X)
    torch.save(model.state_dict(), tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Lazy")
    torch.testing.assert_close(scorer.score({"x": X}), model(X).detach().reshape(6), rtol=0, atol=0)


class OldNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.weighted = nn.utils.weight_norm(nn.Linear(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weighted(self.norm(x))


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weight_norm_of_older_code_in_todays(tmp_path: Path) -> None:
    torch.manual_seed(4)
    model = OldNorm().eval()
    torch.save(model.state_dict(), tmp_path / "m.pt")
    assert "weighted.weight_g" in model.state_dict()
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Normed")
    torch.testing.assert_close(scorer.score({"x": X}), model(X).detach().reshape(6), rtol=1e-6, atol=1e-6)


def test_a_whole_module_has_the_versions_of_the_code(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 1), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:Moved")
    module = Moved()
    assign(module, SavedWeights({"scale": torch.ones(3)}, read_weights(checkpoint).extras), checkpoint)
    assert module.scale.tolist() == [1, 1, 1]


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


def test_weights_beside_the_model_are_set_aside(tmp_path: Path) -> None:
    model = Lightning(extras=True)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "last.ckpt")
    scorer = opened(tmp_path / "last.ckpt", factory=FACTORY, base_dir=HERE)
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)
    assert scorer.notes == (
        "the factory's module is what the file has under `net.`, as `prefix: net.` would say; set aside: "
        "loss.pos_weight (outside of the prefix net.)",
    )
    checkpoint = examined(tmp_path / "last.ckpt", factory=FACTORY, prefix="net.", base_dir=HERE)
    assert checkpoint.set_aside == ("loss.pos_weight (outside of the prefix net.)",)
    scorer = open_scorer(checkpoint, contract("dense", "ids"))
    torch.testing.assert_close(scorer.score(rows(5)), model(**rows(5)).detach(), rtol=1e-6, atol=1e-6)
    assert scorer.notes == ()
