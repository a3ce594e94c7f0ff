"""What every checkpoint answers for rehearsed rows, and how many answers agree with online."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.config import ReplayConfig, Tolerance
from replay.diff.tolerance import agrees
from replay.errors import CheckpointMismatch
from replay.features import Encoder, feature_column
from replay.scoring.preflight import with_feature
from replay.scoring.routes import NO_MEMBER, as_text, pick, plan_routes, served_route

_CHUNK_ROWS = 1024
_FEW = 0.5
_NEARLY_ALL = 0.9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RehearsedScores:
    """Scores of one checkpoint.

    Attributes:
        low: Smallest finite one; None where there is none.
        mean: Of the finite ones.
        high: Largest finite one.
        non_finite: How many are NaN or infinite.
        problem: Why it did not answer, or None.
    """

    low: float | None
    mean: float | None
    high: float | None
    non_finite: int
    problem: str | None = None


@dataclass(frozen=True)
class Agreement:
    """How a checkpoint's scores compare with those that online gave.

    Attributes:
        checkpoint: Its name.
        served: Whether only rows count that online says it served.
        compared: Rows with a score on both sides.
        agree: Those of them that agree within the tolerance.
        without_online: Accepted rows without an online score.
    """

    checkpoint: str
    served: bool
    compared: int
    agree: int
    without_online: int

    @property
    def share(self) -> float | None:
        """Share of the compared rows that agrees; None where none was compared."""
        return self.agree / self.compared if self.compared else None


def score_rows(
    config: ReplayConfig, batch: pa.RecordBatch, tensors: Mapping[str, torch.Tensor], scorers: Mapping[str, Scorer]
) -> tuple[dict[str, Floats], dict[str, str]]:
    """Score accepted rows under every checkpoint, routes too.

    Args:
        config: The replay.
        batch: (num_rows,) logged rows, all accepted.
        tensors: What the contract makes of them.
        scorers: By checkpoint.

    Returns:
        Scores by checkpoint, (num_rows,) each, and of those that did not answer the reason.
    """
    scores: dict[str, Floats] = {}
    problems: dict[str, str] = {}
    for name, scorer in scorers.items():
        try:
            scores[name] = _score(scorer, tensors, batch.num_rows)
        except CheckpointMismatch as error:
            problems[name] = str(with_feature(error, Encoder(config.encoded_model, batch.schema)))
    for name, route in plan_routes(config).items():
        missing = [member for member in route.members if member not in scores]
        if missing:
            problems[name] = f"{missing[0]} did not answer"
            continue
        scores[name] = pick(route.assign(batch), [scores[member] for member in route.members]).astype(np.float64)
    return scores, problems


def _score(scorer: Scorer, tensors: Mapping[str, torch.Tensor], rows: int) -> Floats:
    parts = [
        scorer.score({name: tensor[start : start + _CHUNK_ROWS] for name, tensor in tensors.items()}).numpy()
        for start in range(0, rows, _CHUNK_ROWS)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)


def score_range(scores: Floats) -> RehearsedScores:
    """The range of some scores, (num_rows,)."""
    finite = scores[np.isfinite(scores)]
    if not finite.size:
        return RehearsedScores(None, None, None, len(scores))
    return RehearsedScores(float(finite.min()), float(finite.mean()), float(finite.max()), len(scores) - len(finite))


def compare_with_online(
    config: ReplayConfig, batch: pa.RecordBatch, scores: Mapping[str, Floats]
) -> tuple[Agreement, ...]:
    """Compare the baseline with online, and with ``served_by`` each checkpoint over the rows that it served.

    Where the baseline agrees in few rows, a checkpoint that agrees in nearly all of them is compared as well.

    Args:
        config: The replay; a measured tolerance counts as the default one.
        batch: (num_rows,) logged rows, all accepted.
        scores: By checkpoint, (num_rows,).
    """
    column = feature_column(batch, config.traffic.score)
    online = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    has_online = column.is_valid().to_numpy(zero_copy_only=False)
    tolerance = config.diff.tolerance if isinstance(config.diff.tolerance, Tolerance) else Tolerance()

    def compare(name: str, served: bool, rows: NDArray[np.bool_]) -> Agreement:
        compared = rows & has_online & ~(np.isnan(online) & np.isnan(scores[name]))
        return Agreement(
            checkpoint=name,
            served=served,
            compared=int(compared.sum()),
            agree=int(agrees(scores[name][compared], online[compared], tolerance).sum()),
            without_online=int((rows & ~has_online).sum()),
        )

    found = [compare(name, served, rows) for name, served, rows in _sides(config, batch) if name in scores]
    if found and found[0].share is not None and found[0].share < _FEW:
        everywhere = np.ones(batch.num_rows, bool)
        others = [compare(name, False, everywhere) for name in scores if name != config.baseline]
        found += [other for other in others if other.share is not None and other.share > _NEARLY_ALL]
    return tuple(found)


def unknown_versions(config: ReplayConfig, batch: pa.RecordBatch) -> dict[str, int]:
    """Values of ``served_by`` that name no checkpoint, with their rows, the commonest first; nulls as ``null``.

    Args:
        config: The replay.
        batch: (num_rows,) logged rows.
    """
    if config.traffic.served_by is None:
        return {}
    route = served_route(config)
    unknown = batch.filter(pa.array(route.assign(batch) == NO_MEMBER))
    named = Counter("null" if one is None else one for one in as_text(feature_column(unknown, route.column)))
    return dict(named.most_common())


def _sides(config: ReplayConfig, batch: pa.RecordBatch) -> Iterator[tuple[str, bool, NDArray[np.bool_]]]:
    """Checkpoint, whether it is looked at where it served, and which rows count."""
    yield config.baseline, False, np.ones(batch.num_rows, bool)
    if config.traffic.served_by is None:
        return
    route = served_route(config)
    assigned = route.assign(batch)
    for place, name in enumerate(route.members):
        rows = assigned == place
        if rows.any():
            yield name, True, rows
