"""What a careful person writes by hand: row groups, arrays by their buffers, torch; to compare speed and scores with.

``python -m tests.bench.kinds.loop DIRECTORY ROWS OUT`` scores a whole table in two processes and writes Parquet.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.bench.kinds.case import KindsCase, score_chunks

PROCESSES = 2


class KindsLoop:
    """The loop over a case, with the model open.

    Args:
        case: The kinds to read, and the model over them.
    """

    def __init__(self, case: KindsCase) -> None:
        torch.set_num_threads(1)
        self._kinds = case.kinds()
        self._model = case.model()
        self._columns = [name for kind in self._kinds for name in kind.columns]
        self._dictionaries = [name for kind in self._kinds for name in kind.dictionaries]

    def scores(self, paths: list[Path]) -> Iterator[pa.Table]:
        """Yield ``request_id`` and ``score`` of each row group."""
        for path in paths:
            file = pq.ParquetFile(path, read_dictionary=self._dictionaries, pre_buffer=False)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["request_id", *self._columns], use_threads=False)
                inputs = [array for kind in self._kinds for array in kind.encode(table)]
                scores = pa.array(score_chunks(self._model, inputs))
                yield pa.table({"request_id": table.column("request_id"), "score": scores})


_SCHEMA = pa.schema({"request_id": pa.string(), "score": pa.float32()})


def write_scores(directory: Path, paths: list[Path], out: Path) -> None:
    """Score some files in this process, and write the scores to one."""
    with pq.ParquetWriter(out, _SCHEMA) as writer:
        for scores in KindsLoop(KindsCase(directory)).scores(paths):
            writer.write_table(scores)


def main() -> None:
    """Score a table in two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    paths = sorted(KindsCase(arguments.directory).table(arguments.rows).glob("*.parquet"))
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    work = [
        (arguments.directory, paths[place::PROCESSES], arguments.out / f"{place}.parquet") for place in range(PROCESSES)
    ]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.starmap(write_scores, work, chunksize=1)


if __name__ == "__main__":
    main()
