"""What was replayed, in words: the window, the tolerance, where the rows went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from replay.report.buckets import end_of
from replay.report.summary import NoiseFloorSummary, Reconciliation, RollingWindow, TimeOutliers, ToleranceSummary
from replay.report.summary.data import ReportData
from replay.report.words.numbers import count, moment, number, time_range

_ENDINGS = {"now": "", "hour": " up to a full hour", "day": " up to midnight UTC"}


def window_text(data: ReportData) -> str:
    """The replayed window: the summary's, or else from the first to the last bucket that has rows."""
    window = data.summary.window
    start, end = window.start, window.end
    if start is None and end is None:
        buckets = [row.bucket for row in data.rows if row.bucket is not None]
        if not buckets:
            return "all times"
        outliers = data.summary.traffic.time_outliers
        start, end = (min(buckets), max(buckets)) if outliers is None else (outliers.start, outliers.end)
        end = end_of(end, timedelta(seconds=data.summary.bucket_seconds or 0))
    if start is not None and end is not None:
        return f"{time_range(start, end)} UTC"
    return f"{_open_end(start)} to {_open_end(end)} UTC"


def rule_words(rule: Mapping[str, str]) -> str:
    """How a config gives it.

    Args:
        rule: See :meth:`replay.config.TrafficWindow.rule`.

    >>> rule_words({"last": "1h", "ending": "hour", "delay": "10min"}), rule_words({"last": "2h", "ending": "now"})
    ('the last 1h up to a full hour, 10min ago', 'the last 2h')
    """
    delay = f", {rule['delay']} ago" if "delay" in rule else ""
    return f"the last {rule['last']}{_ENDINGS.get(rule['ending'], '')}{delay}"


def rolling_text(window: RollingWindow | None) -> str:
    """The same of a run, with the moment that it counts from; nothing for a window with two ends."""
    if window is None:
        return ""
    delay = {} if window.delay is None else {"delay": window.delay}
    words = rule_words({"last": window.last, "ending": window.ending, **delay})
    return f"{words}, as of {moment(window.resolved)} UTC"


def outliers_sentence(found: TimeOutliers) -> str:
    """What is said of rows whose time is not meant.

    >>> day = datetime(2026, 11, 20)
    >>> outliers_sentence(TimeOutliers(2, datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59), day, day))
    '2 rows have a time far from all others (from 0001-01-01 00:00 to 9999-12-31 23:59 UTC): charts leave them out'
    """
    rows = "1 row has" if found.rows == 1 else f"{count(found.rows)} rows have"
    when = f"from {moment(found.first)} to {moment(found.last)}" if found.first != found.last else moment(found.first)
    return f"{rows} a time far from all others ({when} UTC): charts leave {'it' if found.rows == 1 else 'them'} out"


def _open_end(at: datetime | None) -> str:
    return "open" if at is None else moment(at)


def tolerance_text(bounds: ToleranceSummary | NoiseFloorSummary | None) -> str:
    """What counts as agreement.

    >>> tolerance_text(ToleranceSummary(1e-6, 1e-5))
    '|replayed - online| <= 1e-6 + 1e-5 * |online|'
    """
    if bounds is None:
        return ""
    return f"|replayed - online| <= {number(bounds.abs)} + {number(bounds.rel)} * |online|"


def reconciliation_text(reconciliation: Reconciliation) -> str:
    """Where the rows went, as a sum.

    >>> reconciliation_text(Reconciliation(10, 2, {"null_without_default": 1}, 7))
    '10 read = 7 scored + 2 filtered + 1 rejected (1 null_without_default)'
    """
    rejected = sum(reconciliation.rejected.values())
    reasons = ", ".join(f"{count(rows)} {reason}" for reason, rows in reconciliation.rejected.items() if rows)
    parts = [
        f"{count(reconciliation.scored)} scored",
        f"{count(reconciliation.filtered)} filtered",
        f"{count(rejected)} rejected",
    ]
    if reconciliation.copies:
        parts.insert(2, f"{count(reconciliation.copies)} exact copies")
    text = f"{count(reconciliation.read)} read = {' + '.join(parts)}" + (f" ({reasons})" if reasons else "")
    if reconciliation.unaccounted:
        text += f" + {count(reconciliation.unaccounted)} UNACCOUNTED FOR: the run is at fault"
    return text
