"""``LIKE`` by Arrow, by hand; `test_evaluate.py` and `read/selecting/test_filters.py` hold it against Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.text_patterns import KERNELS

TEXTS = ["", "a", "ab", "a.c", "a%c", "xa", "a\nc", "😀", None]


def like(pattern: str | None, escape: str = "\\") -> ExpressionNode:
    texts = ExpressionNode("AttributeReference", "s", "string")
    return ExpressionNode(
        "Like", "like", "boolean", (texts, ExpressionNode("Literal", "", "string", (), pattern)), escape
    )


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a%", ["a", "ab", "a.c", "a%c", "a\nc"]),
        ("%a", ["a", "xa"]),
        ("%a%", ["a", "ab", "a.c", "a%c", "xa", "a\nc"]),
        ("a", ["a"]),
        ("", [""]),
        ("a_c", ["a.c", "a%c", "a\nc"]),
        ("a.c", ["a.c"]),
        (r"a\%c", ["a%c"]),
        ("_", ["a", "😀"]),
        ("%_%", ["a", "ab", "a.c", "a%c", "xa", "a\nc", "😀"]),
    ],
)
def test_the_texts_that_a_pattern_fits(pattern: str, found: list[str]) -> None:
    node = like(pattern)
    assert KERNELS["Like"].proven(node)
    mask = KERNELS["Like"].apply(node, [pa.array(TEXTS), pa.scalar(pattern)])
    assert mask[-1].as_py() is None
    assert pa.array(TEXTS).filter(mask).to_pylist() == found


@pytest.mark.parametrize("node", [like(r"a\b"), like("a\\"), like(None), like("a", escape="!")])
def test_what_spark_refuses_or_reads_otherwise_is_left_to_it(node: ExpressionNode) -> None:
    assert not KERNELS["Like"].proven(node)
