"""One point: a process is killed, the command started again, and what is there then is looked at."""

from __future__ import annotations

import itertools
import random
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.chaos.victims import Process, kill, marked, wait_for_end
from tests.bench.chaos.world import PATIENCE, World, left_behind
from tests.flows.content import content, strays

_ENDING_SECONDS = 30.0
_EARLIER = 0.7
_MASTERS = ("local[2]", "local[2,4]", "cluster")
_VICTIMS = {"local[2]": ("driver", "JVM", "Python worker"), "cluster": ("driver", "JVM", "executor")}
_KILLED, _FAILED = -9, 4


@dataclass(frozen=True)
class Plan:
    """What is done at a point.

    Attributes:
        number: From 1.
        command: ``run`` or ``diagnose``.
        master: Spark's; ``cluster`` for the cluster's.
        victim: Kind of the process.
        moment: Share of the undisturbed command's time.
    """

    number: int
    command: str
    master: str
    victim: str
    moment: float


@dataclass(frozen=True)
class Found:
    """What was there afterwards.

    Attributes:
        plan: What was done.
        seconds: When the process was killed, after the start.
        code: How the command ended that was disturbed.
        resumed: Whether the next one came to its end.
        problems: What is otherwise than it would be had nobody disturbed it.
    """

    plan: Plan
    seconds: float
    code: int
    resumed: bool
    problems: tuple[str, ...]

    def line(self) -> str:
        """In a line."""
        plan = self.plan
        what = f"{plan.victim} of {plan.command} on {plan.master} killed after {self.seconds:.1f} s"
        went = "; ".join(self.problems) or "identical, and nothing left behind"
        return f"{plan.number:3}  {what} (exit code {self.code}): {went}"


def plan_points(seed: int, count: int) -> list[Plan]:
    """Points of a seed: the first ones are the same whatever their number."""
    plans = []
    for number in range(1, count + 1):
        draw = random.Random(f"{seed} {number}")
        master = _MASTERS[number % len(_MASTERS)]
        command = "diagnose" if draw.random() < 0.3 and master != "cluster" else "run"
        victim = draw.choice(_VICTIMS.get(master, _VICTIMS["local[2]"]))
        plans.append(Plan(number, command, master, victim, draw.random()))
    return plans


def try_point(world: World, plan: Plan, expected: Mapping[str, Any], seconds: float, cluster: str) -> Found:
    """Kill one process, run again, and look.

    Args:
        world: The case.
        plan: What to do.
        expected: What the command leaves that nobody disturbs.
        seconds: How long that takes.
        cluster: The mark of the cluster's processes.
    """
    name, after = f"{plan.number}", None
    for attempt in itertools.count():
        # One that was faster than the undisturbed one has ended before: earlier, in an output of its own.
        name = f"{plan.number}-{attempt}"
        process = world.start(plan.command, plan.master, name)
        mark = cluster if plan.victim == "executor" else name
        after = _strike(process, plan, seconds * _EARLIER**attempt, mark)
        code = process.wait(PATIENCE)
        if after is not None:
            break
    problems = _disturbed(world, plan, code, name, cluster)
    again = world.start(plan.command, plan.master, name).wait(PATIENCE)
    if again:
        tail = world.said(name).read_text().strip()[-300:]
        return Found(plan, after, code, resumed=False, problems=(*problems, f"then exit code {again}: {tail}"))
    problems += _left(world, name, cluster)
    output = world.output(name)
    problems += [f"uncommitted {each}" for each in strays(output)]
    found = content(output)
    problems += [f"other {each}" for each in sorted({*found, *expected}) if found.get(each) != expected.get(each)]
    here, there = found["summary"], expected["summary"]
    problems += [f"other summary.{each}" for each in sorted({*here, *there}) if here.get(each) != there.get(each)]
    return Found(plan, after, code, resumed=True, problems=tuple(problems))


def _strike(process: subprocess.Popen[bytes], plan: Plan, seconds: float, mark: str) -> float | None:
    """Kill a process of the planned kind at the planned moment, or as soon as there is one.

    Returns:
        When, in seconds; None where the command had ended before.
    """
    start = time.monotonic()
    time.sleep(plan.moment * seconds)
    draw = random.Random(plan.number)
    while process.poll() is None:
        there = [each for each in marked(mark, process.pid) if each.kind == plan.victim]
        if there and kill(draw.choice(there)):
            return time.monotonic() - start
        time.sleep(0.05)
    return None


def _disturbed(world: World, plan: Plan, code: int, name: str, cluster: str) -> list[str]:
    """What a command must not do that was disturbed."""
    said = world.said(name).read_text()
    problems = []
    if code not in (0, _FAILED, _KILLED if plan.victim == "driver" else _FAILED):
        problems.append(f"it ended with {code}: {said[-300:]}")
    if "Traceback" in said:
        problems.append(f"it said a traceback: ... {said[-800:]}")
    if code and (world.output(name) / "summary.json").exists():
        problems.append("it left a summary.json")
    return problems + _still_there(name, cluster)


def _left(world: World, name: str, cluster: str) -> list[str]:
    """Processes and files that stay when all is done."""
    problems = _still_there(name, cluster)
    return problems + [f"left {each}" for each in left_behind(world.temporary(name))]


def _still_there(name: str, cluster: str) -> list[str]:
    look: Callable[[str], list[Process]] = lambda mark: wait_for_end(mark, _ENDING_SECONDS)  # noqa: E731
    return [f"still there: {each.kind} {each.pid} {each.words[-80:]}" for each in (*look(name), *look(cluster))]
