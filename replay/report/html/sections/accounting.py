"""Wholes and their parts: where the rows went, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.summary import Reconciliation, Timings
from replay.report.words.numbers import count, seconds


@dataclass(frozen=True)
class Part:
    """A part of a whole: rows, or seconds."""

    label: str
    amount: str
    share: float
    kind: str


def row_parts(reconciliation: Reconciliation) -> tuple[Part, ...]:
    """Where the rows went; what is unaccounted for is a part of its own."""
    amounts = [("scored", reconciliation.scored, "scored"), ("filtered", reconciliation.filtered, "filtered")]
    if reconciliation.copies:
        amounts.append(("exact copies", reconciliation.copies, "filtered"))
    amounts += [(f"rejected: {reason}", rows, "rejected") for reason, rows in reconciliation.rejected.items()]
    if reconciliation.unaccounted:
        amounts.append(("unaccounted for", reconciliation.unaccounted, "unaccounted"))
    total = max(reconciliation.read, 1)
    return tuple(Part(label, count(rows), min(max(rows / total, 0.0), 1.0), kind) for label, rows, kind in amounts)


def time_parts(timings: Timings) -> tuple[Part, ...]:
    """Wall time by part, in order: they add up to the whole."""
    total = sum(timings.parts.values()) or 1.0
    return tuple(
        Part(name, seconds(amount), amount / total, name)
        for name, amount in timings.parts.items()
        if amount >= NEGLIGIBLE * total
    )


NEGLIGIBLE = 0.002
"""Share of a whole below which a part is not worth a line."""
