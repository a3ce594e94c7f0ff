"""What an audit of tables that are not joined found, as the summary tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.audit.columns.cells import FIRST_CELL, NULL_CELL, NameCells
from replay.audit.columns.distributions import compare_distributions, divergence
from replay.audit.false_discovery import discoveries
from replay.audit.slices import ALL
from replay.flows.audit.distributions import UnjoinedAudit
from replay.metrics.value import MetricValue
from replay.report.summary.audits import (
    AuditSummary,
    DifferenceCost,
    FeatureAudit,
    Sides,
    SliceCoverage,
    Unmatched,
)

Counts = NDArray[np.int64]

NOT_JOINED = "the tables are not joined by a key, so that the rows cannot be replayed with the other table's values"
_MOST_SLICES = 20
_LEAST_ROWS = 30
_KNOWN, _STRANGE = 0.5, 0.05
"""Share of the rows that have a common name in the other table, and here: below, the names are others."""


@dataclass(frozen=True)
class _Slice:
    """A feature in one slice: counts by cell of both tables, and the p-value of their being alike."""

    feature: str
    label: str
    here: Counts
    there: Counts
    p_value: float


def summarize_distributions(found: UnjoinedAudit, core: Sequence[str]) -> AuditSummary:
    """Put together what the summary says of an audit whose tables are not joined.

    Args:
        found: The counts.
        core: Features that matter to the model, as far as they are known.
    """
    slices = [each for name in found.here.cells for each in _slices(found, name)]
    significant = discoveries(np.array([each.p_value for each in slices], dtype=np.float64))
    differing: dict[str, list[_Slice]] = {}
    for each, is_found in zip(slices, significant, strict=True):
        if is_found:
            differing.setdefault(each.feature, []).append(each)
    told = [_feature(found, name, [each for each in slices if each.feature == name], core) for name in differing]
    told += [_absent(found, name, core) for name in found.absent]
    features = sorted(told, key=lambda each: (-(each.divergence or 0.0), each.feature))
    return AuditSummary(
        against=found.audit.against,
        joined=False,
        rows=found.here.rows,
        unmatched=Unmatched(0, 0),
        features_compared=len(found.compared),
        core=tuple(core),
        explains_mismatches=MetricValue(None, None, None, 0, NOT_JOINED),
        features=tuple(features),
        together=DifferenceCost(None, reason=NOT_JOINED),
        material={"ne": found.audit.material.ne, "score": found.audit.material.score},
        notes=(f"Costs are not measured: {NOT_JOINED}.",) if features else (),
    )


def _slices(found: UnjoinedAudit, name: str) -> list[_Slice]:
    """The slices that both tables have."""
    numbers, buckets = dict(found.there.slices.kept()), found.there.buckets_of(name) if found.there.rows else None
    made = []
    for label, place in found.here.slices.kept():
        here, there = found.here.by_slice[name][place], found.there.by_slice[name]
        if label in numbers and buckets is not None:
            other = there[numbers[label]]
            made.append(_Slice(name, label, here, other, compare_distributions(here, other, buckets).p_value))
    return made


def _feature(found: UnjoinedAudit, name: str, slices: Sequence[_Slice], core: Sequence[str]) -> FeatureAudit:
    whole = next(each for each in slices if each.label == ALL)
    kind, details = _kind(found, name, slices, whole)
    told = [SliceCoverage(each.label, _coverage(each)) for each in slices if each.label != ALL and _is_large(each)]
    told.sort(key=lambda each: (-_change(each.coverage), each.slice))
    return FeatureAudit(
        feature=name,
        family=_family(found, name),
        core=name in core,
        kind=kind,
        coverage=_coverage(whole),
        mismatch_rate=None,
        alarm=False,
        cost=DifferenceCost(None, reason=NOT_JOINED),
        details=details,
        significant=True,
        divergence=divergence(whole.here, whole.there),
        slices=tuple(each for each in told[:_MOST_SLICES] if _change(each.coverage) > 0),
    )


def _absent(found: UnjoinedAudit, name: str, core: Sequence[str]) -> FeatureAudit:
    return FeatureAudit(
        feature=name,
        family=_family(found, name),
        core=name in core,
        kind="not_served",
        coverage=Sides(None, 0.0),
        mismatch_rate=None,
        alarm=False,
        cost=DifferenceCost(None, reason=NOT_JOINED),
        details="it has no such column",
        significant=True,
    )


def _kind(found: UnjoinedAudit, name: str, slices: Sequence[_Slice], whole: _Slice) -> tuple[str, str | None]:
    """How the distributions differ: where there are no values, in how many there are, or in the values."""
    for label, of_slice in ((each.label, each) for each in slices if _is_large(each)):
        coverage = _coverage(of_slice)
        if 0.0 in (coverage.here, coverage.there) and coverage.here != coverage.there:
            side = "here" if coverage.here == 0.0 else "there"
            return "not_served", f"no value {side}" + ("" if label == ALL else f" in {label}")
    values = [each.copy() for each in (whole.here, whole.there)]
    for counts in values:
        counts[NULL_CELL] = 0
    buckets = found.there.buckets_of(name).copy()
    buckets[:, NULL_CELL] = 0
    alike = compare_distributions(values[0], values[1], buckets).p_value
    if not alike < 0.05:
        return "null", None
    return ("vocabulary", None) if _other_names(found, name, values[0], values[1]) else ("shifted", None)


def _other_names(found: UnjoinedAudit, name: str, here: Counts, there: Counts) -> bool:
    """Whether the names that are common in the other table hardly come here."""
    cells = found.here.cells[name]
    if not isinstance(cells, NameCells) or not here.sum() or not there.sum():
        return False
    named = slice(FIRST_CELL, FIRST_CELL + len(cells.names))
    return bool(there[named].sum() / there.sum() >= _KNOWN and here[named].sum() / here.sum() <= _STRANGE)


def _family(found: UnjoinedAudit, name: str) -> str | None:
    return next((family for family, members in found.families.items() if name in members), None)


def _coverage(each: _Slice) -> Sides:
    shares = [
        None if not counts.sum() else float(1 - counts[NULL_CELL] / counts.sum()) for counts in (each.here, each.there)
    ]
    return Sides(shares[0], shares[1])


def _is_large(each: _Slice) -> bool:
    return bool(min(each.here.sum(), each.there.sum()) >= _LEAST_ROWS)


def _change(coverage: Sides) -> float:
    return abs((coverage.here or 0.0) - (coverage.there or 0.0))
