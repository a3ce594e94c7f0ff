"""Memory of Spark's Python workers: proportional set size, so that pages shared between them count once."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import replay
from replay.spark.session import spark_session
from tests.bench.processes import descendants, is_java

_KB = 1024


def worker_pss() -> tuple[int, int]:
    """Bytes of all Python workers below this process and what they are forked from, and how many there are."""
    total = count = 0
    for pid in descendants(os.getpid()):
        try:
            if is_java(pid):
                continue
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * _KB
        count += 1
    return total, count


class Peak:
    """Samples the workers' memory while a block runs."""

    def __enter__(self) -> Peak:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(0.1):
            self.bytes = max(self.bytes, worker_pss()[0])

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _replay(config: str) -> None:
    # In an output that holds the same run, finished work would not be done again.
    with tempfile.TemporaryDirectory() as output:
        replay.run(config, output=f"{output}/out")


def main() -> None:
    """Replay a config on so many slots; print peak and settled bytes as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--slots", type=int, default=1)
    arguments = parser.parse_args()
    with spark_session(f"local[{arguments.slots}]"):
        _replay(arguments.config)
        with Peak() as peak:
            _replay(arguments.config)
        time.sleep(1)
        settled, workers = worker_pss()
    sys.stdout.write(json.dumps({"peak": peak.bytes, "settled": settled, "processes": workers}) + "\n")


if __name__ == "__main__":
    main()
