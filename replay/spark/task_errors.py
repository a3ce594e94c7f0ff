"""What Spark raised, as one of Replay's errors: a task's own error first, Spark's reason otherwise."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from replay import errors
from replay.errors import ReplayError, RunFailed

_OURS = re.compile(
    r"^replay\.errors\.(\w+): (.+?)(?=^\s*(?:at |SQLSTATE: |During handling|The above exception|Traceback)|\Z)",
    re.M | re.S,
)
_PYTHON = re.compile(r"^((?:[A-Za-z_][\w.]*)(?:Error|Exception|Exit|Interrupt)\b.*)$", re.M)


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
    python = _PYTHON.findall(text)
    reason = python[-1] if python else (text.strip().splitlines() or ["unknown"])[0]
    return RunFailed(f"{doing} failed: {reason.strip()}")
