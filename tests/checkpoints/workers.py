"""Worker processes for tests of shared memory: each opens what it is told, and scores.

A process reads lines of JSON: ``{"path": ..., "config": {...}, "rows": n}`` opens and scores; with ``pickle``
instead, the path of a pickled checkpoint, it opens that; ``{}`` lets go. Each is answered with the sum of the scores.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import replay
from replay.checkpoints.open import open_scorer
from replay.checkpoints.scorers.scorer import ModelScorer
from replay.checkpoints.sharing.memory import release_memory
from tests.checkpoints.models import contract, opened

ROOT = Path(replay.__file__).parents[1]
LARGE = {"rows": 120_000, "width": 128}
LARGE_BYTES = LARGE["rows"] * LARGE["width"] * 4  # 61 MB


@dataclass
class Worker:
    process: subprocess.Popen[str]

    def order(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self) -> float:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker ended"
        return float(line)


def start_workers(folder: Path) -> list[Worker]:
    """Two processes, as a machine's workers, with ``folder`` for what they share."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return [
        Worker(
            subprocess.Popen(
                [sys.executable, "-m", "tests.checkpoints.workers"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=environment,
            )
        )
        for _ in range(2)
    ]


def together(workers: list[Worker], **order: Any) -> tuple[int, set[float]]:
    """All do the same, and hold what they hold: the sum of their sizes, and what they computed."""
    for worker in workers:
        worker.order(**order)
    totals = {worker.answer() for worker in workers}
    return sum(proportional_bytes(worker.process.pid) for worker in workers), totals


def let_go(workers: list[Worker]) -> None:
    """All close what they hold."""
    for worker in workers:
        worker.order()
    for worker in workers:
        worker.answer()


def proportional_bytes(pid: int) -> int:
    """A process's memory without the libraries, which any other process on the machine may share.

    A page that several processes map counts in parts, which add up to one page.
    """
    total, counts = 0, True
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = not re.search(r"\.so[.\d]*$|/bin/", line)
        elif counts and line.startswith("Pss:"):
            total += int(line.split()[1]) * 1024
    return total


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
