from __future__ import annotations

import pyarrow as pa
import pytest

from replay.init.leaves import Leaf, leaves


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        (pa.float16(), "float"),
        (pa.decimal128(10, 2), "float"),
        (pa.uint64(), "int"),
        (pa.bool_(), "bool"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.timestamp("ns"), "time"),
        (pa.date32(), "time"),
        (pa.binary(), "other"),
        (pa.map_(pa.string(), pa.float32()), "other"),
    ],
)
def test_kind_of_a_column(data_type, kind):
    assert leaves(pa.schema([("x", data_type)])) == (Leaf("x", kind),)


def test_lists_know_their_elements_and_fixed_ones_their_length():
    schema = pa.schema(
        [("a", pa.list_(pa.int32())), ("b", pa.large_list(pa.string())), ("c", pa.list_(pa.float32(), 64))]
    )

    assert leaves(schema) == (
        Leaf("a", "int", is_list=True),
        Leaf("b", "string", is_list=True),
        Leaf("c", "float", is_list=True, length=64),
    )


def test_structs_are_opened_however_deep():
    device = pa.struct([("os", pa.string()), ("screen", pa.struct([("width", pa.int16())]))])

    assert [leaf.name for leaf in leaves(pa.schema([("context", device), ("x", pa.int8())]))] == [
        "context.os",
        "context.screen.width",
        "x",
    ]
