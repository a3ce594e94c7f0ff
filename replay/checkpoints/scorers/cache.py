"""The scorers that a process keeps open. In a module of its own, so that pickling a function cannot take them along."""

from __future__ import annotations

import threading
from collections import OrderedDict

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.open import open_scorer, scorer_fingerprint
from replay.checkpoints.scorers.scorer import ModelScorer
from replay.config.sections.model.contract import ModelConfig
from replay.spark.faststart.garbage import freeze_garbage, no_collection

MOST_OPEN = 8
"""Scorers kept open; the one that was used least recently goes first."""

_lock = threading.Lock()
_open: OrderedDict[tuple[str, str], ModelScorer] = OrderedDict()
_unsettled: list[ModelScorer] = []


def cached_scorer(
    checkpoint: Checkpoint, model: ModelConfig, device: str = "cpu", *, keep: int = MOST_OPEN
) -> ModelScorer:
    """Open a checkpoint, or return the scorer that this process has open for the same files, factory and contract.

    See :func:`~replay.checkpoints.open.open_scorer`.

    Args:
        checkpoint: As examined.
        model: The model's contract.
        device: ``cpu``, or ``cuda:0`` and so on.
        keep: Scorers that are needed at once; more than ``MOST_OPEN`` stay open where they are.
    """
    with _lock:
        key = (scorer_fingerprint(checkpoint, model), device)
        # The same content may have come from another file, of a run before this one; this one's file is sound.
        if key in _open and _open[key].overwritten:
            del _open[key]
        if key not in _open:
            with no_collection():
                scorer = open_scorer(checkpoint, model, device)
            key = (scorer.fingerprint, device)  # opening it may have shown more of what it consists of
            while len(_open) >= max(MOST_OPEN, keep):
                _open.popitem(last=False)
            _open[key] = scorer
            _unsettled.append(scorer)
        _open.move_to_end(key)
        return _open[key]


def settle_worker() -> None:
    """In a Spark worker: keep the garbage collector from what was opened. Cheap where nothing was opened since."""
    with _lock:
        if _unsettled:
            _unsettled.clear()
            freeze_garbage()


def close_scorers() -> None:
    """Close everything that this process keeps open."""
    with _lock:
        _open.clear()
        _unsettled.clear()
