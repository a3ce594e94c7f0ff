"""safetensors: as the library reads them, and refused where lengths and offsets do not add up."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint
from tests.checkpoints.samples import tower


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


def read(path: Path) -> dict[str, torch.Tensor]:
    return read_state_dict(look(path))


def write(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(begin: int, end: int, shape: list[int] | None = None, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape if shape is not None else [(end - begin) // 4], "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
        torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
        torch.complex64,
    ],
    ids=str,
)  # fmt: skip
def test_every_dtype_is_what_the_library_reads(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "w.safetensors"
    value = torch.tensor([[0, 1, 1], [1, 0, 1]], dtype=torch.float32).to(dtype)
    safetensors.torch.save_file({"x": value, "odd": torch.ones(3, dtype=torch.uint8), "none": value[:0]}, path)
    found, expected = read(path), safetensors.torch.load_file(path)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].reshape(-1).view(torch.uint8).tolist() == tensor.reshape(-1).view(torch.uint8).tolist()


def test_a_header_whose_length_looks_like_a_pickle_is_still_safetensors(tmp_path: Path) -> None:
    """640 is written as the bytes 80 02, with which a pickle of protocol 2 begins."""
    header = json.dumps({"x": entry(0, 4)}).encode().ljust(640)
    path = write(tmp_path / "w.bin", header, struct.pack("<f", 2.5))
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert read(path)["x"].tolist() == [2.5]


@pytest.mark.parametrize(
    ("header", "data", "match"),
    [
        (
            {"a": entry(0, 8), "b": entry(4, 12)},
            b"\0" * 12,
            "'b' begins at byte 4, expected 8: tensors overlap or leave a hole",
        ),
        (
            {"a": entry(0, 4), "b": entry(8, 12)},
            b"\0" * 12,
            "'b' begins at byte 8, expected 4: tensors overlap or leave a hole",
        ),
        ({"a": entry(4, 8)}, b"\0" * 8, "begins at byte 4, expected 0"),
        ({"a": entry(0, 4)}, b"\0" * 8, "truncated or appended to"),
        ({"a": entry(0, 8)}, b"\0" * 4, "truncated"),
        ({"a": entry(0, 8, [1])}, b"\0" * 8, "'a' has 8 bytes, its shape .1,. of torch.float32 needs 4"),
        ({"a": entry(0, 4, [-1])}, b"\0" * 4, "no shape or byte range"),
        ({"a": entry(0, 4, [True])}, b"\0" * 4, "no shape or byte range"),
        ({"a": entry(0, 4, [1 << 63])}, b"\0" * 4, "no shape or byte range"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"\0" * 4, "is no byte range|begins at byte 4"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, b"\0" * 4, "no byte range"),
        ({"a": {"dtype": "F32", "shape": [1]}}, b"\0" * 4, "no shape or byte range"),
        (b'{"a": 1, "a": 2}', b"", "a key is there twice"),
        (b'{"a": ' + b"[" * 100_000, b"", "not readable as JSON"),
        (b'{"a": ', b"", "not readable as JSON"),
    ],
)
def test_what_does_not_add_up_is_corrupt(tmp_path: Path, header: Any, data: bytes, match: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=match):
        look(write(tmp_path / "w.safetensors", header, data))


@pytest.mark.parametrize("length", [1 << 32, 100_000_001, (1 << 48) - 1])
def test_a_header_length_beyond_the_file_is_corrupt(tmp_path: Path, length: int) -> None:
    with pytest.raises(CorruptCheckpoint, match=f"the header claims {length:,} bytes"):
        look(write(tmp_path / "w.safetensors", {"a": entry(0, 4)}, b"\0" * 4, length))


def test_a_dtype_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="dtype 'F4' is not read"):
        look(write(tmp_path / "w.safetensors", {"a": entry(0, 4, dtype="F4")}, b"\0" * 4))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    state = tower().state_dict()
    names = list(state)
    parts = {"model-00001-of-00002.safetensors": names[:2], "model-00002-of-00002.safetensors": names[2:]}
    for file, keys in parts.items():
        safetensors.torch.save_file({key: state[key] for key in keys}, tmp_path / file)
    weights = {key: file for file, keys in parts.items() for key in keys}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))
    return tmp_path


def test_shards_are_read_from_the_folder_or_the_index(shards: Path) -> None:
    expected = tower().state_dict()
    for path in (shards, shards / "model.safetensors.index.json"):
        checkpoint = look(path)
        found = read_state_dict(checkpoint)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert [Path(file.path).name for file in checkpoint.files] == [
            "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        ]  # fmt: skip


def test_a_folder_with_one_file_needs_no_index(tmp_path: Path) -> None:
    safetensors.torch.save_file({"x": torch.ones(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    assert list(read(tmp_path)) == ["x"]


def test_a_missing_shard_is_refused(shards: Path) -> None:
    (shards / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"shard model-00002-of-00002\.safetensors is missing"):
        look(shards)


def test_an_incomplete_shard_is_corrupt(shards: Path) -> None:
    safetensors.torch.save_file({"out.weight": torch.ones(1, 4)}, shards / "model-00002-of-00002.safetensors")
    with pytest.raises(CorruptCheckpoint, match=r"in no shard|which the index has elsewhere"):
        look(shards)


def test_a_tensor_in_another_shard_than_the_index_says_is_corrupt(shards: Path) -> None:
    safetensors.torch.save_file({"stray": torch.ones(1)}, shards / "model-00002-of-00002.safetensors")
    with pytest.raises(CorruptCheckpoint, match="holds stray, which the index has elsewhere or not at all"):
        look(shards)


@pytest.mark.parametrize("name", ["../w.safetensors", "/etc/passwd", "a/b.safetensors", ".."])
def test_a_shard_outside_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": name}}))
    with pytest.raises(CheckpointError, match="outside of its folder"):
        look(tmp_path)


def test_an_index_of_pickled_shards_is_refused(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"x": "pytorch_model.bin"}}))
    with pytest.raises(CheckpointError, match="save the shards as safetensors"):
        look(tmp_path / "pytorch_model.bin.index.json")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a file, or a folder of safetensors"):
        look(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    with pytest.raises(CheckpointError, match="a TensorFlow SavedModel"):
        look(tmp_path)


def test_a_path_of_weights_is_a_prefix_of_names(tmp_path: Path) -> None:
    safetensors.torch.save_file(
        {"model.net.w": torch.ones(1), "model.loss": torch.zeros(1)}, tmp_path / "m.safetensors"
    )
    for keys in ({"weights": "model.net"}, {"weights": "model", "prefix": "net."}, {"prefix": "model.net."}):
        config = CheckpointConfig(path=str(tmp_path / "m.safetensors"), factory="a:b", **keys)
        assert [info.name for info in examine(config, "x").tensors] == ["w"]
