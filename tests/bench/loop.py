"""What a careful person writes by hand: row groups, arrays by their buffers, torch; without Spark or checks.

``python -m tests.bench.loop CASE DIRECTORY ROWS OUT`` scores a table in two processes and writes Parquet.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.bench.case import CASES, Case, encode, score_chunks

PROCESSES = 2

Piece = tuple[Path, int]
"""A file, and a row group of it."""


def pieces(table: Path) -> list[Piece]:
    """The row groups of a table."""
    files = sorted(table.glob("*.parquet"))
    return [(file, group) for file in files for group in range(pq.read_metadata(file).num_row_groups)]


class Loop:
    """The loop over a case, with its model open.

    Args:
        case: What to read, and by what to score it.
    """

    def __init__(self, case: Case) -> None:
        torch.set_num_threads(1)
        self._case = case
        self._model = case.model()
        self._columns = ["request_id", *case.columns]

    def scores(self, work: Sequence[Piece]) -> Iterator[pa.Table]:
        """Yield ``request_id`` and ``score`` of each row group."""
        opened: tuple[Path, pq.ParquetFile] | None = None
        for path, group in work:
            if opened is None or opened[0] != path:
                file = pq.ParquetFile(path, read_dictionary=self._case.dictionaries, pre_buffer=False)
                opened = path, file
            table = opened[1].read_row_group(group, columns=self._columns, use_threads=False)
            scores = score_chunks(self._model, encode(self._case, table))
            yield pa.table({"request_id": table.column("request_id"), "score": scores}, schema=_SCHEMA)


_SCHEMA = pa.schema({"request_id": pa.string(), "score": pa.float32()})


def write_scores(name: str, directory: Path, work: Sequence[Piece], out: Path) -> None:
    """Score some row groups in this process, and write the scores to one file."""
    with pq.ParquetWriter(out, _SCHEMA) as writer:
        for scores in Loop(CASES[name](directory)).scores(work):
            writer.write_table(scores)


def main() -> None:
    """Score a table in two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("directory", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    work = pieces(CASES[arguments.case](arguments.directory).table(arguments.rows))
    arguments.out.mkdir(parents=True)
    shares = [
        (arguments.case, arguments.directory, work[place::PROCESSES], arguments.out / f"{place}.parquet")
        for place in range(PROCESSES)
    ]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.starmap(write_scores, shares, chunksize=1)


if __name__ == "__main__":
    main()
