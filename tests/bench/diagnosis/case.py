"""Worlds as a worker process holds them, and one case from its number to its outcome."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from tests.bench.diagnosis import generated, real
from tests.bench.diagnosis.engine import Engine
from tests.bench.diagnosis.judging import Judge, Outcome
from tests.bench.diagnosis.planting import Planter
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import CHECKPOINTS, Layout, Traffic, train

LAYOUTS = {"generated": generated.LAYOUT, "real": real.LAYOUT}
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
        if world == "real":
            return real.make_traffic(rng, self.rows, self.data / real.FILE)
        return generated.make_traffic(rng, self.rows)

    def prepare(self, world: str) -> None:
        """Train the three checkpoints of a world, each going on from the one before."""
        layout, module = LAYOUTS[world], None
        folder = self.directory / world
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(CHECKPOINTS):
            traffic = self.traffic(world, np.random.default_rng([self.seed, 1_000 + number]))
            epochs = _FIRST_EPOCHS if module is None else _MORE_EPOCHS
            module = train(layout, traffic, module, self.seed + number, epochs, 0.004)
            save_file(module.state_dict(), folder / f"{name}.safetensors")


class World:
    """One world, opened: its modules for the truth, its engine for the answer."""

    def __init__(self, suite: Suite, name: str) -> None:
        self.layout: Layout = LAYOUTS[name]
        self.modules = {}
        for checkpoint in CHECKPOINTS:
            module = TwoTower(**self.layout.sizes())
            module.load_state_dict(load_file(suite.directory / name / f"{checkpoint}.safetensors"))
            self.modules[checkpoint] = module.eval()
        self.engine = Engine(self.layout, suite.directory / name)


class Runner:
    """Runs cases of a suite; each process has one.

    Args:
        suite: What is run.
    """

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._worlds: dict[str, World] = {}

    def run(self, world_name: str, number: int, *, clean: bool) -> Outcome:
        """Run one case; all of it follows from the suite's seed, the world and the number."""
        if world_name not in self._worlds:
            self._worlds[world_name] = World(self._suite, world_name)
        world = self._worlds[world_name]
        rng = np.random.default_rng([self._suite.seed, list(LAYOUTS).index(world_name), number, int(clean)])
        traffic = self._suite.traffic(world_name, rng)
        planter = Planter(world.layout, traffic, world.modules, rng)
        planted = planter.clean() if clean else planter.incident()
        replayed = world.engine.replay(traffic)
        start = time.perf_counter()
        answer = world.engine.diagnose(traffic, replayed, planted.online)
        seconds = time.perf_counter() - start
        names = world.modules["v1"].state_dict()
        judged, alarms = Judge(world.layout, traffic, planted, names).judge(answer)
        return Outcome(
            number=number,
            world=world_name,
            shape=planted.shape,
            noise=planted.noise,
            drift=planted.drift,
            rows=len(traffic),
            judged=judged,
            false_alarms=alarms,
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


def run_case(world: str, number: int, clean: bool) -> Outcome:
    """Run a case in a worker process."""
    if _runner is None:
        raise RuntimeError("found a worker that was not started, expected start_worker to run first")
    return _runner.run(world, number, clean=clean)
