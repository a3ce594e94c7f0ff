"""The state of a walk: what it reads, keeps and notes, and where its bounds are."""

from __future__ import annotations

import collections
import pickle
import struct
import time

import pytest

from replay.checkpoints.safety import budgets, walker
from replay.checkpoints.safety.allowlist import Policy, Use
from replay.checkpoints.safety.opcodes import STEPS
from replay.checkpoints.safety.pickles import walk_pickle
from replay.checkpoints.safety.walker import (
    MARK,
    OPAQUE,
    Global,
    GlobalUse,
    Made,
    MalformedError,
    PickleWalk,
    StorageId,
    Tuple,
    Walker,
)
from replay.errors import UnsafeCheckpoint

FLOATS = Global("torch", "FloatStorage")


def walk(data: bytes) -> PickleWalk:
    return Walker(data, 0).walk(STEPS)


def made_tuple(*items: object) -> Tuple:
    """The tuple that a walker makes of them."""
    state = Walker(b"", 0)
    state.make_tuple(items)
    (made,) = state.stack
    assert isinstance(made, Tuple)
    return made


def test_globals_come_with_what_is_done_to_them_first() -> None:
    found = walk(b"\x80\x02cmy_team\nConfig\n)\x81}b0cmy_team\nConfig\n)\x81.")
    assert found.uses == (
        GlobalUse("my_team", "Config", Use.NAMED, 18),
        GlobalUse("my_team", "Config", Use.MADE, 20),
    )
    assert found.globals == ("my_team.Config",)
    assert (found.hostile, found.storages, found.root, found.end) == ((), (), "my_team.Config", 42)


def test_numbers_are_those_of_struct() -> None:
    state = Walker(struct.pack("<BHiQ", 200, 40_000, -7, 1 << 40), 0)
    assert [state.number(layout) for layout in ("<B", "<H", "<i", "<Q")] == [200, 40_000, -7, 1 << 40]
    with pytest.raises(MalformedError, match=r"^a value claims 1 bytes, more than there are$"):
        state.number("<B")


@pytest.mark.parametrize("count", [4, -1])
def test_bytes_are_taken_and_passed_within_the_data(count: int) -> None:
    state = Walker(memoryview(b"abcde"), 1)
    assert (state.take(1), state.position) == (b"b", 2)
    for read in (state.take, state.skip):
        with pytest.raises(MalformedError, match=f"^a value claims {count} bytes, more than there are$"):
            read(count)
    state.skip(3)
    assert (state.position, state.take(0)) == (5, b"")


@pytest.mark.parametrize("length", [0, 1, 127, 128, 5000])
def test_a_line_ends_where_it_ends(length: int) -> None:
    state = Walker(b"-" + b"x" * length + b"\nrest\n", 1)
    assert (state.line(), state.line()) == (b"x" * length, b"rest")
    assert state.position == len(state.data)


@pytest.mark.parametrize("data", [b"", b"abc", b"x" * (1 << 20) + b"\n"])
def test_a_line_without_an_end_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^a line has no end$"):
        Walker(data, 0).line()


def test_the_stack_is_taken_down_to_the_topmost_mark() -> None:
    state = Walker(b"", 0, stack=["a", MARK, "b", MARK, "c", "d"])
    assert state.pop_to_mark() == ["c", "d"]
    assert state.pop_to_mark() == ["b"]
    assert state.stack == ["a"]
    with pytest.raises(MalformedError, match=r"^a mark is missing$"):
        state.pop_to_mark()


def test_a_mark_is_no_value() -> None:
    state = Walker(b"", 0, stack=[MARK, "a"])
    assert state.pop() == "a"
    with pytest.raises(MalformedError, match=r"^a mark stands where a value is needed$"):
        state.pop()
    with pytest.raises(MalformedError, match=r"^a mark stands where a value is needed$"):
        made_tuple("a", MARK)


def test_the_memo_keeps_the_value_itself() -> None:
    state = Walker(b"", 0, stack=["a", FLOATS], opcodes=1)
    state.remember(1)
    assert state.memo == {1: FLOATS}
    assert state.stack == ["a", FLOATS]
    with pytest.raises(UnsafeCheckpoint, match=r"^the memo is filled at place 2 after 1 opcodes \(a memory bomb\)$"):
        state.remember(2)


def test_a_tuple_weighs_all_that_is_nested_in_it() -> None:
    pair = made_tuple("a", OPAQUE)
    assert (pair.items, pair.weight, pair.depth) == (("a", OPAQUE), 3, 1)
    nested = made_tuple(pair, pair, "b")
    assert (nested.items, nested.weight, nested.depth) == ((pair, pair, "b"), 1 + 3 + 3 + 1, 2)
    assert (made_tuple().weight, made_tuple(nested).depth) == (1, 3)
    assert (made_tuple(*"abcdefgh").items, made_tuple(*"abcdefghi").items) == (tuple("abcdefgh"), ())
    assert made_tuple(*"abcdefghi").weight == 10


def test_tuples_are_bounded_in_depth_and_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "MAX_TUPLE_DEPTH", 2)
    monkeypatch.setattr(walker, "MAX_TUPLE_WEIGHT", 6)
    inner = made_tuple(made_tuple("a"))
    with pytest.raises(UnsafeCheckpoint, match=r"^tuples are nested deeper than 2 \(a crash on purpose\)$"):
        made_tuple(inner)
    assert made_tuple(*"abcde").weight == 6
    with pytest.raises(UnsafeCheckpoint, match=r"^tuples are nested to more than 6 elements \(a memory bomb\)$"):
        made_tuple(*"abcdef")


def test_deep_tuples_of_python_are_walked() -> None:
    """Python's own pickler and hash stand as much."""
    value: tuple[object, ...] = ()
    for _ in range(walker.MAX_TUPLE_DEPTH - 1):
        value = (value,)
    assert walk(pickle.dumps(value, 2)).root is None
    with pytest.raises(UnsafeCheckpoint, match="nested deeper than 500"):
        walk(b"\x80\x02)" + b"\x85" * walker.MAX_TUPLE_DEPTH + b".")


def test_a_global_has_a_name_of_today() -> None:
    state = Walker(b"", 0)
    state.push_global("numpy._core.multiarray", "scalar")
    (pushed,) = state.stack
    assert (pushed.module, pushed.name) == ("numpy.core.multiarray", "scalar")
    assert [str(use) for use in state.uses.values()] == ["numpy.core.multiarray.scalar"]


def test_a_name_that_is_no_text_is_hostile_and_one_too_long_is_malformed() -> None:
    state = Walker(b"", 7)
    state.push_global("os", OPAQUE)
    assert state.stack == [OPAQUE]
    assert list(state.hostile) == ["computes the name of a global (byte 7)"]
    with pytest.raises(MalformedError, match=r"^a global's name has 1025 characters$"):
        state.push_global("m" * 1024, "n")


def test_what_a_call_gives_is_of_its_maker() -> None:
    state = Walker(b"", 7)
    state.call(FLOATS, Tuple((), 1))
    (made,) = state.stack
    assert made.maker is FLOATS
    assert [use.use for use in state.uses.values()] == [Use.CALLED]
    state.call(made, Tuple((), 1))
    assert state.stack[-1].maker is None
    assert list(state.hostile) == ["calls something that it computed (byte 7)"]


def test_copyreg_makes_an_instance_of_its_argument() -> None:
    state = Walker(b"", 0)
    state.call(Global("copyreg", "_reconstructor"), made_tuple(Global("my_team", "Config"), OPAQUE, OPAQUE))
    assert [(str(use), use.use) for use in state.uses.values()] == [
        ("my_team.Config", Use.MADE),
        ("copyreg._reconstructor", Use.CALLED),
    ]


@pytest.mark.parametrize("owner", [Global("my_team", "Color"), Made(Global("my_team", "Color"))])
def test_an_attribute_is_named_with_its_owner(owner: object) -> None:
    state = Walker(b"", 0)
    state.call(Global("builtins", "getattr"), made_tuple(owner, "RED"))
    assert "my_team.Color.RED" in [str(use) for use in state.uses.values()]
    assert not state.hostile


def test_a_persistent_id_is_a_storage_a_class_or_opaque() -> None:
    state = Walker(b"", 0)
    for location in ("cpu", "cuda:0"):
        state.persistent(made_tuple("storage", FLOATS, "0", location, OPAQUE))
    state.persistent(made_tuple("module", FLOATS, OPAQUE, OPAQUE))
    state.persistent("text")
    state.persistent(made_tuple("storage", FLOATS, OPAQUE))
    assert list(state.storages) == [StorageId("torch.FloatStorage", "0")]
    assert [value if isinstance(value, Global) else value.maker for value in state.stack] == [
        None,
        None,
        FLOATS,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "the data ends before the pickle does"),
        (b"N", "the data ends before the pickle does"),
        (b"N\xff.", "byte 0xff is no opcode"),
        (b"(.", "a mark stands where a value is needed"),
    ],
)
def test_what_is_no_pickle_says_why(data: bytes, text: str) -> None:
    with pytest.raises(MalformedError, match=f"^{text}$"):
        walk(data)


def test_three_objections_are_named_and_the_others_counted() -> None:
    data = b"\x80\x02" + b"".join(b"cos\n" + name + b"\n0" for name in (b"a", b"b", b"c", b"d", b"e")) + b"N."
    found = walk(data)
    assert len(found.objections(Policy.WEIGHTS)) == 5
    with pytest.raises(UnsafeCheckpoint) as caught:
        found.check(Policy.WEIGHTS, "model.pt")
    said = str(caught.value)
    assert said.startswith("model.pt: the pickle names os.a (byte 8): os can start processes")
    assert [name in said for name in ("os.a", "os.b", "os.c", "os.d", "os.e")] == [True, True, True, False, False]
    assert "; and 2 more. Nothing of it was run" in said
    walk(b"N.").check(Policy.WEIGHTS, "model.pt")


def test_a_name_of_python_2_is_seen_as_todays() -> None:
    assert walk_pickle(b"c__builtin__\neval\n.", "test").globals == ("builtins.eval",)


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


def test_an_enum_is_data_and_a_chain_of_attributes_is_not() -> None:
    fine = b"\x80\x02c__builtin__\ngetattr\ncmy_team\nColor\nX\x03\x00\x00\x00RED\x86R."
    assert walk_pickle(fine, "test").objections(Policy.WEIGHTS) == ()
    internals = fine.replace(b"X\x03\x00\x00\x00RED", b"X\x0b\x00\x00\x00__globals__")
    with pytest.raises(UnsafeCheckpoint, match="Python's internals"):
        walk_pickle(internals, "test").check(Policy.WEIGHTS, "test")


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
    monkeypatch.setattr(budgets, "MAX_OPCODES", 100)
    with pytest.raises(UnsafeCheckpoint, match="more than 100 opcodes"):
        walk_pickle(b"\x80\x02" + b"N0" * 100 + b"N.", "test")


def test_storages_of_torch_are_listed() -> None:
    data = b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK\x02tQ."
    assert walk_pickle(data, "test").storages == (StorageId("torch.FloatStorage", "7"),)


def test_the_root_is_what_makes_the_outermost_object() -> None:
    assert walk_pickle(pickle.dumps(collections.OrderedDict(a=1)), "test").root == "collections.OrderedDict"
    assert walk_pickle(pickle.dumps({"a": collections.OrderedDict()}), "test").root is None
