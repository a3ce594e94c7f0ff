"""The opened scorers of a worker process. In a module of its own, so that pickling a job cannot copy it."""

from __future__ import annotations

from collections import OrderedDict

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.open import open_scorer, scorer_fingerprint
from replay.checkpoints.scorer import Scorer
from replay.config.model import ModelConfig

LIMIT = 8
"""Scorers kept; the one used longest ago goes first."""

_scorers: OrderedDict[str, Scorer] = OrderedDict()


def cached_scorer(checkpoint: Checkpoint, model: ModelConfig, device: str = "cpu") -> Scorer:
    """Open a checkpoint once per process; see :func:`~replay.checkpoints.open.open_scorer`."""
    key = scorer_fingerprint(checkpoint, model, device)
    if key not in _scorers:
        while len(_scorers) >= LIMIT:
            _scorers.popitem(last=False)
        _scorers[key] = open_scorer(checkpoint, model, device)
    _scorers.move_to_end(key)
    return _scorers[key]
