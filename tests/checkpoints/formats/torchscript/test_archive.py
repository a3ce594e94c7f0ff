"""TorchScript archives: the weights that torch.jit gives, and the ways to run code from one refused."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint, TensorSpec
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import (
    Touch,
    edit_entry,
    insert_lines,
    read_entries,
    save_script,
    torchscript_allowed,
    tower,
    write_entries,
)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "tower.pt"
    save_script(path)
    return path


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


@pytest.mark.parametrize("trace", [False, True])
def test_weights_are_those_of_the_model(tmp_path: Path, trace: bool) -> None:
    path = tmp_path / "tower.pt"
    save_script(path, trace=trace)
    checkpoint = look(path)
    found, expected = read_state_dict(checkpoint), tower().state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {info.name for info in checkpoint.tensors if not info.parameter} == {"scale"}


def test_weights_that_freezing_turned_into_constants_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tower.pt"
    model = save_script(path, freeze=True)
    found = sorted(tensor.flatten().tolist() for tensor in read_state_dict(look(path)).values())
    used = [model.emb.weight, model.out.weight, model.out.bias]
    assert found == sorted(tensor.flatten().tolist() for tensor in used)


def test_the_signature_is_said(script: Path) -> None:
    signature = look(script).signature
    assert signature is not None
    assert signature.inputs == (TensorSpec("ids"), TensorSpec("dense"))
    assert signature.structure == "tensor"


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.offsets = [torch.ones(2), torch.zeros(1)]
        self.table = {"a": torch.full((3,), 2.0)}

    def forward(self, batch: dict[str, torch.Tensor], scale: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
        return batch["x"] * scale + self.offsets[0], batch["x"] + self.table["a"].sum()


def test_tensors_in_lists_and_dicts_of_a_module_are_read(tmp_path: Path) -> None:
    path = tmp_path / "heads.pt"
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(Heads()), str(path))
    checkpoint = look(path)
    found = {name: tensor.tolist() for name, tensor in read_state_dict(checkpoint).items()}
    assert found == {"offsets.0": [1.0, 1.0], "offsets.1": [0.0], "table.a": [2.0, 2.0, 2.0]}
    assert checkpoint.signature is not None
    assert checkpoint.signature.inputs == (TensorSpec("batch", "Dict[str, Tensor]"), TensorSpec("scale", "float"))
    assert checkpoint.signature.outputs == (TensorSpec("0"), TensorSpec("1"))
    assert checkpoint.signature.structure == "tuple"


def test_what_it_executes_is_said(script: Path) -> None:
    (line,) = look(script).executes
    assert line.startswith("TorchScript code: ")
    assert "aten.sigmoid x1" in line


@pytest.mark.parametrize("entry", ["/data.pkl", "/constants.pkl", "checkpoints/samples.py.debug_pkl"])
def test_a_hostile_pickle_is_refused_wherever_it_is(tmp_path: Path, script: Path, entry: str) -> None:
    edit_entry(script, entry, lambda _: pickle.dumps(Touch(tmp_path / "canary"), protocol=2))
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.system .*TorchScript writes no such thing"):
        look(script)
    assert not (tmp_path / "canary").exists()


def test_hostile_traced_inputs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tower.pt"
    save_script(path, trace=True)
    edit_entry(path, "traced_inputs.pkl", lambda _: pickle.dumps(Touch(tmp_path / "canary"), protocol=2))
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.system"):
        look(path)


def replace_class(script: Path, name: bytes) -> None:
    """Have the pickle name another class than that of the linear layer, under whatever name torch compiled it."""
    linear = re.compile(rb"c__torch__\.torch\.nn\.modules\.linear(\.___torch_mangle_\d+)?\nLinear")
    edit_entry(script, "/data.pkl", lambda data: linear.sub(name, data))


def test_a_class_of_python_is_refused(script: Path) -> None:
    replace_class(script, b"cmy\nLinear")
    with pytest.raises(UnsafeCheckpoint, match=r"my\.Linear .*TorchScript writes no such thing"):
        look(script)


@pytest.mark.parametrize(
    "line",
    [
        'torch.save([dense], "/tmp/x")',
        'torch.from_file("/etc/passwd", False, 10)',
        'ops.aten.from_file("/etc/passwd", False, 10)',
        "ops . aten . save(dense)",
        "t = torch.from_file",
        'ops.debugprims.load_tensor("x", [1], [1])',
    ],
)
def test_code_that_reaches_outside_of_the_model_is_refused(script: Path, line: str) -> None:
    insert_lines(script, [line])
    with pytest.raises(UnsafeCheckpoint, match=r"line \d+, uses .*may reach outside of the model"):
        look(script)


def test_a_layer_named_save_is_no_reason_to_refuse(tmp_path: Path) -> None:
    class Saver(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.save = nn.Linear(2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.save(x)

    path = tmp_path / "saver.pt"
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(Saver()), str(path))
    assert look(path).format == "torchscript"


@pytest.mark.parametrize("text", [b"def forward(self:\n", b"x = ^PythonOp()()\n", b"\xff\xfe"])
def test_code_that_is_not_as_torch_writes_it_is_refused(script: Path, text: bytes) -> None:
    edit_entry(script, "checkpoints/samples.py", lambda _: text)
    with pytest.raises((UnsafeCheckpoint, CorruptCheckpoint), match=r"is not as torch writes it|is no text"):
        look(script)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("hidden", [b"\x80\x02N.", b"PK\x03\x04rest", b"cposix\nsystem\n(S'true'\ntR."])
def test_a_hidden_pickle_or_archive_is_refused(script: Path, hidden: bytes, method: int) -> None:
    write_entries(script, {**read_entries(script), "tower/extra/notes": hidden}, method)
    with pytest.raises(UnsafeCheckpoint, match="extra/notes hides a pickle or an archive"):
        look(script)


@pytest.mark.parametrize("content", [b'{"threshold": 0.5}', "gr\u00fcn".encode(), b"\n\x0e\x08\x00sentencepiece", b""])
def test_files_of_the_users_own_are_no_reason_to_refuse(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tower.pt"
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(tower()), str(path), _extra_files={"deep/config": content})
    assert look(path).format == "torchscript"


@pytest.mark.parametrize(
    "name", ["hidden.pkl", "notes.txt", "code/run.sh", "data/hidden.pt", "bytecode/0", "tensors/0", "attributes.pkl"]
)
def test_an_entry_that_torch_does_not_write_is_refused(script: Path, name: str) -> None:
    write_entries(script, {**read_entries(script), f"tower/{name}": b"anything"})
    with pytest.raises(UnsafeCheckpoint, match=f"has an entry '{name}', which torch does not write there"):
        look(script)


@pytest.mark.parametrize("folder", ["data", "constants"])
def test_bytes_that_no_tensor_is_made_of_are_refused(script: Path, folder: str) -> None:
    write_entries(script, {**read_entries(script), f"tower/{folder}/77": b"cposix\nsystem\n(S'true'\ntR."})
    with pytest.raises(UnsafeCheckpoint, match=f"no tensor of the archive is made of {folder}/77"):
        look(script)


def test_an_object_of_an_unknown_class_of_cpp_is_refused_until_it_is_allowed(script: Path) -> None:
    replace_class(script, b"c__torch__.torch.classes.my_team\nIndex")
    with pytest.raises(UnsafeCheckpoint, match=r"an object of torch\.classes\.my_team\.Index.*operators: \[torch"):
        look(script)
    allowed = CheckpointConfig(path=str(script), operators=("torch.classes.my_team.Index",))
    with pytest.raises(UnsafeCheckpoint, match=r"out of the model .* an object of another class"):  # but no other place
        examine(allowed, "prod")


def test_a_truncated_weight_is_corrupt(script: Path) -> None:
    edit_entry(script, "/data/0", lambda data: data[:-4])
    with pytest.raises(CorruptCheckpoint, match="were declared"):
        look(script)


def test_nan_in_a_weight_is_refused_with_its_name(tmp_path: Path) -> None:
    model = tower()
    with torch.no_grad():
        model.out.weight[0, 2] = float("nan")
    path = tmp_path / "tower.pt"
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(model), str(path))
    with pytest.raises(CheckpointError, match=r"NaN or Inf in 1 of 4 tensors: out\.weight \(1 of 4\)"):
        look(path)


class Masked(nn.Module):
    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x + self.mask, -1)


@pytest.mark.parametrize(("value", "fine"), [(float("-inf"), True), (float("inf"), False), (float("nan"), False)])
def test_an_attention_mask_is_as_it_should_be(tmp_path: Path, value: float, fine: bool) -> None:
    path = tmp_path / "masked.pt"
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(Masked(torch.tensor([0.0, value]))), str(path))
    if fine:
        assert look(path).non_finite == ()
    else:
        with pytest.raises(CheckpointError, match=r"mask \(1 of 2\)"):
            look(path)


def test_edited_archives_are_still_archives_that_torch_opens(script: Path) -> None:
    """Otherwise the refusals above could come from the way these tests write them."""
    edit_entry(script, "/data.pkl", lambda data: data)
    with torchscript_allowed():
        opened: Any = torch.jit.load(str(script))
    assert list(opened.state_dict()) == list(read_state_dict(look(script)))
