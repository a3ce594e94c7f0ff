"""TorchScript modules with members of an Enum, which torch writes as calls without a tuple of arguments."""

# No postponed annotations: torch reads those of modules as they are.

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.models import contract, opened
from tests.checkpoints.samples import edit_entry, read_entries, torchscript_allowed
from tests.checkpoints.script_models import Enums, Mode, Place, Share


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


ENUMS = {"int": Place.FIRST, "large int": Place.LAST, "str": Mode.SUM, "float": Share.HALF}


class OneEnum(nn.Module):
    def __init__(self, member: Place | Mode | Share) -> None:
        super().__init__()
        self.member = member
        self.weight = nn.Parameter(torch.tensor([1.5, -2.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


def save_enums(path: Path, model: nn.Module) -> Path:
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(model), str(path))
    return path


@pytest.mark.parametrize("value", ENUMS)
def test_weights_beside_an_enum_are_read(tmp_path: Path, value: str) -> None:
    found = read_state_dict(look(save_enums(tmp_path / "enum.pt", OneEnum(ENUMS[value]))))
    assert {name: tensor.tolist() for name, tensor in found.items()} == {"weight": [1.5, -2.0]}


def test_a_model_that_chooses_by_enums_scores_as_torch_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Enums().eval()
    path = save_enums(tmp_path / "enums.pt", model)
    found, expected = read_state_dict(look(path)), model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    x = torch.randn(6, 4)
    with torch.no_grad():
        assert torch.equal(opened(path, contract("x")).score({"x": x}), model(x))


def call_instead(path: Path, module: str, name: str) -> None:
    """Put another name where the pickle has the class of the enum."""

    def edit(data: bytes) -> bytes:
        start = data.index(b"c__torch__", data.index(b"member"))
        end = data.index(b"\n", data.index(b"\n", start) + 1)
        return data[:start] + f"c{module}\n{name}".encode() + data[end:]

    edit_entry(path, "/data.pkl", edit)


@pytest.mark.parametrize("called", ["os.system", "builtins.eval", "torch.load", "__torch__.os.system"])
def test_a_call_without_a_tuple_is_refused_as_one_with(tmp_path: Path, called: str) -> None:
    path = save_enums(tmp_path / "enum.pt", OneEnum(Mode.SUM))
    call_instead(path, *called.rsplit(".", 1))
    command = f"touch {tmp_path / 'canary'}".encode()
    hostile = b"X" + len(command).to_bytes(4, "little") + command
    edit_entry(path, "/data.pkl", lambda data: data.replace(b"X\x03\0\0\0sum", hostile))
    assert command in read_entries(path)["enum/data.pkl"]
    # A class of the archive's own stands for itself, in a place that declares another.
    reason = "an object of another class" if called.startswith("__torch__") else re.escape(called)
    with pytest.raises(UnsafeCheckpoint, match=reason):
        look(path)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("called", ["torch._utils._rebuild_tensor_v2", "torch.jit._pickle.build_intlist"])
def test_only_an_enum_is_called_without_a_tuple(tmp_path: Path, called: str) -> None:
    path = save_enums(tmp_path / "enum.pt", OneEnum(Place.FIRST))
    call_instead(path, *called.rsplit(".", 1))
    with pytest.raises(CorruptCheckpoint, match="does not fit together"):
        look(path)
