"""What Spark raises, as one of Replay's errors: about the traffic it reads, or about the work that tasks do.

Leans on: py4j's exceptions, the text that Spark puts around a Python worker's own traceback, the codes in brackets at
the start of Spark's messages, and the names of PySpark's loggers of queries. A release that words its errors
otherwise makes messages longer, never wrong: what is not recognised is passed on as Spark says it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from replay import errors
from replay.errors import ReplayError, RunFailed, TrafficError, WorkerCrashed
from replay.spark.java import log_kept
from replay.spark.workers import crashed_worker, failed_worker

if TYPE_CHECKING:
    from pyspark.errors import PySparkException

_QUERY_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
_FROM_TASK = re.compile(r"^replay\.errors\.TrafficError: (.+?)(?=^\s*at |\Z)", re.M | re.S)
_UNREADABLE = re.compile(r"\[(?:FAILED_READ_FILE|CANNOT_READ_FILE|PARQUET_|DELTA_)[^\n]*")
_REASON = re.compile(
    r"(?:\.parquet is not a Parquet file|not a Parquet file|Could not read footer|corrupt)[^\n]*", re.I
)
_DECORATION = re.compile(r"^\[[A-Z_0-9.]+\]\s*|\s*SQLSTATE: \w+\s*|\s*;?\s*line \d+,? pos \d+;?\s*$")
_OURS = re.compile(
    r"^replay\.errors\.(\w+): (.+?)(?=^\s*(?:at |SQLSTATE: |During handling|The above exception|Traceback)|\Z)",
    re.M | re.S,
)
_DATA = re.compile(r"\[[A-Z_0-9.]+\][^\n]*SQLSTATE: 22\w{3}")
_PYTHON = re.compile(r"^((?:[A-Za-z_][\w.]*)(?:Error|Exception|Exit|Interrupt)\b.*)$", re.M)
_TRACEBACK = re.compile(r"^(?:\S+: )?Traceback \(most recent call last\):\n(?:[ \t]+.*\n)+^(\S.*)$", re.M)
_JAVA = re.compile(r"^(?:: |Caused by: )(?:[a-z_]\w*\.)*([\w$]+): ([^\n]*\S)", re.M)


_ENDING_SECONDS = 2.0
"""A process whose sockets are closed is gone so soon."""


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
        reason, said = _REASON.search(text), one_line(unreadable[0])
        why = java_cause(text) if reason is None else reason[0].strip()
        return f"{what}: {said}" if why is None or said in why else f"{what}: {said} ({why})"
    no_value = _DATA.search(text)
    if no_value is not None:
        return f"{what}: {one_line(no_value[0])}"
    if "Conflicting directory structures" in text or "Conflicting partition column names" in text:
        return f"{what}: its directories do not agree on partition columns: {_conflict(text)}"
    return None


def is_data_error(error: BaseException) -> bool:
    """Whether Spark raises that an expression has no value for a row: a text that is no number, an overflow."""
    return any(_DATA.search(str(each)) is not None for each in (error, error.__cause__))


def failed_fragment(error: PySparkException) -> str | None:
    """The part of an expression that an error is about, as it was written; None where Spark does not say."""
    contexts = error.getQueryContext()
    fragment = contexts[0].fragment() if contexts else ""
    return fragment or None


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


@contextlib.contextmanager
def spark_errors(doing: str) -> Iterator[None]:
    """Turn Spark's exceptions into one clear error.

    Args:
        doing: What was under way, for the message: ``scoring``.

    Raises:
        ReplayError: What a task raised, as the class that it raised.
        RunFailed: Anything else that Spark reports.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise translate(str(error), doing) from error


def translate(text: str, doing: str) -> ReplayError:
    r"""Find the error that matters in what Spark printed.

    >>> type(translate("...\nreplay.errors.CorruptCheckpoint: prod: it was swapped\n", "scoring")).__name__
    'CorruptCheckpoint'
    >>> str(translate("Job aborted\nValueError: bad value\n\tat java", "scoring"))
    'scoring failed: ValueError: bad value'
    """
    ours = _OURS.search(text)
    if ours is not None:
        kind = getattr(errors, ours[1], RunFailed)
        message = ours[2].strip()
        return RunFailed(message) if kind is errors.ConfigError else kind(message)
    no_value = _DATA.search(text)
    if no_value is not None:
        return TrafficError(f"{doing}: {one_line(no_value[0])}")
    crashed, worker = crashed_worker(text), failed_worker(text)
    if crashed is not None:
        return WorkerCrashed(f"{doing} failed: {crashed}")
    if worker is not None:
        return RunFailed(worker)
    if _UNREADABLE.search(text) is not None:
        return TrafficError(f"{refusal(doing, text)}")
    python = _TRACEBACK.findall(text) or _PYTHON.findall(text)
    reason = python[-1] if python else java_cause(text) or (text.strip().splitlines() or ["unknown"])[0]
    return RunFailed(f"{doing} failed: {reason.strip()}")


def java_cause(text: str) -> str | None:
    r"""What went wrong first, in the words of the exception that all others wrap; None where there is none.

    >>> java_cause("An error occurred while calling o2.x.\n: a.b.C: wrapped\n\tat x\nCaused by: d.E: full disk\n")
    'E: full disk'
    """
    causes = _JAVA.findall(text)
    return f"{causes[-1][0]}: {one_line(causes[-1][1])}" if causes else None


@contextlib.contextmanager
def jvm_errors() -> Iterator[None]:
    """Tell whatever fails because Spark's JVM is gone, as under the kernel when memory runs out, from other failures.

    Raises:
        RunFailed: It is gone.
    """
    try:
        yield
    except Exception as error:
        gone = _gone(error)
        if gone is None:
            raise
        raise RunFailed(
            f"Spark's JVM {gone} under the work: what was committed is kept, and the same command goes on from there. "
            "Where memory ran out, give the machine more, or `engine.chunk_rows` less, or tell Spark to take less "
            f"(--conf spark.driver.memory=1g){log_kept('. Its log is ')}"
        ) from error


def _gone(error: Exception) -> str | None:
    """How the JVM ended, in words; None where it is there, or nothing points to it."""
    if "pyspark" not in sys.modules:
        return None
    from py4j.protocol import Py4JNetworkError
    from pyspark import SparkContext

    lost = [each for each in _causes(error) if isinstance(each, (ConnectionError, EOFError, Py4JNetworkError))]
    process: subprocess.Popen[bytes] | None = getattr(SparkContext._gateway, "proc", None)
    if process is None:
        return "no longer answers" if lost else None
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING_SECONDS if lost else 0.0)
    code = process.returncode
    if code is None:
        return None
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def where_spark_answers() -> Iterator[None]:
    """Clear up in a JVM that may be gone: the error to report is what ended it."""
    from py4j.protocol import Py4JError

    with contextlib.suppress(Py4JError, OSError):
        yield
