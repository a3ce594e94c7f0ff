"""Which logged columns a computed one takes, and in which order columns come to be."""

from __future__ import annotations

import pyarrow as pa

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.column import ComputedColumn, needed_for, nodes, renamed, with_computed

LOGGED = ["a", "b", "ts"]


def column(name: str, *reads: str) -> ComputedColumn:
    return ComputedColumn(name, "", pa.float64(), reads, f"traffic.columns.{name}", None, None)


COMPUTED = [column("x", "a"), column("y", "x", "b"), column("day", "ts"), column("ts", "ts")]


def names(wanted: list[str]) -> tuple[tuple[str, ...], list[str]]:
    found = needed_for(wanted, LOGGED, COMPUTED)
    return found.logged, [each.name for each in found.computed]


def test_a_logged_column_takes_itself() -> None:
    assert names(["b"]) == (("b",), [])


def test_a_column_takes_those_before_it() -> None:
    assert names(["y"]) == (("a", "b"), ["x", "y"])


def test_an_event_time_takes_the_logged_column_of_its_name() -> None:
    assert names(["ts"]) == (("ts",), ["ts"])
    assert names(["day"]) == (("ts",), ["day"])
    assert names(["day", "ts"]) == (("ts",), ["day", "ts"])


def test_new_columns_stand_last_and_an_event_time_in_its_place() -> None:
    schema = pa.schema([("a", pa.int64()), ("ts", pa.string()), ("b", pa.int64())])
    found = with_computed(schema, [column("x", "a"), column("ts", "ts")])
    assert found == pa.schema([("a", pa.int64()), ("ts", pa.float64()), ("b", pa.int64()), ("x", pa.float64())])


def test_names_are_the_tables_own() -> None:
    tree = ExpressionNode("Not", "not", "boolean", (ExpressionNode("AttributeReference", "PRICE", "boolean"),))
    assert [node.name for node in nodes(renamed(tree, ["price", "a"]))] == ["not", "price"]
    both = ExpressionNode("AttributeReference", "Price", "boolean")
    assert renamed(both, ["price", "Price"]).name == "Price"
