"""The unpickler that imports nothing, by itself: most of it is tested through files."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
import torch

from replay.checkpoints.safety.placeholders import Placeholder
from replay.checkpoints.safety.unpickler import CONSTRUCTORS, storage_dtype, unpickle, unpickle_script
from replay.errors import CorruptCheckpoint

ENUM = b"\x80\x02c__torch__\nColor\nK\x01R."
"""``Color(1)`` as TorchScript writes it: its argument is in no tuple."""


def no_storage(key: str, dtype: torch.dtype, elements: int) -> torch.UntypedStorage:
    raise AssertionError(f"asked for storage {key} of {elements} {dtype}")


def test_python_keeps_an_unpickler_in_python() -> None:
    table = getattr(getattr(pickle, "_Unpickler", None), "dispatch", None)
    assert table is not None, "this Python has no pickle._Unpickler: an Enum of TorchScript cannot be read"
    assert callable(table[pickle.REDUCE[0]])


def test_an_enum_of_torchscript_is_read_by_the_one_in_python() -> None:
    with pytest.raises(CorruptCheckpoint, match="does not fit together"):
        unpickle(ENUM, "file", no_storage)
    member = unpickle_script(ENUM, "file", no_storage)
    assert isinstance(member, Placeholder)
    assert member.origin == "__torch__.Color"


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_are_themselves(protocol: int) -> None:
    value = {"a": [1, 2.5, None, "text"], "b": (True, {"c"}), "d": OrderedDict(e=b"bytes")}
    assert unpickle(pickle.dumps(value, protocol), "file", no_storage) == value


def test_anything_else_is_a_placeholder() -> None:
    value = unpickle(b"\x80\x02cposix\nsystem\nU\x02idq\x00\x85R.", "file", no_storage)
    assert isinstance(value, Placeholder)
    assert value.origin == "posix.system"


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_storages_have_the_dtypes_that_torch_gives_them() -> None:
    typed = {name: each for name, each in CONSTRUCTORS.items() if name.endswith("Storage") and "Untyped" not in name}
    compared = 0
    for name, each in typed.items():
        own = getattr(getattr(torch, name.removeprefix("torch."), None), "dtype", None)
        if isinstance(own, torch.dtype) and not name.startswith("torch.Q"):
            assert each.dtype is own is storage_dtype(name), f"torch has another dtype for {name}"
            compared += 1
    assert compared == 12
