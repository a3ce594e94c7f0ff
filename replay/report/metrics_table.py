"""All that a run measured, as a table: a row per variant, slice, time bucket and metric."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from replay.errors import UsageError
from replay.metrics.row import MetricRow
from replay.report.words.numbers import count, moment, number

if TYPE_CHECKING:
    import pandas as pd

_SCHEMA = pa.schema(
    [
        pa.field("variant", pa.string()),
        pa.field("slice", pa.string()),
        pa.field("bucket", pa.timestamp("us", tz="UTC")),
        pa.field("metric", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("rows", pa.int64()),
        pa.field("against", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("positives", pa.int64()),
    ]
)
_SHOWN = ("variant", "against", "slice", "bucket", "metric", "value", "low", "high", "rows")
_MOST = 10
_MOST_HTML = 20


class MetricsTable(Sequence[MetricRow]):
    """Metrics as tidy rows: a sequence of :class:`~replay.metrics.row.MetricRow`, which prints as a table.

    Args:
        rows: In the order of the run.

    >>> row = MetricRow("prod", None, "all", None, "auc", 0.75, 0.74, 0.76, 1000, None)
    >>> MetricsTable([row])
    variant  against  slice  bucket  metric  value   low  high   rows
    prod     -        all    -       auc      0.75  0.74  0.76  1,000
    """

    def __init__(self, rows: Iterable[MetricRow]) -> None:
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> MetricRow: ...

    @overload
    def __getitem__(self, place: slice) -> MetricsTable: ...

    def __getitem__(self, place: int | slice) -> MetricRow | MetricsTable:
        return MetricsTable(self._rows[place]) if isinstance(place, slice) else self._rows[place]

    def __iter__(self) -> Iterator[MetricRow]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetricsTable) and self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def where(self, **values: Any) -> MetricsTable:
        """Keep the rows that have these values, such as ``where(variant="prod", slice="all", bucket=None)``.

        Raises:
            UsageError: There is no such column.
        """
        unknown = [name for name in values if name not in _SCHEMA.names]
        if unknown:
            raise UsageError(f"found {', '.join(unknown)}, expected columns among {', '.join(_SCHEMA.names)}")
        return MetricsTable(
            row for row in self._rows if all(getattr(row, name) == value for name, value in values.items())
        )

    def to_arrow(self) -> pa.Table:
        """The table in Arrow: times in UTC, a null bucket for the whole window, a null value with its ``reason``."""
        columns = {name: [getattr(row, name) for row in self._rows] for name in _SCHEMA.names}
        return pa.table(columns, schema=_SCHEMA)

    def to_pandas(self) -> pd.DataFrame:
        """The table as a pandas DataFrame.

        Raises:
            UsageError: pandas is not installed.
        """
        return as_pandas(self.to_arrow())

    def __repr__(self) -> str:
        lines = [_SHOWN, *(_texts(row) for row in self._rows[:_MOST])]
        widths = [max(len(line[place]) for line in lines) for place in range(len(_SHOWN))]
        numbers = range(_SHOWN.index("value"), len(_SHOWN))
        shown = [
            "  ".join(
                text.rjust(width) if place in numbers else text.ljust(width)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*shown, *_more(len(self) - _MOST)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _SHOWN)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in _texts(row))}</tr>"
            for row in self._rows[:_MOST_HTML]
        )
        more = "".join(f"<p>{text}</p>" for text in _more(len(self) - _MOST_HTML))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a pandas DataFrame.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        import pandas as _  # noqa: F401, pyarrow's own message is long
    except ImportError as error:
        raise UsageError("to_pandas() needs pandas, which is not installed: pip install pandas") from error
    return table.to_pandas()


def _texts(row: MetricRow) -> tuple[str, ...]:
    return (
        row.variant,
        row.against or "-",
        row.slice,
        "-" if row.bucket is None else moment(row.bucket),
        row.metric,
        "-" if row.value is None else number(row.value),
        "-" if row.low is None else number(row.low),
        "-" if row.high is None else number(row.high),
        count(row.rows),
    )


def _more(left: int) -> list[str]:
    return [f"... {count(left)} more rows: to_pandas(), to_arrow() and where(...) have them all"] if left > 0 else []
