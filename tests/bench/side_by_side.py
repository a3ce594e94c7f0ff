"""Scoring in processes that start together, as two task slots do; without Spark."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.bench.alone import ScoringAlone
from tests.bench.case import Case
from tests.bench.loop import PROCESSES, Loop, pieces

Opener = Callable[[Case, Path, Path, int], Iterable[Any]]
"""Given a case, a table of it, the config over that and the process's place: scores, lazily, with the model open."""


def open_loop(case: Case, traffic: Path, config: Path, place: int) -> Iterable[Any]:
    """The loop by hand."""
    return Loop(case).scores(pieces(traffic)[place::PROCESSES])


def open_engine(case: Case, traffic: Path, config: Path, place: int) -> Iterable[Any]:
    """The engine's scoring alone."""
    return ScoringAlone(config, place, PROCESSES).scores()


def _score(
    opener: Opener,
    arguments: tuple[Case, Path, Path, int],
    start: multiprocessing.Barrier,
    seconds: multiprocessing.Queue,
) -> None:
    try:
        scores = opener(*arguments)
    except BaseException:
        start.abort()  # the others would wait for this process forever
        raise
    start.wait()
    began = time.perf_counter()
    for _ in scores:
        pass
    seconds.put(time.perf_counter() - began)


def run_side_by_side(opener: Opener, case: Case, rows: int) -> float:
    """Seconds to score a table in two processes, one thread each, models open before the clock starts.

    Raises:
        RuntimeError: One of them failed; it has said why.
    """
    traffic = case.table(rows)
    config = case.config(traffic)
    context = multiprocessing.get_context("spawn")
    start, seconds = context.Barrier(PROCESSES), context.Queue()
    workers = [
        context.Process(target=_score, args=(opener, (case, traffic, config, place), start, seconds))
        for place in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f"a process that scores {case.name} failed")
    slowest: float = max(seconds.get() for _ in workers)
    return slowest
