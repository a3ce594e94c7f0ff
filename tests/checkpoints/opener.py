"""A worker process for tests of shared memory: opens what it is told, and scores.

Reads lines of JSON from stdin: ``{"path": ..., "config": {...}, "rows": n}`` opens and scores; with ``pickle`` instead,
the path of a pickled checkpoint, it opens that; ``{}`` lets go. Each is answered with the sum of the scores.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import torch

from replay.checkpoints.open import open_scorer
from replay.checkpoints.scorers.scorer import ModelScorer
from replay.checkpoints.sharing.private_cache import release_memory
from tests.checkpoints.models import contract, opened


def score_every_row(scorer: ModelScorer, rows: int) -> float:
    """Touch the whole table, in chunks that leave no memory behind."""
    total = 0.0
    for start in range(0, rows, 2000):
        ids = torch.arange(start, min(start + 2000, rows)).reshape(-1, 2)
        total += float(scorer.score({"dense": torch.ones(len(ids), 3), "ids": ids}).double().sum())
    return total


def open_pickle(path: str) -> ModelScorer:
    """Open a checkpoint as a worker gets it."""
    return open_scorer(pickle.loads(Path(path).read_bytes()), contract())


def main() -> None:
    torch.set_num_threads(1)
    scorer: ModelScorer | None = None
    for line in sys.stdin:
        order = json.loads(line)
        scorer, total = None, 0.0
        if order:
            scorer = opened(Path(order["path"]), **order["config"]) if "path" in order else open_pickle(order["pickle"])
            total = score_every_row(scorer, order["rows"])
        release_memory()
        sys.stdout.write(f"{total}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
