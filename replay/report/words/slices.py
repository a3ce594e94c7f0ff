"""The slices in words: how many were looked at, and which differ from the rest."""

from __future__ import annotations

from replay.report.summary import SliceFinding, SlicesSummary
from replay.report.words.numbers import count, number, percent

SLICES_NAMED = 3


def slices_text(found: SlicesSummary) -> str:
    """Say how many slices were looked at, how many differ, and which most clearly.

    >>> one = SliceFinding("prod", "surface=home", "mismatch_rate", 0.5, 0.001, 100, 1e-9)
    >>> slices_text(SlicesSummary(8, 1, 24, 0.05, (one,))).rpartition("%: ")[2]
    'surface=home (mismatch_rate 0.5, the rest 0.001)'
    """
    under = "" if found.variants == 1 else f" under {count(found.variants)} variants"
    looked = f"{count(found.slices)} slices looked at{under} ({count(found.comparisons)} comparisons)"
    rate = f"at a false discovery rate of {percent(found.false_discovery_rate)}"
    if not found.different:
        return f"{looked}: none differs from the rest {rate}"
    named = "; ".join(_finding(entry, found.variants) for entry in found.different[:SLICES_NAMED])
    more = len(found.different) - SLICES_NAMED
    verb = "differs" if len(found.different) == 1 else "differ"
    rest = f"; and {count(more)} more" if more > 0 else ""
    return f"{looked}: {count(len(found.different))} {verb} from the rest {rate}: {named}{rest}"


def _finding(entry: SliceFinding, variants: int) -> str:
    under = "" if variants == 1 else f"{entry.variant}, "
    values = f"{entry.metric} {number(entry.value, 3)}, the rest {number(entry.rest, 3)}"
    return f"{entry.slice} ({under}{values})"
