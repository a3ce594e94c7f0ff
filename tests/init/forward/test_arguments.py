from __future__ import annotations

from replay.init.forward import Argument


def test_what_a_shape_says():
    assert (Argument("x").rank, Argument("x").width) == (None, None)
    assert (Argument("x", shape=("b",)).rank, Argument("x", shape=("b",)).width) == (1, None)
    assert Argument("x", shape=("b", 3)).width == 3
    assert Argument("x", shape=("b", "length")).width is None


def test_the_smallest_table_and_the_kind():
    assert Argument("x", "int64", tables=(9, None, 4)).table == 4
    assert Argument("x", tables=(None,)).table is None
    assert Argument("x").is_float
    assert not Argument("x", "int32").is_float
