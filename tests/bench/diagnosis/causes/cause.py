"""What goes wrong online: a cause changes what the model sees, which model answers, or what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import BASELINE, Floats, Layout, Served, Traffic, answer

Truth = Mapping[str, Any]
Rows = slice | NDArray[np.int64]
Change = Callable[[Served], Served]
Run = Callable[[Served, Rows], Floats]
Finish = Callable[[Floats], Floats]

EVERY_ROW = np.s_[:]


@dataclass(frozen=True, eq=False)
class Scene:
    """Where causes strike: one stretch of traffic and the models that may answer.

    Attributes:
        layout: Of the world.
        traffic: What was logged.
        modules: By checkpoint name.
    """

    layout: Layout
    traffic: Traffic
    modules: Mapping[str, TwoTower]

    def score(self, served: Served, rows: Rows = EVERY_ROW, module: TwoTower | None = None) -> Floats:
        """What a model answers, the baseline by default, ``(len(rows),)``."""
        chosen = served if isinstance(rows, slice) else {name: values[rows] for name, values in served.items()}
        return answer(self.modules[BASELINE] if module is None else module, self.layout, chosen)

    def missing(self, touched: tuple[str, ...]) -> Served:
        """What null becomes, by the contract, written out by hand."""
        served = self.traffic.served
        return {name: np.full_like(served[name], self.layout.missing.get(name, 0)) for name in touched}

    def remade(self, changed: Mapping[str, torch.Tensor]) -> TwoTower:
        """The baseline with some parameters or buffers changed."""
        module = TwoTower(**self.layout.sizes())
        module.load_state_dict({**self.modules[BASELINE].state_dict(), **changed})
        return module.eval()

    def answered_by(self, module: TwoTower) -> Run:
        """Rows are answered by another model."""
        return lambda served, rows: self.score(served, rows, module)


@dataclass(frozen=True, eq=False)
class Cause:
    """One cause, as a function of what the model is given.

    Attributes:
        scene: Where it strikes.
        truth: What is to be named: ``touched`` features, ``checkpoint``, ``lag_s``, ``dtype``, ``factor``, ``value``,
            ``module``, and whatever else says what was done.
        change: Features that the model sees otherwise.
        run: What answers; None: the baseline.
        finish: What becomes of the answer; None: nothing.
        kind: Its name in ``CAUSES``.
    """

    scene: Scene
    truth: Truth
    change: Change = lambda served: {}
    run: Run | None = None
    finish: Finish | None = None
    kind: str = ""

    def answers(self, served: Served, rows: Rows = EVERY_ROW) -> Floats:
        """What online answers rows whose features are these, ``(len(rows),)``, had it happened to every row."""
        changed = {**served, **self.change(served)}
        scores = self.scene.score(changed, rows) if self.run is None else self.run(changed, rows)
        return scores if self.finish is None else self.finish(scores)

    def describe(self) -> str:
        """In a few words."""
        told = ", ".join(f"{name} {_short(value)}" for name, value in self.truth.items())
        return f"{self.kind} ({told})" if told else self.kind


def both(first: Cause, second: Cause) -> Cause:
    """Two causes on the same rows: the features of both, the model that is not the baseline, then what finishes."""

    def finish(scores: Floats) -> Floats:
        for one in (first, second):
            scores = scores if one.finish is None else one.finish(scores)
        return scores

    return Cause(
        first.scene,
        {"first": first.describe(), "second": second.describe()},
        change=lambda served: {**first.change(served), **second.change({**served, **first.change(served)})},
        run=second.run or first.run,
        finish=finish,
        kind="both",
    )


@dataclass(frozen=True)
class CauseKind:
    """A kind of cause.

    Attributes:
        name: In the tables.
        make: Draws one.
        has_name: Whether the tool has a name for it; else ``unexplained`` is right.
        share: Least and largest share of the rows that it strikes; None: any.
        by_host: Whether it strikes hosts.
    """

    name: str
    make: Callable[[Scene, np.random.Generator], Cause]
    has_name: bool
    share: tuple[float, float] | None
    by_host: bool


CAUSES: dict[str, CauseKind] = {}


def cause(
    name: str, *, has_name: bool = True, share: tuple[float, float] | None = None, by_host: bool = False
) -> Callable[[Callable[[Scene, np.random.Generator], Cause]], Callable[[Scene, np.random.Generator], Cause]]:
    """Give a kind of cause its name; see :class:`CauseKind`."""

    def add(make: Callable[[Scene, np.random.Generator], Cause]) -> Callable[[Scene, np.random.Generator], Cause]:
        if name in CAUSES:
            raise ValueError(f"found two kinds of cause called {name}, expected one")
        CAUSES[name] = CauseKind(name, make, has_name, share, by_host)
        return make

    return add


def make_cause(name: str, scene: Scene, rng: np.random.Generator) -> Cause:
    """Draw a cause of a kind."""
    return replace(CAUSES[name].make(scene, rng), kind=name)


def pick(rng: np.random.Generator, several: tuple[Any, ...] | list[Any]) -> Any:
    """One of several."""
    return several[rng.integers(len(several))]


def in_random_order(rng: np.random.Generator, several: tuple[str, ...]) -> Iterator[str]:
    """All of them."""
    return (several[place] for place in rng.permutation(len(several)))


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
