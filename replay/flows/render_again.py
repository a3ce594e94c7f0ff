"""``replay report``: render again what a run wrote, without Spark where this process reaches the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.errors import UsageError
from replay.files.reading import is_directory
from replay.report.html.render import render_html
from replay.report.run_verdict import RunVerdict
from replay.report.summary.data import ReportData
from replay.store import REPORT, REPORT_DATA, VERDICT, Storage, needs_spark, open_storage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def _session() -> SparkSession:
    from replay.spark.session import start_session

    return start_session()


def read_report_data(output: str) -> tuple[ReportData, Storage]:
    """Read what the report of a finished run shows, and where it lies.

    Raises:
        UsageError: The directory holds no finished run, or damaged data of one.
    """
    storage = open_storage(output, _session() if needs_spark(output) else None)
    text = storage.read(REPORT_DATA)
    if text is None:
        empty = "nothing" if is_directory(storage.path) else "no such directory"
        found = _unfinished(storage) if storage.names() else empty
        raise UsageError(f"{output}: found {found}, expected the output of a finished run (with {REPORT_DATA} in it)")
    return ReportData.from_json(text), storage


def _unfinished(storage: Storage) -> str:
    ended = RunVerdict.from_json(storage.read(VERDICT))
    return "an unfinished run" if ended is None else f"a run that ended as {ended.status} ({ended.headline})"


def render_again(output: str) -> tuple[ReportData, str]:
    """Render the report of a finished run again.

    Args:
        output: The run's output directory.

    Returns:
        What the report shows, and where it is.

    Raises:
        UsageError: The directory holds no finished run, or damaged data of one.
    """
    data, storage = read_report_data(output)
    storage.write(REPORT, render_html(data))
    return data, f"{storage.path}/{REPORT}"
