"""What several variants say together: the skew matrix, and the families ranked by what they cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import model_validator

from replay.metrics.metric import losses
from replay.report.summary.json_safe import OPTIONAL
from replay.report.summary.metric_record import MetricRecord


@dataclass(frozen=True)
class SkewCell(MetricRecord):
    """One pairing of module versions, against the consistent checkpoint of its newest version."""

    modules: Mapping[str, str]
    """Checkpoint of each module."""
    variant: str
    consistent: str
    """The checkpoint that all modules would come from, had they been deployed together: the newest of them."""
    lag: int
    """Versions between the newest and the oldest module; 0 for a consistent pairing."""
    mean_abs: float | None
    """Mean of |score - consistent score|."""
    mismatch_rate: float | None
    """Share of rows whose score is beyond the tolerance of the consistent one."""
    measures: Mapping[str, float | None] = field(default_factory=dict, metadata=OPTIONAL)
    """The pairing's quality, and what it loses of it, by metric; empty without a label."""

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, data: Any) -> Any:
        return cls.gather(data)

    @classmethod
    def measured_names(cls) -> dict[str, str | None]:
        """See ``MetricRecord.measured_names``."""
        values = dict.fromkeys(metric.name for metric in losses().values())
        return values | {
            name: metric.change_text("pairing", "consistent checkpoint") for name, metric in losses().items()
        }

    def loss(self, metric: str) -> float | None:
        """What the pairing loses by a metric: a change of quality, ``mean_abs`` or ``mismatch_rate``."""
        value: float | None = getattr(self, metric)
        return value


@dataclass(frozen=True)
class LagLoss:
    """The worst pairing at one lag."""

    lag: int
    loss: float | None
    variant: str


@dataclass(frozen=True)
class SkewMatrix:
    """Every pairing of module versions."""

    modules: Mapping[str, tuple[str, ...]]
    """Versions of each module, oldest first."""
    cells: tuple[SkewCell, ...]
    metric: str
    """What the loss is measured by."""
    losses: tuple[LagLoss, ...]
    """The worst loss at each lag, smallest lag first."""
    limit: float | None = None
    """The largest loss that holds up."""
    holds_up_to: int | None = None
    """The largest lag at which, and below which, no pairing loses more than the limit; None without a limit."""


@dataclass(frozen=True)
class FamilyEffect:
    """What a variant costs whose one family is null everywhere."""

    family: str
    variant: str
    metric: str
    """What the ranking is by: ``auc_drop`` where there is a label, else ``mean_abs``."""
    value: float | None
    low: float | None = None
    high: float | None = None
    mean_abs: float | None = None
    """Mean of |score - baseline score|."""


def losses_by_lag(cells: Sequence[SkewCell], metric: str) -> tuple[LagLoss, ...]:
    """The worst loss at each lag; a loss that is not defined is worse than any.

    Args:
        cells: All pairings.
        metric: A change of quality (``auc_drop``), ``mean_abs`` or ``mismatch_rate``.
    """
    by_lag: dict[int, list[SkewCell]] = defaultdict(list)
    for cell in cells:
        by_lag[cell.lag].append(cell)
    worst = [max(by_lag[lag], key=lambda cell: worst_if_undefined(cell.loss(metric))) for lag in sorted(by_lag)]
    return tuple(LagLoss(cell.lag, cell.loss(metric), cell.variant) for cell in worst)


def worst_if_undefined(loss: float | None) -> float:
    """Sort key of a loss: one that is not defined is worse than any."""
    return float("inf") if loss is None else loss


def holds_up_to(losses: Sequence[LagLoss], limit: float) -> int:
    """The largest lag up to which no loss exceeds a limit; -1 where not even the consistent pairings hold.

    >>> holds_up_to([LagLoss(0, 0.0, "a"), LagLoss(1, 0.001, "b"), LagLoss(2, 0.01, "c")], 0.002)
    1
    """
    held = -1
    for entry in losses:
        if entry.loss is None or entry.loss > limit:
            break
        held = entry.lag
    return held
