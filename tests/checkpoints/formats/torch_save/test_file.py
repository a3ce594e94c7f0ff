"""Files of torch.save: the same tensors that torch.load gives, without it."""

from __future__ import annotations

import argparse
import collections
import datetime
import enum
import functools
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from replay.checkpoints.examine import read_state_dict
from tests.checkpoints.formats.torch_save.reading import assert_same, look, read
from tests.checkpoints.samples import (
    edit_entry,
    read_entries,
    save_legacy,
    tower,
)

SAVERS = {"zip": torch.save, "legacy": save_legacy}


@pytest.mark.parametrize("how", SAVERS)
def test_a_state_dict_is_what_torch_loads(tmp_path: Path, how: str) -> None:
    path = tmp_path / "state.pt"
    SAVERS[how](tower().state_dict(), path)
    assert_same(read(path), torch.load(path, weights_only=True))


DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn, torch.float8_e5m2,
]  # fmt: skip


@pytest.mark.parametrize("how", SAVERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_is_read(tmp_path: Path, how: str, dtype: torch.dtype) -> None:
    path = tmp_path / "state.pt"
    value = torch.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=torch.float32).to(dtype)
    state = {"x": value, "row": value[1], "empty": value[:0]}
    SAVERS[how](state, path)
    assert_same(read(path), state)


@pytest.mark.parametrize("how", SAVERS)
def test_views_strides_and_sharing_survive(tmp_path: Path, how: str) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    path = tmp_path / "state.pt"
    value = {"base": base, "t": base.t(), "corner": base[1:3, 2:5], "tied": base, "wide": base[:1].expand(3, 6)}
    SAVERS[how]({**value, "scalar": torch.tensor(2.5)}, path)
    found = read(path)
    assert_same(found, torch.load(path, weights_only=True))
    assert {found[name].untyped_storage().data_ptr() for name in value} == {found["base"].untyped_storage().data_ptr()}


@pytest.mark.parametrize("how", SAVERS)
def test_parameters_and_tensor_subclasses_are_their_tensors(tmp_path: Path, how: str) -> None:
    path = tmp_path / "state.pt"
    SAVERS[how]({"p": nn.Parameter(torch.ones(2)), "q": nn.Parameter(torch.zeros(1), requires_grad=False)}, path)
    found = read(path)
    assert type(found["p"]) is torch.Tensor
    assert found["p"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.arange(3)}, path, pickle_protocol=protocol)
    assert read(path)["x"].tolist() == [0, 1, 2]


def test_weights_saved_on_cuda_come_to_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.arange(3.0)}, path)
    edit_entry(path, "/data.pkl", lambda data: data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    assert b"cuda:0" in read_entries(path)["state/data.pkl"]
    found = read(path)["x"]
    assert found.device.type == "cpu"
    assert found.tolist() == [0.0, 1.0, 2.0]


def test_writing_to_a_tensor_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.zeros(1000)}, path)
    before = path.read_bytes()
    read(path)["x"].fill_(7.0)
    assert path.read_bytes() == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_weights_are_mapped_from_the_file_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(1 << 18)}, path)
    tensor = read(path)["x"]
    place = tensor.data_ptr()
    mappings = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    (home,) = [line for line in mappings if place in range(*(int(end, 16) for end in line[0].split("-")))]
    assert home[-1] == str(path)


class Surface(enum.Enum):
    HOME = "home"


class TeamConfig:
    """A class of the team's own, with state and a destructive constructor."""

    def __init__(self) -> None:
        self.dim = 16
        self.surface = Surface.HOME

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise AssertionError("the team's code was run")


class TeamDict(dict[str, Any]):
    """A container of the team's own."""


def training_checkpoint(model: nn.Module) -> dict[str, Any]:
    optimizer = torch.optim.Adam(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return {
        "epoch": np.int64(3),
        "state_dict": model.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "config": TeamConfig(),
        "args": argparse.Namespace(lr=0.1, out=Path("x")),
        "best": np.float32(0.5),
        "history": collections.defaultdict(list, {"auc": [0.7, 0.8]}),
        "saved_at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "ids": {7: 0, "x": 1},
        "vocabulary": collections.Counter(["a", "b", "a"]),
        "activation": torch.relu,
        "schedule": functools.partial(max, 1),
        "rng": torch.get_rng_state(),
        "numpy_rng": np.random.RandomState(0),
        "array": np.arange(6).reshape(2, 3),
    }


@pytest.mark.parametrize("how", SAVERS)
def test_a_training_checkpoint_gives_its_weights_and_says_what_it_set_aside(tmp_path: Path, how: str) -> None:
    model = tower()
    path = tmp_path / "last.ckpt"
    SAVERS[how](training_checkpoint(model), path)
    checkpoint = look(path)
    assert_same(read_state_dict(checkpoint), model.state_dict())
    notes = checkpoint.set_aside
    assert "optimizer_states (list)" in notes
    assert f"config (class {__name__}.TeamConfig)" in notes
    assert "args (class argparse.Namespace)" in notes
    assert f"{__name__}.Surface" in notes
    assert "history (dict)" in notes
    assert "ids (dict)" in notes


def test_weights_in_a_container_of_the_teams_own_are_found(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save(TeamDict(w=torch.arange(2)), path)
    assert read(path)["w"].tolist() == [0, 1]


def test_numpy_arrays_are_weights_as_well(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    arrays = {
        "f4": np.arange(6, dtype="f4").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "scalar": np.array(1.5),
    }
    torch.save(arrays, path)
    found = read(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name].numpy(), array)


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_of_tensors_is_read(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "state.pkl"
    path.write_bytes(pickle.dumps(tower().state_dict(), protocol=protocol))
    assert_same(read(path), tower().state_dict())


def test_a_plain_pickle_of_arrays_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.pkl"
    path.write_bytes(pickle.dumps({"w": np.arange(4, dtype="f4")}, protocol=5))
    assert read(path)["w"].tolist() == [0.0, 1.0, 2.0, 3.0]
