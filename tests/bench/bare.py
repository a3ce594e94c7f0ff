"""The bare loop: pyarrow row groups, numpy stacks, torch. What anyone could write, without Spark or checks."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from tests.bench.case import Case

CHUNK = 2048


def _score(
    case: Case, pieces: list[tuple[str, int]], start: multiprocessing.Barrier, seconds: multiprocessing.Queue
) -> None:
    torch.set_num_threads(1)
    model = case.model()
    columns = [*case.dense_names, *case.id_names]
    start.wait()
    began = time.perf_counter()
    with torch.inference_mode():
        for path, group in pieces:
            table = pq.ParquetFile(path).read_row_group(group, columns=columns, use_threads=False)
            for batch in table.to_batches(max_chunksize=CHUNK):
                dense = np.stack([batch.column(name).to_numpy() for name in case.dense_names], axis=1)
                inputs = [torch.from_numpy(dense)]
                if case.ids:
                    ids = np.stack([batch.column(name).to_numpy() for name in case.id_names], axis=1)
                    inputs.append(torch.from_numpy(ids))
                torch.sigmoid(model(*inputs)).numpy()
    seconds.put(time.perf_counter() - began)


def run_bare(case: Case, traffic: Path, processes: int = 2) -> float:
    """Seconds to score a table with so many processes, one thread each, models loaded before the clock starts."""
    pieces = [
        (str(path), group)
        for path in sorted(traffic.glob("*.parquet"))
        for group in range(pq.ParquetFile(path).num_row_groups)
    ]
    context = multiprocessing.get_context("spawn")
    start, seconds = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_score, args=(case, pieces[place::processes], start, seconds))
        for place in range(processes)
    ]
    for worker in workers:
        worker.start()
    slowest = max(seconds.get() for _ in workers)
    for worker in workers:
        worker.join()
    return slowest
