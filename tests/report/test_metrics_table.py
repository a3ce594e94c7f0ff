"""All that a run measured, as a table of a program's."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from replay.errors import UsageError
from replay.metrics.row import MetricRow
from replay.report.metrics_table import MetricsTable, as_pandas

AT = datetime(2026, 11, 20, 18, tzinfo=UTC)
AUC = MetricRow("prod", None, "all", None, "auc", 0.75, 0.7, 0.8, 1000, None)
RATE = MetricRow("prod", "online", "surface=<home>", AT, "mismatch_rate", 0.5, None, None, 10, None)
NONE = MetricRow("prod", "online", "all", AT, "auc", None, None, None, 0, "no row has a label")
TABLE = MetricsTable([AUC, RATE, NONE])


def test_it_is_a_sequence_of_rows():
    assert len(TABLE) == 3
    assert list(TABLE) == [AUC, RATE, NONE]
    assert TABLE[1] is RATE
    assert TABLE[1:] == MetricsTable([RATE, NONE])
    assert AUC in TABLE
    assert TABLE != [AUC]
    assert len({TABLE, MetricsTable([AUC, RATE, NONE])}) == 1


def test_rows_are_found_by_their_values():
    assert list(TABLE.where(metric="auc")) == [AUC, NONE]
    assert list(TABLE.where(metric="auc", bucket=None)) == [AUC]
    assert list(TABLE.where(slice="surface=<home>", bucket=AT)) == [RATE]
    with pytest.raises(UsageError, match="found metrics, expected columns among variant, slice, bucket, metric"):
        TABLE.where(metrics="auc")


def test_arrow_has_types_whatever_the_rows():
    table = TABLE.to_arrow()
    assert table.schema.names[:8] == ["variant", "slice", "bucket", "metric", "value", "low", "high", "rows"]
    assert table["bucket"].to_pylist() == [None, AT, AT]
    assert table["value"].to_pylist() == [0.75, 0.5, None]
    assert table["reason"].to_pylist() == [None, None, "no row has a label"]
    assert MetricsTable([]).to_arrow().schema == table.schema
    assert table.schema.field("rows").type == pa.int64()


def test_pandas_is_the_same_table():
    frame = TABLE.to_pandas()
    assert list(frame.columns) == TABLE.to_arrow().schema.names
    assert frame["value"].tolist()[:2] == [0.75, 0.5]
    assert frame["value"].isna().tolist() == [False, False, True]
    assert str(frame["bucket"].dtype).endswith("UTC]")


def test_without_pandas_one_line_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="needs pandas, which is not installed: pip install pandas") as caught:
        as_pandas(TABLE.to_arrow())
    assert "\n" not in str(caught.value)


def test_it_prints_as_a_table():
    lines = repr(TABLE).splitlines()
    assert lines[0].split() == ["variant", "against", "slice", "bucket", "metric", "value", "low", "high", "rows"]
    assert lines[3].split() == ["prod", "online", "all", "2026-11-20", "18:00", "auc", "-", "-", "-", "0"]
    assert len({len(line) for line in lines}) == 1
    many = repr(MetricsTable([AUC] * 1_500)).splitlines()
    assert len(many) == 12
    assert many[-1] == "... 1,490 more rows: to_pandas(), to_arrow() and where(...) have them all"


def test_a_notebook_gets_escaped_html():
    text = TABLE._repr_html_()
    assert "surface=&lt;home&gt;" in text
    assert "<home>" not in text
    assert text.count("<tr>") == 4
    assert "9 more rows" in MetricsTable([AUC] * 29)._repr_html_()
