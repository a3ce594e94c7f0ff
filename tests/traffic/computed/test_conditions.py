"""NaN and null in comparisons and choices, by hand; ``test_evaluate.py`` holds them against Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.conditions import KERNELS

NAN = float("nan")
X = ExpressionNode("AttributeReference", "x", "double")
YES = ExpressionNode("AttributeReference", "y", "boolean")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("EqualTo", [True, False, False, None]),
        ("EqualNullSafe", [True, False, False, False]),
        ("LessThan", [False, True, False, None]),
        ("LessThanOrEqual", [True, True, False, None]),
        ("GreaterThan", [False, False, True, None]),
        ("GreaterThanOrEqual", [True, False, True, None]),
    ],
)
def test_nan_equals_itself_and_is_above_all(kind: str, expected: list[bool | None]) -> None:
    values = [pa.array([NAN, 1.0, NAN, None]), pa.array([NAN, NAN, float("inf"), NAN])]
    assert KERNELS[kind].apply(ExpressionNode(kind, kind, "boolean", (X, X)), values).to_pylist() == expected


def test_a_condition_that_is_null_does_not_hold() -> None:
    values = [pa.array([True, False, None]), pa.scalar(1.0), pa.scalar(2.0)]
    assert KERNELS["If"].apply(ExpressionNode("If", "if", "double", (YES, X, X)), values).to_pylist() == [1, 2, 2]
    case = ExpressionNode("CaseWhen", "case", "double", (YES, X))
    assert KERNELS["CaseWhen"].apply(case, values[:2]).to_pylist() == [1, None, None]


def test_only_what_is_of_one_flat_type_is_compared() -> None:
    lists = ExpressionNode("AttributeReference", "x", "array<double>")
    assert not KERNELS["EqualTo"].proven(ExpressionNode("EqualTo", "=", "boolean", (lists, lists)))
    collated = ExpressionNode("AttributeReference", "x", "string collate UNICODE_CI")
    assert not KERNELS["EqualTo"].proven(ExpressionNode("EqualTo", "=", "boolean", (collated, collated)))
