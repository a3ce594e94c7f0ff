"""``make chaos``: a random process killed at a random moment, point after point, and the run started again."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.bench.chaos.point import Found, plan_points, try_point
from tests.bench.chaos.victims import MARK
from tests.bench.chaos.world import ROOT, make_world, temporary_world
from tests.standalone import standalone_cluster

_CLUSTER = "cluster"


def main() -> int:
    """Try all points; 0 where each was resumed and identical."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of points")
    arguments = parser.parse_args()
    plans = [
        each
        for each in plan_points(arguments.seed, arguments.points)
        if each.number in (arguments.only or [each.number])
    ]
    found: list[Found] = []
    environment = {MARK: _CLUSTER, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable}
    with temporary_world() as place, ExitStack() as stack:
        environment |= {"SPARK_WORKER_DIR": f"{place}/work", "SPARK_LOCAL_DIRS": f"{place}/local"}
        with standalone_cluster(2, cores=1, environment=environment) as cluster:
            world = make_world(Path(place), cluster.url)
            stack.callback(world.end)
            undisturbed = {command: world.undisturbed(command, "local[2]") for command in ("run", "diagnose")}
            slower = world.undisturbed("run", "cluster")[1]
            for plan in plans:
                expected, seconds = undisturbed[plan.command]
                seconds = slower if plan.master == "cluster" else seconds
                found.append(try_point(world, plan, expected, seconds, _CLUSTER))
                _say(found[-1].line())
    resumed = sum(each.resumed for each in found)
    identical = sum(each.resumed and not each.problems for each in found)
    _say(f"{len(found)} points tried, {resumed} resumed, {identical} identical (seed {arguments.seed})")
    return 0 if identical == len(found) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the cluster ends with it
    os.environ.pop(MARK, None)
    sys.exit(main())
