"""Computed columns in a session that gives no JVM, in which Spark would say what an expression is made of.

Such a column is judged by what Spark refuses to do with it, and by every word in it: each has to be a column, a
keyword, or a function of Spark's own that is allowed. Spark computes it, not tasks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from replay.errors import Problem
from replay.spark.analysis import has_subquery, is_deterministic
from replay.spark.errors import one_line, unlogged
from replay.spark.types import readable_schema
from replay.traffic.computed.allowed import ALLOWED
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.computed.frame import expression
from replay.traffic.read.scan import pinned_dataframe
from replay.traffic.selection import columns_in

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

UNSEEN: Final = "the Spark session does not give its JVM, in which Spark says what an expression is made of"
_TOKEN: Final = re.compile(
    r"""(?P<space> \s+ | --[^\r\n]* | /\*.*?\*/ )
      | (?P<text> [rR]'[^']*' | [rR]"[^"]*" | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )
      | (?P<number> \d[\w.]* | \.\d\w* )
      | (?P<quoted> `(?:[^`]|``)*` )
      | (?P<word> [^\W\d]\w* )
      | (?P<arrow> -> )
      | (?P<sign> . )""",
    re.X | re.S,
)
_TODAY: Final = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.I)
_OPERATORS: Final = """
and or not in is case when then else end between like ilike rlike regexp escape div as distinct from any all some
interval char varchar dec numeric
"""
_WORDS: Final = """
null true false for to leading trailing both placing date timestamp timestamp_ltz timestamp_ntz string int integer
bigint long smallint tinyint short byte float real double decimal boolean binary array map struct
year years quarter month months week weeks day days hour hours minute minutes second seconds millisecond milliseconds
microsecond microseconds dow doy dayofweek yearofweek
"""
_NO_FUNCTIONS: Final = frozenset(_OPERATORS.split())
"""Keywords that may stand before a bracket and call nothing."""
_KEYWORDS: Final = frozenset((_OPERATORS + _WORDS).split())


def unseen_column(
    spark: SparkSession, traffic: PinnedTraffic, name: str, sql: str, place: str
) -> ComputedColumn | Problem:
    """A column that Spark computes, or what keeps it from being one over a row, the same in every run.

    Args:
        spark: The session.
        traffic: The pinned table.
        name: Of the column.
        sql: The expression.
        place: Where the config has it.
    """
    from pyspark.errors import AnalysisException, ParseException

    read = columns_in(traffic.schema, sql)
    reads = tuple(each for each in traffic.schema.names if each in read)
    try:
        with unlogged():
            table = pinned_dataframe(spark, traffic, reads)
            types = readable_schema(table.select(expression(sql).alias("value")))
            refused = _refusal(spark, table, sql, traffic.schema.names)
    except (AnalysisException, ParseException) as error:
        return Problem(f"Spark refuses {sql!r}: {one_line(str(error))}", path=place)
    if refused is not None:
        message = f"{sql!r}: {refused}: expected an expression over the columns of one row, the same in every run"
        return Problem(message, path=place)
    if len(types) == 0:
        return Problem(f"{sql!r} is of a type that no column has: cast it", path=place)
    return ComputedColumn(name, sql, types.field(0).type, reads, place, None, UNSEEN)


def _refusal(spark: SparkSession, table: DataFrame, sql: str, columns: Collection[str]) -> str | None:
    """What Spark, or a word, says against an expression."""
    found = next(_unknown(spark, sql, {name.casefold() for name in columns}), None)
    if found is not None:
        return found
    if has_subquery(table, sql):
        return "a subquery reads other rows"
    # An aggregate, a window and a generator Spark does not take for the condition of a join at all.
    same = is_deterministic(table, expression(f"({sql}\n) IS NULL"))
    return None if same else "it has other values in each run"


def _unknown(spark: SparkSession, sql: str, columns: Collection[str]) -> Iterator[str]:
    """What is said of words that are no column, no keyword, and no function that is allowed."""
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(sql) if match.lastgroup != "space"]
    ends = [("sign", "")]
    local = {text.casefold() for text in _lambda_names(tokens)}
    for before, (kind, text), (_, after) in zip([*ends, *tokens], tokens, [*tokens[1:], *ends], strict=False):
        word = text[1:-1].replace("``", "`") if kind == "quoted" else text
        known = word.casefold()
        if kind == "text" and _TODAY.match(text.lstrip("rR")[1:]):
            yield f"{text} may be another time in each run"
        elif kind == "word" and known == "select" and known not in columns:
            yield "a subquery reads other rows"
        elif text == "$":
            yield "a `$` is no part of an expression"
        elif kind not in ("word", "quoted") or (before[1] == "." and after != "("):
            continue
        elif after == "(" and (kind == "quoted" or known not in _NO_FUNCTIONS):
            if before[1] == "." or not _is_allowed(spark, word):
                yield f"`{word}` is none of the functions that give the same value in every run"
        elif known not in columns and known not in local and (kind == "quoted" or known not in _KEYWORDS):
            yield f"`{word}` is no column that can be read"


def _lambda_names(tokens: list[tuple[str | None, str]]) -> Iterator[str]:
    """Names before an arrow: ``x -> ...``, ``(x, y) -> ...``."""
    for place, (kind, _) in enumerate(tokens):
        if kind != "arrow":
            continue
        back = place - 1
        while back >= 0 and (tokens[back][0] in ("word", "quoted") or tokens[back][1] in (",", ")")):
            yield tokens[back][1].strip("`")
            if tokens[back][1] != ")" and tokens[place - 1][1] != ")":
                break
            back -= 1


def _is_allowed(spark: SparkSession, function: str) -> bool:
    """Whether a function is one of Spark's own, of a class that is allowed; Spark says which one it is."""
    from pyspark.errors import AnalysisException, ParseException

    try:
        with unlogged():
            rows = spark.sql(f"DESCRIBE FUNCTION `{function.replace('`', '``')}`").collect()
    except (AnalysisException, ParseException):
        return False
    classes = [row[0].partition(":")[2].strip() for row in rows if row[0].startswith("Class:")]
    package, _, name = "".join(classes).rpartition(".")
    return package == "org.apache.spark.sql.catalyst.expressions" and name in ALLOWED
