"""The scorers that a process keeps open. In a module of its own, so that pickling a function cannot take them along."""

from __future__ import annotations

import threading
from collections import OrderedDict

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.open import open_scorer, scorer_fingerprint
from replay.checkpoints.scorer import Scorer
from replay.config.model import ModelConfig

MOST_OPEN = 8
"""Scorers kept open; the one that was used least recently goes first."""

_lock = threading.Lock()
_open: OrderedDict[tuple[str, str], Scorer] = OrderedDict()


def cached_scorer(checkpoint: Checkpoint, model: ModelConfig, device: str = "cpu") -> Scorer:
    """Open a checkpoint, or return the scorer that this process has open for the same files, factory and contract.

    See :func:`~replay.checkpoints.open.open_scorer`.
    """
    key = (scorer_fingerprint(checkpoint, model), device)
    with _lock:
        if key not in _open:
            while len(_open) >= MOST_OPEN:
                _open.popitem(last=False)
            _open[key] = open_scorer(checkpoint, model, device)
        _open.move_to_end(key)
        return _open[key]


def close_scorers() -> None:
    """Close everything that this process keeps open."""
    with _lock:
        _open.clear()
