"""What Spark says about traffic that it cannot read, as one clear error."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from replay.errors import TrafficError

_QUERY_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
_FROM_TASK = re.compile(r"^replay\.errors\.TrafficError: (.+?)(?=^\s*at |\Z)", re.M | re.S)
_UNREADABLE = re.compile(r"\[(?:FAILED_READ_FILE|CANNOT_READ_FILE|PARQUET_|DELTA_)[^\n]*")
_REASON = re.compile(
    r"(?:\.parquet is not a Parquet file|not a Parquet file|Could not read footer|corrupt)[^\n]*", re.I
)
_DECORATION = re.compile(r"^\[[A-Z_0-9.]+\]\s*|\s*SQLSTATE: \w+\s*|\s*;?\s*line \d+,? pos \d+;?\s*$")


@contextlib.contextmanager
def traffic_errors(what: str) -> Iterator[None]:
    """Turn what Spark raises about the traffic into a :class:`TrafficError`; let everything else through.

    Args:
        what: The table, for the message.

    Raises:
        TrafficError: Spark refuses the table or one of its files, or a task did.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import AnalysisException, PySparkException

    try:
        with unlogged():
            yield
    except AnalysisException as error:
        raise TrafficError(f"{what}: {one_line(str(error))}") from error
    except (PySparkException, Py4JJavaError) as error:
        message = refusal(what, str(error))
        if message is None:
            raise
        raise TrafficError(message) from error


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Keep PySpark from printing the errors that are caught here as JSON with a Java stack."""
    from pyspark.logger import PySparkLogger

    loggers = [PySparkLogger.getLogger(name) for name in _QUERY_LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def refusal(what: str, text: str) -> str | None:
    r"""Find in Spark's error what is wrong with the traffic; None where it is about something else.

    >>> refusal("t", "x\n[FAILED_READ_FILE.NO_HINT] Error while reading file a.parquet. SQLSTATE: KD001\n at b")
    't: Error while reading file a.parquet.'
    """
    from_task = _FROM_TASK.search(text)
    if from_task is not None:
        return from_task[1].strip().split("\n\n")[0]
    unreadable = _UNREADABLE.search(text)
    if unreadable is not None:
        reason = _REASON.search(text)
        said = one_line(unreadable[0])
        return f"{what}: {said} ({reason[0].strip()})" if reason is not None else f"{what}: {said}"
    if "Conflicting directory structures" in text or "Conflicting partition column names" in text:
        return f"{what}: its directories do not agree on partition columns: {_conflict(text)}"
    return None


def _conflict(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if "=" in line or line.strip().startswith(("file:", "/"))]
    return "; ".join(lines[:3])


def one_line(text: str) -> str:
    r"""Spark's message in one line: without its code, its position and the plan.

    >>> one_line("[PARSE_SYNTAX_ERROR] Syntax error at or near '='. SQLSTATE: 42601 (line 1, pos 3)\n\n== SQL ==")
    "Syntax error at or near '='. (line 1, pos 3)"
    """
    first = next((line for line in text.strip().splitlines() if line.strip()), "unknown reason")
    for _ in range(3):
        first = _DECORATION.sub(" " if "SQLSTATE" in first else "", first, count=1).strip()
    return first
