from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from replay.features.codecs.buffers import as_logged, fixed_width_values, null_mask, plain, plain_type, take


@pytest.mark.parametrize("start", range(0, 20, 3))
@pytest.mark.parametrize(
    "kind", [pa.bool_(), pa.int8(), pa.float64(), pa.string(), pa.list_(pa.int8()), pa.list_(pa.int8(), 2)]
)
def test_null_mask_of_a_slice(kind: pa.DataType, start: int) -> None:
    value = {pa.string(): "x", pa.bool_(): True}.get(kind, [1, 2] if pa.types.is_nested(kind) else 1)
    array = pa.array([value if row % 3 else None for row in range(30)], kind).slice(start, 10)
    mask = null_mask(array)
    assert mask is not None
    assert mask.tolist() == [row % 3 == 0 for row in range(start, start + 10)]
    assert null_mask(array.filter(array.is_valid())) is None


@pytest.mark.parametrize("start", [0, 1, 8, 13])
def test_values_of_a_slice(start: int) -> None:
    bools = [row % 3 == 0 for row in range(30)]
    assert fixed_width_values(pa.array(bools).slice(start, 9), np.dtype(bool)).tolist() == bools[start : start + 9]
    halves = pa.array(np.arange(30, dtype=np.float16)).slice(start, 9)
    assert fixed_width_values(halves, np.dtype(np.float16)).tolist() == list(range(start, start + 9))


def test_values_are_not_copied() -> None:
    array = pa.array([1, 2, 3])
    assert fixed_width_values(array, np.dtype(np.int64)).ctypes.data == array.buffers()[1].address


def test_a_column_as_it_is_logged() -> None:
    text = pa.array(["a", None, "a"])
    assert as_logged(text, pa.string()) is text
    assert as_logged(text.dictionary_encode(), pa.string()) == text
    assert as_logged(text.dictionary_encode(), text.dictionary_encode().type) == text.dictionary_encode()


def test_plain_of_what_stands_for_other_values() -> None:
    dictionary = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2]), pa.array(["a", None, "b"]))
    assert plain(dictionary).to_pylist() == ["a", None, None, "b"]
    assert plain(dictionary.slice(1, 2)).to_pylist() == [None, None]
    runs = pc.run_end_encode(pa.array([1, 1, None, 2]))
    assert plain(runs.slice(1)).to_pylist() == [1, None, 2]
    tensors = pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), (2,)), pa.array([[1, 2]], pa.list_(pa.float32(), 2))
    )
    assert plain(tensors).type == plain_type(tensors.type) == pa.list_(pa.float32(), 2)
    views = pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["a", "b"], pa.string_view()))
    assert plain(views).to_pylist() == ["b", "a"]


def test_take_from_a_view() -> None:
    assert take(pa.array(["a", None, "c"], pa.string_view()), pa.array([2, 1, None])).to_pylist() == ["c", None, None]
