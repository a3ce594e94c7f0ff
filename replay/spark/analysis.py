"""What Spark's analyser says of a condition or of an expression, before any job.

What it says of a condition, it says by what it refuses: that is public, and the same in every session. Only the tree of
an expression, by which tasks evaluate it without Spark, takes the plan.

Leans on: ``DataFrame._jdf.queryExecution().analyzed()``; the plan's ``deterministic``,
``child`` and ``projectList``; and of Catalyst's expressions ``children``, ``prettyName``, ``dataType``, a literal's
``value``, an attribute's ``name``, ``extractFieldName`` of a struct's field, ``evalMode`` of casts and arithmetic,
``escapeChar`` of ``LIKE``, ``eval`` of a cast of a literal, and how ``With`` names what it computes once. Spark's
public API says none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replay.spark.installed.versions import arithmetic_mode

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_NON_DETERMINISTIC = "INVALID_NON_DETERMINISTIC_EXPRESSIONS"
_SUBQUERY_IN_LAMBDA = "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.HIGHER_ORDER_FUNCTION"
_QUERY_WORDS = re.compile(r"\b(select|from|table|values|with)\b", re.I)
"""A query begins with one of these."""
_ARITHMETIC = frozenset({"Add", "Subtract", "Multiply", "Divide"})


def is_deterministic(dataframe: DataFrame, condition: Column) -> bool:
    """Whether a condition selects the same rows whenever it is asked for them: else Spark takes it for no join.

    Args:
        dataframe: The table.
        condition: On its rows; Spark takes it for a filter.

    Raises:
        AnalysisException: Spark cannot make sense of it.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F

    other = dataframe.sparkSession.range(1).select(F.lit(1).alias("__replay_other"))
    try:
        _analyse(dataframe.join(other, condition))
    except AnalysisException as error:
        if error.getCondition() == _NON_DETERMINISTIC:
            return False
        raise
    return True


def has_subquery(dataframe: DataFrame, sql: str) -> bool:
    """Whether a condition reads rows of another table, or of this one once more: no lambda of Spark's may.

    Args:
        dataframe: The table.
        sql: A condition on its rows; Spark takes it for a filter.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F

    within = F.expr(f"transform(array(1), __replay_element -> ({sql}\n))")
    try:
        _analyse(dataframe.select(within))
    except AnalysisException as error:
        # A lambda may not have everything: where Spark refuses it for another reason, the words alone tell.
        return error.getCondition() == _SUBQUERY_IN_LAMBDA or _QUERY_WORDS.search(sql) is not None
    return False


def _analyse(dataframe: DataFrame) -> None:
    """Have Spark make sense of a DataFrame now: some sessions do so only when they are asked for something."""
    _ = dataframe.schema


@dataclass(frozen=True)
class ExpressionNode:
    """A node of an analysed expression.

    Attributes:
        kind: Catalyst's class, such as ``Cast``.
        name: The function's name in SQL; of an attribute the column's, of a struct's field the field's.
        dtype: Type of its values, as Spark SQL writes it; empty for what has none.
        children: What it is made of.
        value: A literal's value as text; that of a cast of a literal, where it has one (of dates days, of times
            microseconds since 1970); the escape character of a ``LIKE``. None for a null and for everything else.
        mode: Of a cast, or of ``+ - * /``: ``ansi`` raises where there is no result, ``try`` gives null, ``legacy``
            something else; None for all other nodes.
    """

    kind: str
    name: str
    dtype: str
    children: tuple[ExpressionNode, ...] = ()
    value: str | None = None
    mode: str | None = None


@dataclass(frozen=True)
class AnalysedExpression:
    """A single expression over the columns of a DataFrame.

    Attributes:
        tree: The expression.
        deterministic: It gives the same values whenever it is evaluated.
        beyond_row: The plan's node that reads other rows (``Aggregate``, ``Window``) or makes more of them
            (``Generate``); None where a row's value depends on the row alone.
    """

    tree: ExpressionNode | None
    deterministic: bool
    beyond_row: str | None


def analyse_expression(dataframe: DataFrame, selected: DataFrame) -> AnalysedExpression:
    """Take the one expression apart that a DataFrame selects from another one.

    Args:
        dataframe: The table.
        selected: ``dataframe.select(expression.alias(...))``.

    Raises:
        AnalysisException: Spark cannot make sense of it.
    """
    plan = selected._jdf.queryExecution().analyzed()
    if plan.nodeName() != "Project" or not plan.child().fastEquals(dataframe._jdf.queryExecution().analyzed()):
        return AnalysedExpression(None, True, _beyond_row(plan))
    (alias,) = _items(plan.projectList())
    (expression,) = _items(alias.children())
    return AnalysedExpression(_node(expression, {}), bool(plan.deterministic()), None)


def _beyond_row(plan: Any) -> str:
    """The first node of a plan that does more than compute columns of a row."""
    while plan.nodeName() == "Project" and plan.children().length() == 1:
        plan = plan.child()
    return str(plan.nodeName())


def _items(scala_seq: Any) -> list[Any]:
    return [scala_seq.apply(place) for place in range(scala_seq.length())]


def _node(expression: Any, shared: Mapping[str, ExpressionNode]) -> ExpressionNode:
    """What an expression is, with the parts that it computes once put where they are used."""
    kind = str(expression.getClass().getSimpleName())
    if kind == "With":
        for definition in _items(expression.defs()):
            shared = {**shared, definition.id().toString(): _node(definition.child(), shared)}
        return _node(expression.child(), shared)
    if kind == "CommonExpressionRef":
        return shared[expression.id().toString()]
    dtype = str(expression.dataType().catalogString()) if expression.resolved() and _has_type(kind) else ""
    if kind == "TypedNullLiteral":
        (typed,) = (_node(child, shared) for child in _items(expression.children()))
        return ExpressionNode("Literal", "literal", typed.dtype)
    children = tuple(_node(child, shared) for child in _items(expression.children()))
    return ExpressionNode(
        kind, _name(kind, expression), dtype, children, _value(kind, expression), _mode(kind, expression)
    )


def _has_type(kind: str) -> bool:
    """An ``EXISTS`` and its like have a type; what only stands inside of other expressions may have none."""
    return kind not in ("CommonExpressionDef", "LambdaFunction")


def _name(kind: str, expression: Any) -> str:
    if kind in ("AttributeReference", "NamedLambdaVariable"):
        return str(expression.name())
    return str(expression.extractFieldName() if kind == "GetStructField" else expression.prettyName())


def _value(kind: str, expression: Any) -> str | None:
    if kind == "Like":
        return str(expression.escapeChar())
    if kind == "Cast":
        return _cast_literal(expression)
    if kind != "Literal":
        return None
    value = expression.value()
    return _as_text(value if isinstance(value, int | str | None) else expression.toString())


def _as_text(value: Any) -> str | None:
    """A value of Catalyst's as text, the way that Java writes it."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cast_literal(cast: Any) -> str | None:
    """What Spark makes of a literal; None where the cast is of anything else, or has no value."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    if cast.child().getClass().getSimpleName() != "Literal" or not cast.resolved():
        return None
    try:
        value = cast.eval(None)
    except (Py4JJavaError, PySparkException):
        return None  # a text that is none, or one that is another time each day
    if isinstance(value, bytes | bytearray):
        return None
    return _as_text(value if isinstance(value, int | float | str | None) else value.toString())


def _mode(kind: str, expression: Any) -> str | None:
    """How a cast or arithmetic is evaluated; a cast says so itself, arithmetic in its context."""
    if kind == "Cast":
        return str(expression.evalMode()).lower()
    return arithmetic_mode(expression).lower() if kind in _ARITHMETIC else None
