"""Where incidents are drawn: the time and the slices of one stretch of traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tests.bench.diagnosis.causes import CAUSES, Cause, Scene, make_cause
from tests.bench.diagnosis.incidents.incident import Strike
from tests.bench.diagnosis.world import HOSTS, MINUTE_US, Floats, Mask

BASIC = ("null_family", "null_features", "checkpoint", "splice", "stale_features", "scale", "constant", "affine")
"""Causes that other kinds of incidents are made of."""


@dataclass(frozen=True)
class Window:
    """When an incident is, and whom it hits.

    Attributes:
        first: Minutes from the start.
        last: Its end.
        segments: Of which rows.
        share: Of those.
        by_group: Whether whole requests are hit.
    """

    first: float
    last: float
    segments: Mapping[str, str]
    share: float
    by_group: bool


class Stage:
    """Draws causes, windows and rows.

    Args:
        scene: Where it happens.
        rng: Decides everything.
    """

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene, self.rng = scene, rng
        self.minute: Floats = (scene.traffic.time_us - scene.traffic.time_us[0]) / MINUTE_US
        self.minutes = float(self.minute[-1])
        self.host: NDArray[np.str_] = scene.traffic.table["host"].to_numpy(zero_copy_only=False)

    def cause(self, *kinds: str) -> Cause:
        """A cause of one of these kinds, of the basic ones by default."""
        several = kinds or BASIC
        return make_cause(several[self.rng.integers(len(several))], self.scene, self.rng)

    def two_causes(self) -> tuple[Cause, Cause]:
        """Of two kinds."""
        first, second = self.rng.permutation(BASIC)[:2]
        return self.cause(str(first)), self.cause(str(second))

    def window(self) -> Window:
        """1 to 60 minutes, of all traffic, a value or a pair, 5 to 100% of the rows or requests."""
        rng, traffic = self.rng, self.scene.traffic
        length = self.length()
        first = float(rng.uniform(0.0, self.minutes - length))
        chosen = rng.permutation(self.scene.layout.segments)[: rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])]
        row = int(rng.integers(len(traffic)))  # the slice of a random row: large ones come more often
        segments = {str(name): str(traffic.table[str(name)][row]) for name in chosen}
        share = 1.0 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(0.05), 0.0)))
        return Window(first, first + length, segments, share, bool(rng.random() < 0.3))

    def window_for(self, kind: str) -> Window:
        """The same, with the share and the slice that a kind of cause has."""
        window, about = self.window(), CAUSES[kind]
        if about.share is not None:
            window = replace(window, share=float(self.rng.uniform(*about.share)))
        if about.by_host:
            window = replace(window, segments={"host": str(HOSTS[self.rng.integers(len(HOSTS))])}, share=1.0)
        return window

    def length(self, shortest: float = 1.0) -> float:
        """Minutes, evenly on a logarithmic scale up to 60."""
        return float(np.exp(self.rng.uniform(np.log(shortest), np.log(60.0))))

    def rows(self, window: Window) -> NDArray[np.int64]:
        """Rows that it hits."""
        inside = self.inside((window.first, window.last)) & self.scene.traffic.in_slice(window.segments)
        if window.share < 1.0:
            inside &= self.drawn(window.share, by_group=window.by_group)
        return np.flatnonzero(inside)

    def inside(self, span: tuple[float, float]) -> Mask:
        """``(num_rows,)`` bool, rows of a time."""
        return np.asarray((self.minute >= span[0]) & (self.minute < span[1]))

    def drawn(self, share: float, *, by_group: bool) -> Mask:
        """A random share of the rows, or of the requests."""
        group = self.scene.traffic.group
        if group is None or not by_group:
            return self.rng.random(len(self.scene.traffic)) < share
        return np.asarray(self.rng.random(int(group.max()) + 1)[group] < share)

    def strike(self, cause: Cause, window: Window, group: int = 0) -> Strike:
        """A cause in a window."""
        span = (window.first, window.last)
        return Strike(cause, self.rows(window), (span,), window.segments, window.share, group)

    def always(self, cause: Cause, rows: Mask, share: float, segments: Mapping[str, str] | None = None) -> Strike:
        """A cause on some rows at all times."""
        span = (0.0, self.minutes + 1.0)
        return Strike(cause, np.flatnonzero(rows), (span,), segments or {}, share, standing=True)
