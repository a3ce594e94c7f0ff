"""What a run left, as a program gets it."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import UsageError
from replay.files.places import local_path
from replay.flows.render_again import read_report_data
from replay.metrics.row import MetricRow
from replay.report.html.card import render_card
from replay.report.html.render import render_html, render_undrawn
from replay.report.metrics_table import MetricsTable, as_pandas
from replay.report.run_verdict import verdict_of
from replay.report.summary.data import ReportData
from replay.report.words.brief import brief_lines
from replay.store import METRICS, REPORT, REPORT_DATA, SCORES, SUMMARY, VERDICT, read_table
from replay.store.arrow_tables import read_arrow_table

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from replay.report.summary import Incident, Summary


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a run left: printed, it says so in a few lines; a notebook shows it as a box.

    Attributes:
        data: The summary and what the report's pictures need.
        output: The output directory.
        report_path: The HTML report.
    """

    data: ReportData
    output: str
    report_path: str

    @classmethod
    def load(cls, output: str | Path) -> RunResult:
        """Read a finished run from its output; nothing is run, and nothing is written.

        Raises:
            UsageError: The directory holds no finished run, or damaged data of one.
        """
        data, storage = read_report_data(str(output))
        return cls(data, storage.path, f"{storage.path}/{REPORT}")

    @property
    def summary(self) -> Summary:
        """The summary: `to_dict()` gives what ``summary.json`` holds."""
        return self.data.summary

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What a diagnosis found, the one with most evidence first; each prints as a line."""
        return self.data.summary.incidents

    @cached_property
    def metrics(self) -> MetricsTable:
        """All that was measured: a row per variant, slice, time bucket and metric.

        It is read in this process, or by Spark where only Spark reaches the output.
        """
        return MetricsTable(MetricRow(**row) for row in self._table(METRICS).to_pylist())

    @property
    def scores(self) -> DataFrame:
        """The scores table as a Spark DataFrame, a float column per variant.

        Where a scenario did not touch a row, the table has a null and this its checkpoint's score.
        """
        from pyspark.sql import functions as F

        from replay.spark.session import start_session

        table = read_table(start_session(), f"{self.output}/{SCORES}")
        # By place: how a name is read depends on the session.
        places = {name: f"c{place}" for place, name in enumerate(table.columns)}
        columns = (F.coalesce(place, places[self._filled(name)]).alias(place) for name, place in places.items())
        return table.toDF(*places.values()).select(*columns).toDF(*places)

    def to_arrow(self) -> pa.Table:
        """The scores table as Arrow, filled as :attr:`scores` is, in no particular order; times are in UTC.

        It is read in this process, or by Spark where only Spark reaches the output.
        """
        table = self._table(SCORES)
        names = table.schema.names
        columns = [pc.coalesce(table.column(name), table.column(self._filled(name))) for name in names]
        return pa.table(dict(zip(names, columns, strict=True)))

    def to_pandas(self) -> pd.DataFrame:
        """The scores table as a pandas DataFrame: see :meth:`to_arrow`.

        Raises:
            UsageError: pandas is not installed.
        """
        return as_pandas(self.to_arrow())

    def open(self) -> None:
        """Open the HTML report in a browser.

        Raises:
            UsageError: It is not on this machine.
        """
        local = local_path(self.report_path)
        if local is None or not Path(local).is_file():
            raise UsageError(f"{self.report_path} is no file on this machine: copy it here to open it")
        webbrowser.open(Path(local).as_uri())

    def _filled(self, column: str) -> str:
        """The column that says the score of rows that a variant's scenario did not touch: its checkpoint's."""
        variant = self.summary.variants.get(column)
        return column if variant is None or variant.scenario is None else variant.checkpoint

    def _table(self, name: str) -> pa.Table:
        path = f"{self.output}/{name}"
        table = read_arrow_table(path)
        if table is None:
            from replay.spark.session import start_session

            table = read_table(start_session(), path).toArrow()
        return table

    def __repr__(self) -> str:
        return "\n".join(brief_lines(self.summary, self.report_path))

    def _repr_html_(self) -> str:
        return render_card(self.data, self.report_path)


def open_run(output: str | Path) -> RunResult:
    """Read a finished run from its output, as ``replay.run`` and ``replay.diagnose`` give it; nothing is run.

    Args:
        output: The run's output directory.

    Raises:
        UsageError: The directory holds no finished run, or damaged data of one.
    """
    return RunResult.load(output)


def render_results(data: ReportData, output: str) -> tuple[ReportData, dict[str, str]]:
    """The files that show a run, by name, and what they hold.

    Args:
        data: What the run measured.
        output: The output directory.

    A page that cannot be drawn costs neither the numbers nor the verdict: another one says so in its place, and so does
    a warning.
    """
    try:
        page = render_html(data)
    except Exception as error:  # whatever a picture fails on, what it would show has been measured
        problem = f"the report could not be drawn ({type(error).__name__}: {error}); all else is in {SUMMARY}"
        data = replace(data, summary=replace(data.summary, warnings=(*data.summary.warnings, problem)))
        page = render_undrawn(data.summary, problem)
    files = {SUMMARY: data.summary.to_json(), REPORT_DATA: data.to_json(), REPORT: page}
    return data, {**files, VERDICT: verdict_of(data, f"{output}/{REPORT}").to_json()}
