"""Every spelling is read by Spark itself, under both settings of its string literals."""

from __future__ import annotations

import pytest

from replay.spark.sql import quoted, text_literal

VALUES = [
    "home",
    "",
    "it's",
    "''",
    '"',
    "C:\\new",
    "\\",
    "\\'",
    "a\nb\tc\r",
    "%_*?",
    "`",
    "${spark.master}",
    "$",
    "$${env:HOME}",
    "-- no comment",
    "/* nor this",
    "Straße 🚀",
    "\u2028\x85\x00",
]


@pytest.mark.spark
@pytest.mark.parametrize("escaped", ["false", "true"])
def test_a_text_is_read_back_however_the_session_is_set(spark, escaped):
    setting = "spark.sql.parser.escapedStringLiterals"
    spark.conf.set(setting, escaped)
    try:
        (row,) = spark.range(1).selectExpr(*map(text_literal, VALUES)).collect()
    finally:
        spark.conf.unset(setting)

    assert list(row) == VALUES


@pytest.mark.spark
def test_a_name_is_one_name(spark):
    names = ["plain", "a.b", "a`b", "`", "two words", "it's", "select", "ü", "a\\b"]
    frame = spark.range(1).selectExpr(*(f"{place} AS {quoted(name)}" for place, name in enumerate(names)))

    assert frame.columns == names
    assert list(frame.selectExpr(*map(quoted, names)).collect()[0]) == list(range(len(names)))
