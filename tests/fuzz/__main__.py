"""``python -m tests.fuzz [--seconds 60] [--seed 0] [TARGET ...]``: fuzzes each target for so long (``make fuzz``)."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.watch import install

_ROUND = 100


def fuzz(target: Target, seconds: float, start: int) -> int:
    """Draw inputs until the time is up, or until one is a fault: hypothesis then makes it small, and it is raised."""
    count = 0

    def once(data: st.DataObject) -> None:
        nonlocal count
        count += 1
        target(data)

    end = time.monotonic() + seconds
    number = start
    while time.monotonic() < end:
        run = settings(
            max_examples=_ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        )(given(st.data())(once))
        seed(number)(run)()
        number += 1_000_003
    return count


def main() -> int:
    """Fuzz the targets, and say of each how many inputs it read."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=[])
    arguments = parser.parse_args()
    importlib.import_module("pandas")  # which pyarrow imports where it is first asked for a column
    install()
    faults = 0
    for name in arguments.targets or TARGETS:
        try:
            count = fuzz(TARGETS[name], arguments.seconds, arguments.seed)
            sys.stdout.write(f"{name:<12} {count:>8,} inputs in {arguments.seconds:.0f} s: none is a fault\n")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            faults += 1
            traceback.print_exc()
            sys.stdout.write(f"{name:<12} a fault: {type(error).__name__}; the smallest input is above\n")
        sys.stdout.flush()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
