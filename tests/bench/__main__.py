"""``make bench``: what a user waits for, beside other ways to score the same table; then what it consists of."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.contenders import CONTENDERS
from tests.bench.options import BenchOptions
from tests.bench.parts.columns import print_columns
from tests.bench.parts.diagnosis import print_diagnosis
from tests.bench.parts.kinds import print_kinds
from tests.bench.parts.memory import print_memory
from tests.bench.parts.scenarios import print_scenarios
from tests.bench.parts.scoring import print_floats, print_ids
from tests.bench.parts.whole import print_whole

PARTS: dict[str, Callable[[BenchOptions], None]] = {
    "whole": print_whole,
    "kinds": print_kinds,
    "ids": print_ids,
    "floats": print_floats,
    "scenarios": print_scenarios,
    "diagnosis": print_diagnosis,
    "columns": print_columns,
    "memory": print_memory,
}
"""In the order in which they are measured: what is printed first is what a user sees."""


def main() -> None:
    """Run what is asked for; all of it by default."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rows", type=int, default=4_000_000, help="of the largest run; others are shares of it")
    parser.add_argument("--repeats", type=int, default=3, help="turns, of which the least counts")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "replay-bench")
    parser.add_argument(
        "--contenders", nargs="+", choices=CONTENDERS, help="whole commands to run, instead of a part's own"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"found part {min(unknown)!r}, expected some of {', '.join(PARTS)}")
    contenders = None if arguments.contenders is None else tuple(arguments.contenders)
    options = BenchOptions(arguments.rows, arguments.repeats, arguments.directory.absolute(), contenders)
    for name, run in PARTS.items():
        if name in arguments.parts:
            run(options)


if __name__ == "__main__":
    main()
