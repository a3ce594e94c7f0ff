"""Arrays that numpy pickled, without numpy's own unpickling: the same values as tensors."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

from replay.checkpoints.safety.numpy_arrays import Array, ArrayType, array_tensor
from replay.checkpoints.safety.unpickler import unpickle
from replay.errors import CorruptCheckpoint

DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
ARRAYS = {
    "scalar": np.array(7),
    "vector": np.arange(5),
    "matrix": np.arange(6).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(24).reshape(2, 3, 4)),
    "transposed": np.arange(6).reshape(2, 3).T,
    "every second": np.arange(10)[::2],
    "backwards": np.arange(5)[::-1],
}


def read(value: object, protocol: int = 2) -> torch.Tensor | None:
    def no_storage(key: str, dtype: torch.dtype, elements: int) -> torch.UntypedStorage:
        raise AssertionError("an array has no storage of torch")

    return array_tensor(unpickle(pickle.dumps(value, protocol), "file", no_storage))


def assert_same(found: torch.Tensor | None, array: np.ndarray[Any, Any]) -> None:
    assert found is not None
    expected = torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
    assert (found.dtype, found.shape) == (expected.dtype, array.shape)
    assert found.is_contiguous()
    assert torch.equal(found, expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_every_dtype_that_torch_has(dtype: str, order: str) -> None:
    array = np.array([[0, 1, 100], [3, 2, 77]]).astype(np.dtype(dtype).newbyteorder(order))
    for protocol in (2, 5):
        assert_same(read(array, protocol), array)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("layout", ARRAYS)
def test_every_layout_in_every_protocol(layout: str, protocol: int) -> None:
    for dtype in ("f4", ">i8"):
        array = ARRAYS[layout].astype(dtype, order="K")
        assert_same(read(array, protocol), array)


@pytest.mark.parametrize("protocol", range(3, 6))
def test_an_array_may_be_empty(protocol: int) -> None:
    assert_same(read(np.empty((0, 3)), protocol), np.empty((0, 3)))


def test_numbers_that_are_not_finite_are_kept() -> None:
    found = read(np.array([np.nan, np.inf, -np.inf, -0.0], dtype="f4"))
    assert found is not None
    np.testing.assert_array_equal(found.numpy(), np.array([np.nan, np.inf, -np.inf, -0.0], dtype="f4"))
    assert torch.signbit(found)[3]


def test_a_tensor_may_be_written_to() -> None:
    data = pickle.dumps(np.zeros(3, dtype="f4"), 5)
    found = read(np.zeros(3, dtype="f4"), 5)
    assert found is not None
    assert found.add_(1).tolist() == [1.0, 1.0, 1.0]
    assert pickle.loads(data).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.array(["ab", "c"]),
        np.array([b"ab"]),
        np.array(["2026-01-02"], dtype="M8[D]"),
        np.array([3], dtype="m8[s]"),
        np.zeros(2, dtype=[("a", "f4"), ("b", "i8")]),
        np.ones(2, dtype=np.longdouble),
        np.ones(2, dtype=np.clongdouble),
    ],
    ids=lambda array: str(array.dtype),
)
def test_what_no_tensor_can_hold_is_no_tensor(array: np.ndarray[Any, Any], protocol: int) -> None:
    assert read(array, protocol) is None


def test_only_arrays_are_tensors() -> None:
    assert [array_tensor(value) for value in (None, [1.0], {"a": 1}, torch.ones(1), np.ones(1))] == [None] * 5
    assert array_tensor(Array()) is None


class Altered:
    """Pickles as an array whose parts do not fit together."""

    def __init__(self, shape: object, data: object, dtype: object = np.dtype("f4")) -> None:
        self.state = (1, shape, dtype, False, data)

    def __reduce__(self) -> Any:
        make, arguments, _ = np.empty(0).__reduce__()  # type: ignore[misc]
        return make, arguments, self.state


@pytest.mark.parametrize(
    ("shape", "data"),
    [((3,), b"1234"), ((1,), b"12345"), ((2, 2), b"x" * 12), (("a",), b"1234"), ((1,) * 70, b"1234")],
)
def test_an_array_of_another_size_than_its_bytes_is_corrupt(shape: object, data: bytes) -> None:
    with pytest.raises(CorruptCheckpoint, match="file: the pickle does not fit together"):
        read(Altered(shape, data))


@pytest.mark.parametrize("altered", [Altered(3, b"x" * 12), Altered((3,), "text"), Altered((3,), b"x" * 12, "f4")])
def test_parts_of_another_type_are_no_tensor(altered: Altered) -> None:
    assert read(altered) is None


@pytest.mark.parametrize(("order", "expected"), [("<", "<f4"), ("|", "<f4"), ("=", "<f4"), (">", ">f4")])
def test_the_byte_order_is_that_of_the_state(order: str, expected: str) -> None:
    dtype = ArrayType("f4", False, True)
    dtype.__setstate__((3, order, None, None, None, -1, -1, 0))
    assert dtype.numpy() == np.dtype(expected)
    assert ArrayType("f4").numpy() == np.dtype("<f4")


@pytest.mark.parametrize("code", ["O8", "V4", "f16", "f3", "i16", "c4", "b2", "f4,f4", "", None, 4])
def test_another_code_is_no_dtype(code: object) -> None:
    assert ArrayType(code).numpy() is None
