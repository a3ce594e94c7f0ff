"""False alarms: runs in which nothing happens, and how often incidents are told all the same."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replay.diagnosis.incidents.find import FoundIncident, find_incidents
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import as_logged, measure_noise
from tests.bench.diagnosis.clean import CleanRun, Floats, Mask, draw_clean
from tests.bench.diagnosis.table import Target

FALSE_ALARMS = 1e-3
LEAST_TOUCHED = 100
_MOST_ALARMS = 0.003


@dataclass(frozen=True)
class Planted:
    """A run with an incident of its own, and whether it was told."""

    touched: int
    found: bool
    overlap: float


@dataclass(frozen=True)
class KindOfNoise:
    """What was told of the runs of one kind.

    Attributes:
        kind: Of the noise.
        runs: Clean ones.
        alarms: Of them, those with an incident.
        worst: The smallest ``p_value`` told in any.
        planted: The same kind with an incident in it.
        seconds: For all.
    """

    kind: str
    runs: int
    alarms: int
    worst: float
    planted: tuple[Planted, ...]
    seconds: float


def run_kind(kind: str, seed: int, runs: int, planted: int) -> KindOfNoise:
    """Clean runs of a kind, and such with one incident."""
    start = time.perf_counter()
    found = [_told(draw_clean(_generator(seed, kind, number), kind))[1] for number in range(runs)]
    values = [incident.p_value for told in found for incident in told]
    marked = tuple(_plant(seed, kind, number) for number in range(planted))
    alarms = sum(bool(told) for told in found)
    return KindOfNoise(kind, runs, alarms, min(values, default=1.0), marked, time.perf_counter() - start)


def _generator(seed: int, kind: str, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), number])


def _told(run: CleanRun, online: Floats | None = None) -> tuple[RowTable, list[FoundIncident]]:
    visits = run.visits
    # A log has a group or not.
    group = visits.request if len(visits) % 2 else None
    table = RowTable(
        run.time_us,
        run.online if online is None else online,
        run.replayed,
        dict(visits.segments),
        group=group,
        entity=visits.user,
    )
    noise = measure_noise(table)
    found = find_incidents(as_logged(table, noise), noise.tolerance, false_alarms=FALSE_ALARMS)
    # Bursts that are background are told where a cause explains them: here is none.
    return table, [one for one in found if not one.background]


def _plant(seed: int, kind: str, number: int) -> Planted:
    rng = _generator(seed + 1_000, kind, number)
    run = draw_clean(rng, kind)
    inside = _window(rng, run)
    logit = np.log(run.replayed) - np.log1p(-run.replayed) + rng.uniform(0.2, 1.0) + rng.gamma(2.0, 0.3, len(inside))
    online = np.where(inside, (1.0 / (1.0 + np.exp(-logit))).astype(np.float32), run.online)
    touched = np.flatnonzero(inside)
    if not len(touched):
        return Planted(0, False, 0.0)
    table, told = _told(run, online)
    first, last = int(table.time_us[touched[0]]), int(table.time_us[touched[-1]]) + 1
    overlap = max((_overlap(first, last, one.start_us, one.end_us) for one in told), default=0.0)
    return Planted(len(touched), overlap > 0.1, overlap)


def _overlap(first: int, last: int, start: int, end: int) -> float:
    both = max(0, min(last, end) - max(first, start))
    return both / (max(last, end) - min(first, start))


def _window(rng: np.random.Generator, run: CleanRun) -> Mask:
    """One of 1 to 40% of the time, on 5 to 100% of the rows of all traffic or a segment's value."""
    visits = run.visits
    length = visits.minutes * float(np.exp(rng.uniform(np.log(0.01), np.log(0.4))))
    first = rng.uniform(0.0, visits.minutes - length)
    inside = (visits.minute >= first) & (visits.minute < first + length)
    if rng.random() < 0.5:
        codes, _ = visits.segments[str(rng.choice(sorted(visits.segments)))]
        inside &= codes == codes[rng.integers(len(codes))]
    share = 1.0 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(0.05), 0.0)))
    return inside & (rng.random(len(visits)) < share)


_HEADER = f"{'noise by':16} {'runs':>5} {'alarms':>6} {'worst p':>8} | "
_HEADER += f"{'planted':>7} {'100+ rows':>9} {'found':>6} {'IoU':>5}"


def render_alarms(found: Sequence[KindOfNoise]) -> str:
    """The table as text."""
    lines = [
        f"{one.kind:16} {one.runs:>5} {one.alarms:>6} {one.worst:>8.0e} | {_planted(one.planted)}" for one in found
    ]
    every = [planted for one in found for planted in one.planted]
    runs, alarms = sum(one.runs for one in found), sum(one.alarms for one in found)
    lines.append(f"{'all':16} {runs:>5} {alarms:>6} {min(one.worst for one in found):>8.0e} | {_planted(every)}")
    target = alarm_target(found)
    lines.append(f"  {'met   ' if target.is_met else 'MISSED'}  {target.name}: {target.found}")
    return "\n".join([f"False alarms at {FALSE_ALARMS:g}, by kind of noise", _HEADER, *lines])


def alarm_target(found: Sequence[KindOfNoise]) -> Target:
    """At most 3 alarms in 1,000 clean runs."""
    runs, alarms = sum(one.runs for one in found), sum(one.alarms for one in found)
    return Target("at most 3 alarms in 1,000 clean runs", f"{alarms} in {runs}", alarms <= _MOST_ALARMS * runs)


def _planted(planted: Sequence[Planted]) -> str:
    large = [one for one in planted if one.touched >= LEAST_TOUCHED]
    if not large:
        return f"{len(planted):>7}         0      -     -"
    rate = sum(one.found for one in large) / len(large)
    overlap = float(np.median([one.overlap for one in large]))
    return f"{len(planted):>7} {len(large):>9} {rate:>6.0%} {overlap:>5.2f}"
