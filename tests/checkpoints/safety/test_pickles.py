"""The walk: every global is seen, nothing runs, and no pickle can exhaust it."""

from __future__ import annotations

import collections
import contextlib
import datetime
import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.checkpoints.safety.allowlist import Policy, normalized
from replay.checkpoints.safety.pickles import walk_pickle, whole_walk
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


def test_a_pickle_that_must_fill_its_data_has_nothing_behind_it() -> None:
    data = pickle.dumps({"a": 1})
    assert whole_walk(data, "test").end == len(data)
    with pytest.raises(UnsafeCheckpoint, match="test: 2 bytes follow the end of the pickle"):
        whole_walk(data + b"N.", "test")


def test_a_pickle_in_the_middle_of_its_data_is_walked_alone() -> None:
    first, second = pickle.dumps(datetime.date(2026, 1, 2)), pickle.dumps(collections.Counter("ab"))
    walk = walk_pickle(first + second + b"rest", "test", len(first))
    assert walk.globals == ("collections.Counter",)
    assert walk.end == len(first + second)


def test_what_would_have_run_before_the_damage_is_named_first() -> None:
    with pytest.raises(UnsafeCheckpoint, match=r"names posix\.system \(byte 16\)"):
        walk_pickle(b"\x80\x02cposix\nsystem\n\xff", "test")
