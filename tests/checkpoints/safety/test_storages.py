"""Tensors over bytes of a file: what numpy reads there, and nothing beyond the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from replay.checkpoints.safety.storages import DTYPES, MappedFile, contiguous_strides, tensor_over, whole_number
from replay.errors import CheckpointError, CorruptCheckpoint

VALUES = np.arange(24, dtype=np.float32)


@pytest.fixture
def file(tmp_path: Path) -> MappedFile:
    path = tmp_path / "values"
    path.write_bytes(VALUES.tobytes())
    return MappedFile(path)


@pytest.mark.parametrize("start", [0, 8, 20, 3])
def test_a_tensor_has_the_bytes_of_the_file(file: MappedFile, start: int) -> None:
    tensor = tensor_over(file.storage(start, 40), torch.float32, 0, (2, 5), (5, 1))
    expected = np.frombuffer(VALUES.tobytes()[start : start + 40], np.float32).reshape(2, 5)
    assert tensor.numpy().tobytes() == expected.tobytes()


def test_strides_and_offset_are_numpys(file: MappedFile) -> None:
    tensor = tensor_over(file.storage(0, 96), torch.float32, 3, (4, 2), (1, 6))
    expected = np.lib.stride_tricks.as_strided(VALUES[3:], (4, 2), (4, 24))
    np.testing.assert_array_equal(tensor.numpy(), expected)
    for shape in ((2, 3, 4), (5,), (), (0, 3), (3, 0, 2)):
        assert contiguous_strides(shape) == torch.empty(shape).stride()


def test_writing_to_a_tensor_leaves_the_file_alone(file: MappedFile) -> None:
    tensor_over(file.storage(0, 96), torch.float32, 0, (24,), (1,)).zero_()
    np.testing.assert_array_equal(np.fromfile(file.path, np.float32), VALUES)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (25,), (1,)),
        (1, (24,), (1,)),
        (0, (2, 12), (13, 1)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (True,), (1,)),
        (0, (1 << 40,), (0,)),
        (0, (2, 2), (1,)),
        (0, "24", (1,)),
        (0, (1,) * 65, (1,) * 65),
        (1 << 62, (1,), (1,)),
    ],
)
def test_sizes_that_do_not_fit_are_corrupt(file: MappedFile, offset: object, shape: object, strides: object) -> None:
    with pytest.raises(CorruptCheckpoint):
        tensor_over(file.storage(0, 96), torch.float32, offset, shape, strides)


@pytest.mark.parametrize(("start", "count"), [(0, 97), (90, 8), (-8, 16)])
def test_bytes_beyond_the_file_are_corrupt(file: MappedFile, start: int, count: int) -> None:
    with pytest.raises(CorruptCheckpoint, match="it is truncated"):
        file.storage(start, count)


def test_an_empty_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(CheckpointError, match="the file is empty"):
        MappedFile(tmp_path / "empty")


def test_sizes_are_whole_numbers_that_torch_takes() -> None:
    assert all(map(whole_number, (0, 1, (1 << 62) - 1)))
    assert not any(map(whole_number, (-1, True, 1.0, "1", None, 1 << 62)))
    assert DTYPES["bfloat16"] is torch.bfloat16
