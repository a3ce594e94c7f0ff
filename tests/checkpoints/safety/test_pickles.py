"""The walk: every global is seen, nothing runs, and no pickle can exhaust it."""

from __future__ import annotations

import collections
import contextlib
import datetime
import io
import os
import pickle
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.checkpoints.safety import pickles, walker
from replay.checkpoints.safety.allowlist import Policy, normalized
from replay.checkpoints.safety.pickles import walk_pickle
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import Touch


def globals_of(data: bytes) -> tuple[str, ...]:
    return walk_pickle(data, "test").globals


@pytest.mark.parametrize("protocol", range(6))
def test_the_global_of_a_call_is_seen_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps(Touch(tmp_path / "canary"), protocol=protocol)
    walk = walk_pickle(data, "test")
    assert walk.globals == (f"{os.system.__module__}.system",)
    assert walk.end == len(data)
    with pytest.raises(UnsafeCheckpoint, match=r"test: the pickle .*posix\.system.*Nothing of it was run"):
        walk.check(Policy.WEIGHTS, "test")


def test_the_payload_of_these_tests_is_real(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(Touch(canary)))
    assert canary.exists()


class Recording(pickle.Unpickler):
    """Python's own unpickler, which says what it imports."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.seen: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.seen.add(".".join(normalized(module, name)))
        return super().find_class(module, name)


@pytest.mark.parametrize("protocol", range(6))
def test_globals_are_those_that_pythons_unpickler_imports(protocol: int) -> None:
    value = [
        collections.OrderedDict(a=1),
        datetime.date(2026, 1, 2),
        collections.Counter("ab"),
        {1, 2},
        b"bytes",
        2**70,
    ]
    data = pickle.dumps(value, protocol=protocol)
    oracle = Recording(data)
    oracle.load()
    assert set(globals_of(data)) == oracle.seen
    assert {"collections.OrderedDict", "collections.Counter", "datetime.date"} <= oracle.seen


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.frozensets(st.integers())
    ),
    max_leaves=20,
)


@given(value=plain, protocol=st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_plain_data_is_walked_to_its_end(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol=protocol)
    walk = walk_pickle(data + b"rest", "test")
    assert walk.end == len(data)
    assert walk.objections(Policy.WEIGHTS) == ()


@given(data=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_walked_or_refused(data: bytes) -> None:
    with contextlib.suppress(CheckpointError):
        assert walk_pickle(data, "test").end <= len(data)


@given(cut=st.integers(0, 10_000), flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3))
@settings(max_examples=200, deadline=None)
def test_damaged_pickles_are_walked_or_refused(cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(pickle.dumps({"a": [1, 2.5, "x"], "b": collections.OrderedDict(c=(1, 2))}, protocol=4))
    for place, byte in flips:
        data[place % len(data)] = byte
    with contextlib.suppress(CheckpointError):
        assert walk_pickle(bytes(data[: cut % (len(data) + 1)]), "test").end <= len(data)


def test_a_name_put_together_on_the_stack_is_seen() -> None:
    data = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x02id\x85R."
    assert globals_of(data) == ("os.system",)


def test_a_name_fetched_from_the_memo_is_seen() -> None:
    data = b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94\x30\x30h\x01h\x00\x93."
    assert globals_of(data) == ("os.system",)


def test_a_name_in_an_old_style_string_is_seen() -> None:
    assert globals_of(b"\x80\x04S'o\\x73'\nS\"system\"\n\x93.") == ("os.system",)


def test_a_name_of_python_2_is_seen_as_todays() -> None:
    assert globals_of(b"c__builtin__\neval\n.") == ("builtins.eval",)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x80\x04\x8c\x02os\x94]\x93.", "computes the name of a global"),
        (b"\x80\x02c__builtin__\nstr\n)Rc__builtin__\nstr\n)R\x93.", "computes the name of a global"),
        (b"\x80\x02cmy_team\nf\n)R)R.", "calls something that it computed"),
        (b"\x80\x02\x82\x01.", "extension registry"),
        (b"\x80\x02cmy_team\nConfig\n}b.", "changes my_team.Config itself"),
        (b"\x80\x02c__builtin__\ngetattr\n]X\x01\x00\x00\x00a\x86R.", "fetches an attribute of something"),
        (b"\x80\x02ccopyreg\n_reconstructor\n)R.", "make something that it computed"),
    ],
)
def test_what_only_hostile_pickles_do_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match=what):
        walk_pickle(data, "test").check(Policy.WEIGHTS, "test")


def test_instances_of_protocol_0_are_calls(tmp_path: Path) -> None:
    data = b"(S'id'\nisubprocess\nPopen\n."
    with pytest.raises(UnsafeCheckpoint, match=r"subprocess\.Popen"):
        walk_pickle(data, "test").check(Policy.WEIGHTS, "test")
    assert walk_pickle(b"(cmy_team\nrun\no.", "test").uses[-1].use == "calls"


def test_an_enum_is_data_and_a_chain_of_attributes_is_not() -> None:
    fine = b"\x80\x02c__builtin__\ngetattr\ncmy_team\nColor\nX\x03\x00\x00\x00RED\x86R."
    assert walk_pickle(fine, "test").objections(Policy.WEIGHTS) == ()
    internals = fine.replace(b"X\x03\x00\x00\x00RED", b"X\x0b\x00\x00\x00__globals__")
    with pytest.raises(UnsafeCheckpoint, match="Python's internals"):
        walk_pickle(internals, "test").check(Policy.WEIGHTS, "test")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02N",
        b"\x80\x09N.",
        b"\x80\x02\xff.",
        b"\x80\x02h\x05.",
        b"\x80\x02t.",
        b"\x80\x02R.",
        b"\x80\x02.",
        b"\x80\x02X\xff\xff\xff\x7fab.",
        b"\x80\x02T\xff\xff\xff\xffab.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
        b"\x80\x05\x97.",
        b"cos\nsystem",
        b"I" + b"9" * 5000 + b"\n.",
        b"\x80\x02(0((\x86.",
    ],
)
def test_what_is_no_pickle_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptCheckpoint, match="test: not a well-formed pickle"):
        walk_pickle(data, "test")


def test_nested_tuples_that_double_are_refused_at_once() -> None:
    data = b"\x80\x02)" + b"\x32\x86" * 200 + b"."
    begin = time.monotonic()
    with pytest.raises(UnsafeCheckpoint, match="memory bomb"):
        walk_pickle(data, "test")
    assert time.monotonic() - begin < 1


def test_a_far_place_in_the_memo_is_refused() -> None:
    with pytest.raises(UnsafeCheckpoint, match="memo is filled at place 4,000,000,000"):
        walk_pickle(b"\x80\x02Nr" + struct.pack("<I", 4_000_000_000) + b".", "test")


def test_too_many_opcodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "MAX_OPCODES", 100)
    with pytest.raises(UnsafeCheckpoint, match="more than 100 opcodes"):
        walk_pickle(b"\x80\x02" + b"N0" * 100 + b"N.", "test")


def test_storages_of_torch_are_listed() -> None:
    data = b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK\x02tQ."
    assert walk_pickle(data, "test").storages == (pickles.StorageId("torch.FloatStorage", "7"),)


def test_the_root_is_what_makes_the_outermost_object() -> None:
    assert walk_pickle(pickle.dumps(collections.OrderedDict(a=1)), "test").root == "collections.OrderedDict"
    assert walk_pickle(pickle.dumps({"a": collections.OrderedDict()}), "test").root is None
