"""What a run left, as a program gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.report.html.render import render_html
from replay.report.summary.data import ReportData
from replay.store import REPORT, REPORT_DATA, SCORES, SUMMARY, read_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from replay.report.summary import Summary


@dataclass(frozen=True)
class RunResult:
    """What a run left.

    Attributes:
        data: The summary and what the report's pictures need.
        output: The output directory.
        report_path: The HTML report.
    """

    data: ReportData
    output: str
    report_path: str

    @property
    def summary(self) -> Summary:
        """The summary: `to_dict()` gives what ``summary.json`` holds."""
        return self.data.summary

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
        variants = self.summary.variants
        filled = {name: variant.checkpoint for name, variant in variants.items() if variant.scenario is not None}
        columns = (F.coalesce(place, places[filled.get(name, name)]).alias(place) for name, place in places.items())
        return table.toDF(*places.values()).select(*columns).toDF(*places)


def render_results(data: ReportData) -> dict[str, str]:
    """The files that show a run, by name."""
    return {SUMMARY: data.summary.to_json(), REPORT_DATA: data.to_json(), REPORT: render_html(data)}
