"""Each opcode, step by step beside Python's own unpickler: the same stack and memo, with abstract values."""

from __future__ import annotations

import importlib
import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from replay.checkpoints.safety.allowlist import Policy
from replay.checkpoints.safety.opcodes import STEPS
from replay.checkpoints.safety.pickles import walk_pickle
from replay.checkpoints.safety.walker import MARK, MAX_NAME, OPAQUE, Global, Made, MalformedError, Tuple, Walker
from replay.errors import UnsafeCheckpoint

ORDERED = b"ccollections\nOrderedDict\n"
HARMLESS = {
    "INT": b"I42\n.",
    "LONG": b"L5L\n.",
    "FLOAT": b"F1.5\n.",
    "BININT": b"J\x01\x00\x00\x00.",
    "BININT1": b"K\x05.",
    "BININT2": b"M\x05\x01.",
    "BINFLOAT": b"G" + struct.pack(">d", 1.5) + b".",
    "LONG1": b"\x8a\x02\x01\x00.",
    "LONG4": b"\x8b\x02\x00\x00\x00\x01\x00.",
    "STRING": b"S'a\\x62'\n.",
    "BINSTRING": b"T\x02\x00\x00\x00ab.",
    "SHORT_BINSTRING": b"U\x02ab.",
    "BINBYTES": b"B\x02\x00\x00\x00ab.",
    "SHORT_BINBYTES": b"C\x02ab.",
    "BINBYTES8": b"\x8e" + struct.pack("<Q", 2) + b"ab.",
    "BYTEARRAY8": b"\x96" + struct.pack("<Q", 2) + b"ab.",
    "NONE": b"N.",
    "NEWTRUE": b"\x88.",
    "NEWFALSE": b"\x89.",
    "UNICODE": b"Va\\u00e9\n.",
    "SHORT_BINUNICODE": b"\x8c\x03a\xc3\xa9.",
    "BINUNICODE": b"X\x02\x00\x00\x00ab.",
    "BINUNICODE8": b"\x8d" + struct.pack("<Q", 2) + b"ab.",
    "EMPTY_LIST": b"].",
    "APPEND": b"]K\x01a.",
    "APPENDS": b"](K\x01K\x02e.",
    "LIST": b"(K\x01K\x02l.",
    "EMPTY_TUPLE": b").",
    "TUPLE": b"(U\x01aK\x01t.",
    "TUPLE1": b"U\x01a\x85.",
    "TUPLE2": b"K\x01U\x01a\x86.",
    "TUPLE3": b"U\x01aK\x01)\x87.",
    "EMPTY_DICT": b"}.",
    "DICT": b"(U\x01aK\x02d.",
    "SETITEM": b"}U\x01aK\x02s.",
    "SETITEMS": b"}(U\x01aK\x02U\x01bK\x03u.",
    "EMPTY_SET": b"\x8f.",
    "ADDITEMS": b"\x8f(K\x01U\x01a\x90.",
    "FROZENSET": b"(K\x01U\x01a\x91.",
    "POP": b"(U\x01aK\x010t.",
    "DUP": b"U\x01a2\x86.",
    "MARK": b"((K\x01tt.",
    "POP_MARK": b"U\x01a(K\x01U\x01b1.",
    "GET": b"U\x01ap1\n0g1\n.",
    "BINGET": b"U\x01aq\x010h\x01.",
    "LONG_BINGET": b"U\x01ar\x01\x00\x00\x000j\x01\x00\x00\x00.",
    "PUT": b"U\x01ap0\n\x85p1\n.",
    "BINPUT": b"U\x01aq\x00\x85q\x01.",
    "LONG_BINPUT": b"U\x01ar\x00\x00\x00\x00.",
    "MEMOIZE": b"U\x01a\x94\x85\x94.",
    "GLOBAL": ORDERED + b".",
    "STACK_GLOBAL": b"\x8c\x0bcollections\x8c\x0bOrderedDict\x93.",
    "REDUCE": ORDERED + b")R.",
    "BUILD": ORDERED + b")R}b.",
    "INST": b"(icollections\nOrderedDict\n.",
    "OBJ": b"(ccollections\nOrderedDict\no.",
    "NEWOBJ": ORDERED + b")\x81.",
    "NEWOBJ_EX": ORDERED + b")}\x92.",
    "PROTO": b"\x80\x04N.",
    "FRAME": b"\x80\x04\x95" + struct.pack("<Q", 5) + b"U\x01a\x94.",
    "PERSID": b"Pa\n.",
    "BINPERSID": b"U\x01aQ.",
    "STOP": b"N.",
}
REFUSED = {
    "EXT1": b"\x82\x01.",
    "EXT2": b"\x83\x01\x00.",
    "EXT4": b"\x84\x01\x00\x00\x00.",
    "NEXT_BUFFER": b"\x97.",
    "READONLY_BUFFER": b"N\x98.",
}
Snapshots = list[tuple[list[Any], dict[int, Any]]]


class Oracle(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """Python's unpickler, in Python: what is on its stack and in its memo after each opcode."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {}

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.snapshots: Snapshots = []

    def persistent_load(self, pid: object) -> object:
        return object()

    def note(self) -> None:
        stack: list[Any] = []
        for part in self.metastack:
            stack += [*part, MARK]
        self.snapshots.append(([*stack, *self.stack], dict(self.memo)))


def _noting(step: Callable[[Any], None]) -> Callable[[Any], None]:
    def noting(unpickler: Oracle) -> None:
        step(unpickler)
        unpickler.note()

    return noting


Oracle.dispatch = {
    code: step if code == pickle.STOP[0] else _noting(step)
    for code, step in pickle._Unpickler.dispatch.items()  # type: ignore[attr-defined]
}


def walked(data: bytes) -> Snapshots:
    """Stack and memo of a walk after each opcode."""
    snapshots: Snapshots = []

    def noting(step: Callable[[Walker], None]) -> Callable[[Walker], None]:
        def note(walker: Walker) -> None:
            step(walker)
            snapshots.append((list(walker.stack), dict(walker.memo)))

        return note

    walk = Walker(data, 0).walk([step and noting(step) for step in STEPS])
    assert walk.end == len(data)
    return snapshots


def stands_for(abstract: Any, value: Any) -> bool:
    """Whether an abstract value is that of a real one: texts, tuples and classes are known, all else is opaque."""
    if isinstance(abstract, Tuple):
        if isinstance(value, frozenset):
            return abstract.weight == 1 + len(value)
        return (
            isinstance(value, tuple)
            and len(value) == len(abstract.items)
            and all(map(stands_for, abstract.items, value))
        )
    if isinstance(abstract, Global):
        return getattr(importlib.import_module(abstract.module), abstract.name) is value
    if isinstance(abstract, Made):
        return abstract.maker is None or type(value).__name__ == abstract.maker.name
    if abstract is OPAQUE:
        return value is not MARK and not isinstance(value, str | tuple | type)
    return abstract is value if value is MARK else bool(abstract == value)


def test_every_opcode_of_python_has_an_example() -> None:
    assert {*HARMLESS, *REFUSED} == {op.name for op in pickletools.opcodes}
    assert all(
        name in {op.name for op, *_ in pickletools.genops(data)} for name, data in {**HARMLESS, **REFUSED}.items()
    )


def test_only_opcodes_have_a_step() -> None:
    codes = {ord(op.code) for op in pickletools.opcodes if op.name != "STOP"}
    assert [code for code, step in enumerate(STEPS) if step is not None] == sorted(codes)


@pytest.mark.parametrize("name", HARMLESS)
def test_stack_and_memo_are_those_of_pythons_unpickler(name: str) -> None:
    data = HARMLESS[name]
    oracle = Oracle(data)
    oracle.load()
    found = walked(data)
    assert len(found) == len(oracle.snapshots)
    for (stack, memo), (real_stack, real_memo) in zip(found, oracle.snapshots, strict=True):
        assert len(stack) == len(real_stack)
        assert all(map(stands_for, stack, real_stack)), f"{stack} for {real_stack}"
        assert memo.keys() == real_memo.keys()
        assert all(stands_for(memo[place], real_memo[place]) for place in memo)


@pytest.mark.parametrize("protocol", range(6))
def test_stack_and_memo_of_a_larger_pickle_are_pythons(protocol: int) -> None:
    value = {"a": [1, 2.5, ("x", ("y", None))], "b": {True, "c"}, "d": (b"bytes", 2**70, frozenset({"e"}), -1)}
    data = pickle.dumps(value, protocol)
    oracle = Oracle(data)
    assert oracle.load() == value
    depths = [(len(stack), len(memo)) for stack, memo in walked(data)]
    assert depths == [(len(stack), len(memo)) for stack, memo in oracle.snapshots]


def test_a_long_text_is_not_kept() -> None:
    for data in (pickle.dumps("x" * (MAX_NAME + 1), protocol) for protocol in range(5)):
        stacks = [stack for stack, _ in walked(data)]
        assert [OPAQUE] in stacks
        assert not any(isinstance(value, str) for stack in stacks for value in stack)
    quoted = b"S'" + b"x" * MAX_NAME + b"'\n."
    assert walked(quoted)[-1][0] == [OPAQUE]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"S'a\n.", "a string is not quoted"),
        (b"Sab\n.", "a string is not quoted"),
        (b"S'\n.", "a string is not quoted"),
        (b"I" + b"1" * 2000 + b"\n.", "a number has more than a thousand digits"),
        (b"\x80\x06N.", "pickle protocol 6 does not exist"),
        (b"\x95" + struct.pack("<Q", 3) + b"N.", "a frame claims 3 bytes, more than there are"),
        (b"\x85.", "the stack is empty where a value is needed"),
        (b"N\x86.", "the stack is empty where a value is needed"),
        (b"((\x86.", "a mark stands where a value is needed"),
        (b"((Ne.", "a mark stands where a value is needed"),
        (b"(Na.", "a mark stands where a value is needed"),
        (b"(o.", "an object has no class"),
        (b"Nt.", "a mark is missing"),
        (b"\x97.", "it needs out-of-band buffers, which a file does not have"),
        (b"N\x98.", "it needs out-of-band buffers, which a file does not have"),
        (b"B\x05\x00\x00\x00ab.", "a value claims 5 bytes, more than there are"),
        (b"\x8b\xff\xff\xff\xffab.", "a value claims -1 bytes, more than there are"),
        (b"X\x05\x00\x00\x00ab.", "a value claims 5 bytes, more than there are"),
    ],
)
def test_what_is_malformed_says_why(data: bytes, text: str) -> None:
    with pytest.raises(MalformedError, match=f"^{text}$"):
        Walker(data, 0).walk(STEPS)


@pytest.mark.parametrize("name", ["EXT1", "EXT2", "EXT4"])
def test_the_extension_registry_is_hostile(name: str) -> None:
    data = REFUSED[name]
    (said,) = Walker(data, 0).walk(STEPS).hostile
    assert said == f"uses code 1 of Python's extension registry (byte {len(data) - 1})"


@pytest.mark.parametrize("change", [b"}b", b"K\x01a", b"(K\x01e", b"U\x01aK\x02s", b"(U\x01aK\x02u", b"(K\x01\x90"])
def test_to_change_a_class_is_hostile_and_to_change_what_it_made_is_not(change: bytes) -> None:
    (said,) = Walker(ORDERED + change + b".", 0).walk(STEPS).hostile
    assert said.startswith("changes collections.OrderedDict itself")
    assert Walker(ORDERED + b")R" + change + b".", 0).walk(STEPS).hostile == ()


@pytest.mark.parametrize(
    ("call", "use"),
    [
        (b")R", "calls"),
        (b"}R", "calls"),
        (b")\x81", "makes an instance of"),
        (b")}\x92", "makes an instance of"),
    ],
)
def test_a_call_is_noted_as_what_it_is(call: bytes, use: str) -> None:
    named, made = Walker(ORDERED + call + b".", 0).walk(STEPS).uses
    assert (str(named), named.use, named.offset) == ("collections.OrderedDict", "names", len(ORDERED))
    assert (str(made), made.use, made.offset) == ("collections.OrderedDict", use, len(ORDERED + call))


def globals_of(data: bytes) -> tuple[str, ...]:
    return walk_pickle(data, "test").globals


def test_a_name_put_together_on_the_stack_is_seen() -> None:
    data = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x02id\x85R."
    assert globals_of(data) == ("os.system",)


def test_a_name_fetched_from_the_memo_is_seen() -> None:
    data = b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94\x30\x30h\x01h\x00\x93."
    assert globals_of(data) == ("os.system",)


def test_a_name_in_an_old_style_string_is_seen() -> None:
    assert globals_of(b"\x80\x04S'o\\x73'\nS\"system\"\n\x93.") == ("os.system",)


def test_instances_of_protocol_0_are_calls() -> None:
    data = b"(S'id'\nisubprocess\nPopen\n."
    with pytest.raises(UnsafeCheckpoint, match=r"subprocess\.Popen"):
        walk_pickle(data, "test").check(Policy.WEIGHTS, "test")
    assert walk_pickle(b"(cmy_team\nrun\no.", "test").uses[-1].use == "calls"
