"""How a feature is distributed otherwise, in numbers: what a reader wants to know beside the kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from replay.audit.columns.cells import FIRST_CELL, NULL_CELL, NameCells
from replay.audit.slices import ALL
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.reference.differing import ComparedSlice, Counts
from replay.report.words.numbers import number, percent

_MOST_NAMES: Final = 3
_LONGEST: Final = 40
_DIGITS: Final = 3
_QUANTILES: Final = {
    "p50": "median",
    "p25": "25% quantile",
    "p75": "75% quantile",
    "p05": "5% quantile",
    "p95": "95% quantile",
}


def distribution_details(found: UnjoinedAudit, kind: str, differs: ComparedSlice) -> str | None:
    """Say where, and by how much, a feature's distribution is another; None where there is nothing to add to its kind.

    Args:
        found: The counts of both tables.
        kind: ``null``, ``vocabulary`` or ``shifted``.
        differs: The slice in which it is of that kind.
    """
    where = [] if differs.label == ALL else [f"in {differs.label}"]
    cells = found.here.cells[differs.feature]
    said: str | None = None
    if kind == "null":
        said = _nulls(differs)
    elif isinstance(cells, NameCells):
        names = cells.names.to_pylist()
        said = _gone(names, differs) if kind == "vocabulary" else _moved(names, differs)
    elif not where:
        said = _quantile(found, differs.feature)
    return ", ".join([*where, *([] if said is None else [said])]) or None


def _nulls(differs: ComparedSlice) -> str:
    here, there = (float(counts[NULL_CELL] / counts.sum()) for counts in (differs.here, differs.there))
    return f"{percent(here)} of the rows, {percent(there)} there"


def _shares(counts: Counts, names: Sequence[str]) -> Counts:
    """The share of the values that each name has, ``(num_names,)``."""
    known: Counts = counts[FIRST_CELL : FIRST_CELL + len(names)] / max(counts.sum() - counts[NULL_CELL], 1)
    return known


def _gone(names: Sequence[str], differs: ComparedSlice) -> str | None:
    """The commonest names there that hardly come here."""
    here, there = (_shares(counts, names) for counts in (differs.here, differs.there))
    gone = [place for place in np.argsort(-there, kind="stable") if here[place] * 10 < there[place]]
    told = [_name(names[place]) for place in gone[:_MOST_NAMES]]
    return f"{', '.join(told)} hardly {'come' if len(told) > 1 else 'comes'} here" if told else None


def _moved(names: Sequence[str], differs: ComparedSlice) -> str | None:
    """The name whose share of the rows with a value differs most."""
    here, there = (_shares(counts, names) for counts in (differs.here, differs.there))
    if not len(names):
        return None
    most = int(np.argmax(np.abs(here - there)))
    shares = [percent(float(shares[most])) for shares in (here, there)]
    return f"{_name(names[most])} in {shares[0]} of the rows, {shares[1]} there" if shares[0] != shares[1] else None


def _name(name: str) -> str:
    return f'"{name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"}"'


def _quantile(found: UnjoinedAudit, feature: str) -> str | None:
    """The median, or the first other quantile that differs as it is written; of lists that of their lengths."""
    here, there = (dict(counts.statistics.get(feature, ())) for counts in (found.here, found.there))
    for prefix, of_what in (("", ""), ("length_", " length")):
        for stat, words in _QUANTILES.items():
            values = [side.get(f"{prefix}{stat}") for side in (here, there)]
            told = [number(value, _DIGITS) for value in values if value is not None and np.isfinite(value)]
            if len(told) == len(values) and told[0] != told[1]:
                return f"{words}{of_what} {told[0]}, {told[1]} there"
    return None
