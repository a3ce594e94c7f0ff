"""How losses are named and written, wherever they are shown."""

from __future__ import annotations

from replay.report.words.numbers import number

LOSSES = {
    "auc_drop": "AUC drop",
    "ne_increase": "NE increase",
    "mean_abs": "mean |difference|",
    "mismatch_rate": "share beyond tolerance",
}


def interval_text(low: float | None, high: float | None, digits: int = 3) -> str:
    """Write an interval; empty where an end is not known.

    >>> interval_text(0.01234, 0.02), interval_text(None, 0.02)
    ('0.0123 to 0.02', '')
    """
    return "" if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"
