"""``make bench-diagnosis``: random incidents over real and generated traffic, and how they are told."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from tests.bench.diagnosis.alarms import KindOfNoise, alarm_target, render_alarms, run_kind
from tests.bench.diagnosis.case import Case, Suite, run_case, start_worker
from tests.bench.diagnosis.clean import KINDS
from tests.bench.diagnosis.incidents import INCIDENTS
from tests.bench.diagnosis.judgement.outcome import Outcome
from tests.bench.diagnosis.table import describe_rest, describe_wrong, place_of, render, targets
from tests.bench.diagnosis.worlds import WORLDS

_DATA = Path(os.environ.get("REPLAY_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))

_EACH = 4


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_lines(lines: Sequence[str]) -> None:
    """Print some lines, or nothing."""
    if lines:
        say("\n".join(lines))


def choose_worlds(only: str | None, data: Path) -> list[str]:
    """The worlds that can be run; says which cannot."""
    worlds = [world for world in WORLDS if only in (None, world)]
    for world in list(worlds):
        file = WORLDS[world].file
        if file is not None and not (data / file).exists():
            say(f"{world} skipped: found no {data / file}; give --data or set REPLAY_TEST_DATA")
            worlds.remove(world)
    return worlds


def plan(worlds: Sequence[str], incidents: int, clean: int) -> list[Case]:
    """All cases: kinds take turns, and worlds, so that each kind comes to each world."""
    if not worlds:
        return []
    kinds = list(INCIDENTS)
    planted = [
        Case(worlds[(number + number // len(kinds)) % len(worlds)], number, kinds[number % len(kinds)])
        for number in range(incidents)
    ]
    return planted + [Case(worlds[number % len(worlds)], number, None) for number in range(clean)]


def run(suite: Suite, cases: Sequence[Case], workers: int) -> list[Outcome]:
    """Run cases in worker processes; the outcomes are in the order of the cases."""
    torch.set_num_threads(1)  # training sums in one order on any machine
    for world in dict.fromkeys(case.world for case in cases):
        suite.prepare(world)
    found: dict[int, Outcome] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, start_worker, (suite,)) as pool:
        places = {pool.submit(run_case, case): place for place, case in enumerate(cases)}
        for done in as_completed(places):
            outcome = found[places[done]] = done.result()
            say(f"{len(found)} of {len(cases)}: {place_of(outcome)}, {outcome.seconds:.1f} s")
            say_lines([*describe_wrong(outcome), *describe_rest(outcome)])
    return [found[place] for place in range(len(cases))]


def run_noises(seed: int, runs: int, planted: int, workers: int) -> list[KindOfNoise]:
    """Runs without a model, of every kind of noise, as many of each."""
    each, marked = -(-runs // len(KINDS)), -(-planted // len(KINDS))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(run_kind, KINDS, *([value] * len(KINDS) for value in (seed, each, marked))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-diagnosis", description=__doc__)
    parser.add_argument("--incidents", type=int, default=_EACH * len(INCIDENTS), help="as many of each kind")
    parser.add_argument("--clean", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=60_000, help="rows of each stretch of traffic")
    parser.add_argument("--only", choices=tuple(WORLDS))
    parser.add_argument("--noises", type=int, default=1_000, help="clean runs without a model, over all kinds of noise")
    parser.add_argument("--planted", type=int, default=220, help="the same with an incident")
    parser.add_argument("--case", type=int, nargs="+", help="run these incidents alone, as they are in the whole suite")
    parser.add_argument("--kind", nargs="+", choices=tuple(INCIDENTS), metavar="KIND", help="run these kinds alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the real traffic")
    given = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited by the workers, before they load torch
    cases = plan(choose_worlds(given.only, given.data), given.incidents, given.clean)
    if given.case is not None:
        cases = [case for case in cases if case.kind is not None and case.number in given.case]
    if given.kind is not None:
        cases = [case for case in cases if case.kind in given.kind]
    if given.case is not None or given.kind is not None:
        given.noises = 0
    noises = run_noises(given.seed, given.noises, given.planted, given.workers) if given.noises else []
    if noises:
        say(f"{render_alarms(noises)}\n")
    if not cases:
        say("" if noises else "nothing to run")
        return 0 if noises and alarm_target(noises).is_met else 1
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="replay-diagnosis-") as directory:
        suite = Suite(Path(directory), given.seed, given.rows, given.data.absolute())
        outcomes = run(suite, cases, given.workers)
    say(f"\nSeed {given.seed}, {len(cases)} cases of {given.rows:,} rows, {time.perf_counter() - start:.0f} s\n")
    say(render(outcomes))
    every = [*targets(outcomes), *([alarm_target(noises)] if noises else [])]
    return 0 if all(target.is_met for target in every) else 1


if __name__ == "__main__":
    sys.exit(main())
