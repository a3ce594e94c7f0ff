"""Which casts are proven, and which can fail; that their bits are Spark's is in ``test_evaluate.py``."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.casts import KERNELS
from replay.traffic.computed.kernel import NoValue


def cast(source: str, target: str, mode: str = "ansi") -> ExpressionNode:
    return ExpressionNode("Cast", "cast", target, (ExpressionNode("AttributeReference", "x", source),), mode=mode)


@pytest.mark.parametrize(
    ("source", "target", "mode", "proven", "may_fail"),
    [
        ("int", "bigint", "ansi", True, False),
        ("bigint", "double", "ansi", True, False),
        ("double", "float", "ansi", True, False),
        ("bigint", "int", "ansi", True, True),
        ("bigint", "int", "try", False, False),
        ("bigint", "int", "legacy", False, False),
        ("double", "bigint", "ansi", True, True),
        ("double", "smallint", "ansi", False, False),
        ("string", "double", "ansi", True, True),
        ("string", "double", "try", True, False),
        ("string", "double", "legacy", False, False),
        ("string", "float", "ansi", False, False),
        ("bigint", "string", "ansi", True, False),
        ("double", "string", "ansi", False, False),
        ("decimal(10,2)", "double", "ansi", False, False),
        ("string", "timestamp", "ansi", False, False),
    ],
)
def test_what_is_proven(source: str, target: str, mode: str, proven: bool, may_fail: bool) -> None:
    given = cast(source, target, mode)
    assert KERNELS["Cast"].proven(given) is proven
    assert not proven or KERNELS["Cast"].may_fail(given) is may_fail


@pytest.mark.parametrize(
    ("given", "values", "message"),
    [
        (cast("string", "double"), pa.array(["1", "N/A", None]), "'N/A' is no double"),
        (cast("bigint", "int"), pa.array([1, 2**31]), "a value of bigint is more than int holds"),
        (cast("double", "bigint"), pa.array([1.0, None, float("nan")]), "nan is more than bigint holds"),
        (cast("double", "int"), pa.array([2147483647.9, 2147483648.0]), "2147483648.0 is more than int holds"),
    ],
    ids=["text", "long", "NaN", "double"],
)
def test_what_has_no_value(given: ExpressionNode, values: pa.Array, message: str) -> None:
    with pytest.raises(NoValue, match=message):
        KERNELS["Cast"].apply(given, [values])


def test_the_ends_of_whole_numbers() -> None:
    # As Java's (long) and (int), within the bounds that Spark checks.
    longs = KERNELS["Cast"].apply(cast("double", "bigint"), [pa.array([2.0**63, -(2.0**63), -0.9, None])])
    assert longs.to_pylist() == [2**63 - 1, -(2**63), 0, None]
    ints = KERNELS["Cast"].apply(cast("double", "int"), [pa.array([2147483647.9, -2147483648.9])])
    assert ints.to_pylist() == [2**31 - 1, -(2**31)]
