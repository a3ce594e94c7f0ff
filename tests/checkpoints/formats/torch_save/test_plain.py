from __future__ import annotations

import io
import pickle
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import torch

from replay.checkpoints.formats.torch_save.file import no_storage
from replay.checkpoints.formats.torch_save.plain import NotPlainError, plain_data
from replay.checkpoints.safety.unpickler import unpickle


def read(value: object, protocol: int = 4) -> Any:
    return plain_data(unpickle(pickle.dumps(value, protocol), "x", no_storage))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        1j,
        "a",
        b"b",
        bytearray(b"c"),
        [1, [2]],
        (1,),
        {"a": {1: {2, 3}}},
        frozenset({1}),
        torch.int8,
    ],
    ids=repr,
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_plain_data_comes_back_as_it_was(value: object, protocol: int) -> None:
    found = read(value, protocol)
    assert found == value
    assert type(found) is type(value)


def test_arrays_come_back_as_arrays() -> None:
    found = read({"a": np.arange(3, dtype=np.int16)})["a"]
    assert found.dtype == np.int16
    assert found.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "value", [timedelta(1), [io.BytesIO(b"x")], {"a": np.float32(1)}], ids=["class", "list", "scalar"]
)
def test_objects_of_other_classes_are_named(value: object) -> None:
    with pytest.raises(NotPlainError):
        read(value)


def test_lists_that_hold_themselves_end() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(NotPlainError):
        plain_data(loop)
    wide: list[object] = []
    for _ in range(30):
        wide = [wide, wide]
    with pytest.raises(NotPlainError):
        plain_data(wide)
