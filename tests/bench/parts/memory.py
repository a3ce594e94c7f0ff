"""Memory of the workers: flat in the rows, and one copy of the weights for all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.case import ids_case
from tests.bench.options import BenchOptions, say

_MB = 1 << 20


def print_memory(options: BenchOptions) -> None:
    """Print peak memory at 1 x and 4 x the rows, and of two workers against one."""
    case, rows = ids_case(options.directory), options.rows // 8
    configs = {times: case.config(case.table(times * rows)) for times in (1, 4)}
    one, four, two = (measure_memory(configs[times], slots) for times, slots in ((1, 1), (4, 1), (1, 2)))
    weights = case.weights().stat().st_size / _MB
    say(f"\nMemory of the Python workers (proportional set size, MB), model of {weights:.0f} MB")
    say(f"  peak, one worker, {rows:,} rows {one['peak'] / _MB:,.0f}; {4 * rows:,} rows {four['peak'] / _MB:,.0f}")
    say(f"  settled, one worker {one['settled'] / _MB:,.0f}; two workers {two['settled'] / _MB:,.0f}: the second adds")
    say(f"  {(two['settled'] - one['settled']) / _MB:,.0f}")


def measure_memory(config: Path, slots: int) -> dict[str, int]:
    """Bytes of the workers of a replay, in processes of its own: ``peak`` and ``settled``, and how many they are."""
    command = [sys.executable, "-m", "tests.bench.worker_memory", str(config), "--slots", str(slots)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found
