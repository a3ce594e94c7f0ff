"""Files of torch.save: the same tensors that torch.load gives, without it."""

from __future__ import annotations

import argparse
import collections
import datetime
import enum
import functools
import io
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import (
    Tower,
    edit_entry,
    read_entries,
    replace_data_pkl,
    save_legacy,
    tower,
    write_entries,
)

SAVERS = {"zip": torch.save, "legacy": save_legacy}


def read(path: Path, **config: Any) -> dict[str, torch.Tensor]:
    return read_state_dict(look(path, **config))


def look(path: Path, **config: Any) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path), **config), "prod", allow_non_finite=True)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        assert bits(found[name]) == bits(tensor), name


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist())


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


def test_a_hostile_file_nested_in_a_tensor_is_refused(tmp_path: Path) -> None:
    """A tensor of a plain pickle is a torch.save file in bytes, which torch would load in full."""

    class Nested:
        def __reduce__(self) -> tuple[Any, ...]:
            inner = pickle.dumps({"x": HostileCall(str(tmp_path / "canary"))})
            return torch.storage._load_from_bytes, (inner,)

    path = tmp_path / "state.pkl"
    path.write_bytes(pickle.dumps({"w": Nested()}))
    with pytest.raises(UnsafeCheckpoint, match="nested"):
        look(path)
    assert not (tmp_path / "canary").exists()


class HostileCall:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_big_endian_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(2)}, path)
    edit_entry(path, "/byteorder", lambda _: b"big")
    with pytest.raises(CheckpointError, match=r"byte order b'big', expected 'little'"):
        look(path)


def test_a_storage_of_another_size_than_declared_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    edit_entry(path, "/data/0", lambda data: data[:-4])
    with pytest.raises(CorruptCheckpoint, match=r"storage 'data/0' has 12 bytes, 16 were declared"):
        look(path)


def test_a_missing_storage_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    write_entries(path, {name: data for name, data in read_entries(path).items() if not name.endswith("/data/0")})
    with pytest.raises(CorruptCheckpoint, match="storage 'data/0' is missing"):
        look(path)


def pickled_tensor(elements: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """The pickle of ``{"x": tensor}``, with sizes as given."""

    class Storage:
        pass

    class Pickler(pickle._Pickler):  # type: ignore[name-defined]
        def persistent_id(self, value: object) -> object:
            return ("storage", torch.FloatStorage, "0", "cpu", elements) if isinstance(value, Storage) else None

    class Tensor:
        def __reduce__(self) -> tuple[Any, ...]:
            arguments = (Storage(), offset, shape, strides, False, collections.OrderedDict())
            return torch._utils._rebuild_tensor_v2, arguments

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({"x": Tensor()})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "match"),
    [
        (0, (5,), (1,), "reach element 4, its storage has 4"),
        (1, (4,), (1,), "reach element 4, its storage has 4"),
        (0, (2, 2), (3, 1), "reach element 4, its storage has 4"),
        (0, (2,), (1 << 61,), "reach element"),
        (0, (2,), (-1,), "is no shape"),
        (-1, (2,), (1,), "do not fit together"),
        (0, (2, 2), (1,), "do not fit together"),
        (0, (1 << 40,), (0,), "memory bomb"),
        (0, ("2",), (1,), "is no shape"),
    ],
)
def test_tensors_that_reach_beyond_their_storage_are_corrupt(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], match: str
) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    replace_data_pkl(path, pickled_tensor(4, offset, shape, strides))
    with pytest.raises(CorruptCheckpoint, match=match):
        look(path)


def test_the_tensor_writer_of_these_tests_writes_what_torch_reads(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.arange(4.0)}, path)
    replace_data_pkl(path, pickled_tensor(4, 1, (2,), (2,)))
    assert torch.load(path, weights_only=True)["x"].tolist() == [1.0, 3.0]
    assert read(path)["x"].tolist() == [1.0, 3.0]


def test_two_pickles_in_one_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    edit_entry(path, "/data.pkl", lambda data: data + pickle.dumps({"hidden": 1}))
    with pytest.raises(UnsafeCheckpoint, match="bytes follow the end of the pickle"):
        look(path)


@pytest.mark.parametrize("name", ["hidden.pkl", "notes.txt", "data/hidden.pkl", ".data/other", "version2"])
def test_an_entry_that_torch_does_not_write_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    write_entries(path, {**read_entries(path), f"state/{name}": b"anything"})
    with pytest.raises(UnsafeCheckpoint, match=f"has an entry '{name}', which torch does not write there"):
        look(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["version", "byteorder", ".data/serialization_id", ".format_version"])
def test_a_version_stamp_is_a_word_and_no_pickle(tmp_path: Path, name: str, protocol: int, method: int) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    hidden = pickle.dumps(HostileCall("x"), protocol)
    write_entries(path, {**read_entries(path), f"state/{name}": hidden}, method)
    with pytest.raises(CheckpointError, match=f"{name} holds|byte order"):
        look(path)


def test_bytes_that_no_tensor_is_made_of_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"x": torch.ones(4)}, path)
    write_entries(path, {**read_entries(path), "state/data/77": pickle.dumps(HostileCall("x"))})
    with pytest.raises(UnsafeCheckpoint, match="no tensor of the archive is made of data/77"):
        look(path)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.99])
def test_a_truncated_legacy_file_is_corrupt(tmp_path: Path, share: float) -> None:
    path = tmp_path / "state.pt"
    save_legacy(tower().state_dict(), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(CorruptCheckpoint):
        look(path)


def test_bytes_after_a_legacy_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_legacy({"x": torch.ones(2)}, path)
    path.write_bytes(path.read_bytes() + b"hidden")
    with pytest.raises(UnsafeCheckpoint, match="6 bytes follow the last storage"):
        look(path)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: torch.eye(3).to_sparse(), "sparse"),
        (lambda: torch.eye(3).to_sparse_csr(), "sparse"),
        (lambda: torch.ones(2, device="meta"), "meta"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_tensors_that_are_not_dense_are_refused_as_weights(tmp_path: Path, make: Any, kind: str) -> None:
    path = tmp_path / "state.pt"
    torch.save({"w": make()}, path)
    with pytest.raises(CheckpointError, match=rf"'w' is a {kind}"):
        look(path)


def test_a_sparse_tensor_of_the_optimizer_is_only_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"model": {"w": torch.ones(1)}, "optimizer": {"m": torch.eye(2).to_sparse()}}, path)
    assert list(read(path)) == ["w"]


def test_a_pickled_module_with_a_factory_gives_its_weights_without_running(tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    torch.save(tower(), path)
    checkpoint = look(path, factory="my_models:build")
    assert checkpoint.format == "state_dict"
    assert sorted(read_state_dict(checkpoint)) == sorted(tower().state_dict())
    assert_same(dict(sorted(read_state_dict(checkpoint).items())), dict(sorted(tower().state_dict().items())))
    assert {info.name for info in checkpoint.tensors if not info.parameter} == {"scale"}
    assert f"class {Tower.__module__}.Tower" in checkpoint.set_aside
    assert checkpoint.executes == ("factory my_models:build",)
