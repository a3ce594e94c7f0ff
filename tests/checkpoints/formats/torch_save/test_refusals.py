"""Files of torch.save that are damaged or hide something, or of a kind that is not read: each is refused."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed._shard import sharded_tensor
from torch.distributed._shard.sharding_spec import ChunkShardingSpec
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from replay.checkpoints.examine import read_state_dict
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.formats.torch_save.reading import assert_same, look, read
from tests.checkpoints.samples import (
    Tower,
    edit_entry,
    read_entries,
    replace_data_pkl,
    save_legacy,
    tower,
    write_entries,
)


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


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_tensors_of_distributed_trainers_are_named_with_advice_that_works(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(3, 2)
    tensor = distribute_tensor(whole, init_device_mesh("cpu", (1,)), [Shard(0)])
    torch.save({"w": tensor}, tmp_path / "dtensor.pt")
    with pytest.raises(
        CheckpointError, match=r"'w' is a torch\.distributed\.tensor\.DTensor tensor, .*full_tensor\(\)"
    ):
        look(tmp_path / "dtensor.pt")
    torch.save({"w": tensor.full_tensor()}, tmp_path / "whole.pt")
    assert_same(read(tmp_path / "whole.pt"), {"w": whole})
    spec = ChunkShardingSpec(0, ["rank:0/cpu"])
    torch.save({"w": sharded_tensor.rand(spec, 4, 2)}, tmp_path / "sharded.pt")
    with pytest.raises(CheckpointError, match=r"one rank's shards of tensors \(ShardedTensor"):
        look(tmp_path / "sharded.pt")
