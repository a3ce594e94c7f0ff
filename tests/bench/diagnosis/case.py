"""Worlds as a worker process holds them, and one case from its number to its outcome."""

from __future__ import annotations

import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from tests.bench.diagnosis.engine import Engine
from tests.bench.diagnosis.incidents import INCIDENTS
from tests.bench.diagnosis.judgement.judge import Judge
from tests.bench.diagnosis.judgement.outcome import Outcome
from tests.bench.diagnosis.planting import Planter
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import CHECKPOINTS, Layout, Traffic, train
from tests.bench.diagnosis.worlds import WORLDS

_FIRST_EPOCHS, _MORE_EPOCHS = 4, 1


@dataclass(frozen=True)
class Suite:
    """What every worker needs to know.

    Attributes:
        directory: Where checkpoints are.
        seed: Of everything.
        rows: Of each stretch of traffic.
        data: Folder of the real data.
    """

    directory: Path
    seed: int
    rows: int
    data: Path

    def traffic(self, world: str, rng: np.random.Generator) -> Traffic:
        """Draw a stretch of traffic."""
        return WORLDS[world].traffic(rng, self.rows, self.data)

    def prepare(self, world: str) -> None:
        """Train the three checkpoints of a world, each going on from the one before."""
        layout, module = WORLDS[world].layout, None
        folder = self.directory / world
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(CHECKPOINTS):
            traffic = self.traffic(world, np.random.default_rng([self.seed, 1_000 + number]))
            epochs = _FIRST_EPOCHS if module is None else _MORE_EPOCHS
            module = train(layout, traffic, module, self.seed + number, epochs, 0.004)
            save_file(module.state_dict(), folder / f"{name}.safetensors")


@dataclass(frozen=True)
class Case:
    """One case; all of it follows from the suite's seed and this.

    Attributes:
        world: In ``WORLDS``.
        number: Of the suite.
        kind: In ``INCIDENTS``; None: a clean run.
    """

    world: str
    number: int
    kind: str | None


class World:
    """One world, opened: its modules for the truth, its engine for the answer."""

    def __init__(self, suite: Suite, name: str) -> None:
        self.layout: Layout = WORLDS[name].layout
        self.modules = {}
        for checkpoint in CHECKPOINTS:
            module = TwoTower(**self.layout.sizes())
            module.load_state_dict(load_file(suite.directory / name / f"{checkpoint}.safetensors"))
            self.modules[checkpoint] = module.eval()
        self.engine = Engine(self.layout, suite.directory / name)
        self.served_engine = Engine(self.layout, suite.directory / name, by_version=True)


class Runner:
    """Runs cases of a suite; each process has one.

    Args:
        suite: What is run.
    """

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._worlds: dict[str, World] = {}

    def run(self, case: Case) -> Outcome:
        """Run one case."""
        if case.world not in self._worlds:
            self._worlds[case.world] = World(self._suite, case.world)
        world = self._worlds[case.world]
        names = (zlib.crc32(name.encode()) for name in (case.world, case.kind or "clean"))
        rng = np.random.default_rng([self._suite.seed, case.number, *names])
        traffic = self._suite.traffic(case.world, rng)
        planter = Planter(world.layout, traffic, world.modules, rng)
        planted = planter.clean() if case.kind is None else planter.incident(case.kind)
        if planted.versions is not None:
            traffic = traffic.with_versions(planted.versions)
        engine = world.engine if planted.versions is None else world.served_engine
        replayed = engine.replay(traffic)
        start = time.perf_counter()
        answer = engine.diagnose(traffic, replayed, planted.online)
        seconds = time.perf_counter() - start
        judge = Judge(world.layout, traffic, planted, world.modules)
        return Outcome(
            number=case.number,
            world=case.world,
            kind=planted.kind,
            has_name=case.kind is None or INCIDENTS[case.kind].has_name,
            noise=planted.noise.name,
            drift=planted.drift,
            rows=len(traffic),
            judged=judge.judge(answer),
            false_alarms=judge.alarms(answer),
            claims=judge.false_claims(answer),
            seconds=seconds,
            rows_scored=sum(told.diagnosis.rows_scored for told in answer.told if told.diagnosis is not None),
        )


_runner: Runner | None = None


def start_worker(suite: Suite) -> None:
    """Prepare a worker process: one thread, so that two of them share two cores."""
    global _runner
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    _runner = Runner(suite)


def run_case(case: Case) -> Outcome:
    """Run a case in a worker process."""
    if _runner is None:
        raise RuntimeError("found a worker that was not started, expected start_worker to run first")
    return _runner.run(case)
