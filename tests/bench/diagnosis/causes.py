"""What goes wrong online: each cause says what the service then answers, and how the tool should name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import BASELINE, MINUTE_US, Floats, Layout, Served, Traffic, answer

Truth = Mapping[str, Any]

KNOWN_KINDS = (
    "null_family",
    "null_features",
    "stale_features",
    "checkpoint",
    "route",
    "splice",
    "precision",
    "scale",
    "constant",
    "affine",
)
UNKNOWN_KINDS = ("garbage", "unknown_checkpoint")
_FACTORS = (1000.0, 0.001, 100.0, 0.01, 60.0, 1 / 60, 24.0, -1.0, 2.54, 1 / 1.8)
_LAGS_MINUTES = (2, 5, 10, 15, 20, 30, 45, 60)


@dataclass(frozen=True, eq=False)
class Cause:
    """One cause.

    Attributes:
        kind: One of the kinds above.
        truth: What is to be named: ``touched`` features, ``checkpoint``, ``lag_s``, ``dtype``, ``factor``, ``value``,
            ``modules``.
        scores: ``(num_rows,)`` what online would have answered, had it happened to every row.
    """

    kind: str
    truth: Truth
    scores: Floats

    @property
    def is_known(self) -> bool:
        """Whether it is among the tool's hypotheses."""
        return self.kind in KNOWN_KINDS

    def describe(self) -> str:
        """In a few words."""
        told = ", ".join(f"{name} {_short(value)}" for name, value in self.truth.items())
        return f"{self.kind} ({told})" if told else self.kind


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Culprit:
    """Makes causes in one stretch of traffic.

    Args:
        layout: Of the world.
        traffic: What was logged.
        modules: By checkpoint name.
    """

    def __init__(self, layout: Layout, traffic: Traffic, modules: Mapping[str, TwoTower]) -> None:
        self._layout = layout
        self._traffic = traffic
        self._modules = modules
        self._makers: dict[str, Callable[[np.random.Generator], tuple[Truth, Floats]]] = {
            "null_family": self._null_family,
            "null_features": self._null_features,
            "stale_features": self._stale,
            "checkpoint": self._checkpoint,
            "route": self._checkpoint,
            "splice": self._splice,
            "precision": self._precision,
            "scale": self._scale,
            "constant": self._constant,
            "affine": self._affine,
            "garbage": self._garbage,
            "unknown_checkpoint": self._unknown_checkpoint,
        }

    def make(self, kind: str, rng: np.random.Generator) -> Cause:
        """Draw a cause of a kind."""
        truth, scores = self._makers[kind](rng)
        return Cause(kind, truth, scores)

    def _score(self, changed: Served, module: TwoTower | None = None) -> Floats:
        served = {**self._traffic.served, **changed}
        return answer(self._modules[BASELINE] if module is None else module, self._layout, served)

    def _null_family(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        family = _pick(rng, tuple(self._layout.families))
        touched = self._layout.families[family]
        return {"touched": touched}, self._score(self._missing(touched))

    def _null_features(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        count = int(rng.integers(1, 4))
        touched = tuple(rng.permutation(self._layout.features)[:count].tolist())
        return {"touched": touched}, self._score(self._missing(touched))

    def _missing(self, touched: tuple[str, ...]) -> Served:
        """What null becomes, by the contract, written out by hand."""
        served = self._traffic.served
        return {name: np.full_like(served[name], self._layout.missing.get(name, 0)) for name in touched}

    def _stale(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        touched = self._layout.aging[rng.integers(len(self._layout.aging))]
        lag_us = _pick(rng, _LAGS_MINUTES) * MINUTE_US
        source = newest_before(self._traffic.entity, self._traffic.time_us, lag_us)
        changed = self._missing(touched)
        for name in touched:
            changed[name][source >= 0] = self._traffic.served[name][source[source >= 0]]
        return {"touched": touched, "lag_s": lag_us / 1e6}, self._score(changed)

    def _checkpoint(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        name = _pick(rng, ("v2", "v3"))
        return {"checkpoint": name}, self._score({}, self._modules[name])

    def _splice(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        module, name = _pick(rng, ("query_tower", "item_tower")), _pick(rng, ("v2", "v3"))
        return {"module": module, "checkpoint": name}, self._score({}, self.spliced(module, name))

    def spliced(self, module: str, checkpoint: str) -> TwoTower:
        """The baseline with one module of another checkpoint."""
        theirs = self._modules[checkpoint].state_dict()
        return self._remade({name: theirs[name] for name in theirs if name.startswith(f"{module}.")})

    def _precision(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        dtype = _pick(rng, ("float16", "bfloat16", "int8"))
        state = self._modules[BASELINE].state_dict()
        return {"dtype": dtype}, self._score({}, self._remade({name: _cast(one, dtype) for name, one in state.items()}))

    def _scale(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        name, factor = _pick(rng, self._layout.quantities), _pick(rng, _FACTORS)
        logged = self._traffic.served[name]
        changed = (logged.astype(np.float64) * factor).astype(np.float32)
        if name in self._traffic.null:
            changed = np.where(self._traffic.null[name], logged, changed)
        return {"touched": (name,), "factor": factor}, self._score({name: changed})

    def _constant(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        ids = (*self._layout.query_ids, *self._layout.item_ids)
        name = _pick(rng, (*self._layout.quantities, *ids))
        logged = self._traffic.served[name]
        value: float
        if name in ids:  # what an id is stuck at is a value that is often seen
            value = int(np.bincount(logged).argmax())
        else:
            default = self._layout.missing.get(name, 0.0)
            value = _pick(rng, tuple(one for one in (1.0, -1.0, 7.0, float(np.median(logged))) if one != default))
        return {"touched": (name,), "value": value}, self._score({name: np.full_like(logged, value)})

    def _affine(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        base = self._score({})
        offset, slope = float(rng.normal(0.0, 0.3)), float(rng.uniform(0.8, 1.25))
        logit = np.log(base / (1.0 - base))
        return {"offset": offset, "slope": slope}, 1.0 / (1.0 + np.exp(-(offset + slope * logit)))

    def _garbage(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        """Each row a value of its own: another row's, or noise."""
        family = _pick(rng, tuple(self._layout.families))
        changed: Served = {}
        for name in self._layout.families[family]:
            logged = self._traffic.served[name]
            if logged.dtype == np.float32 and rng.random() < 0.5:
                noise = rng.normal(0.0, 1.0, logged.shape) * (logged.std(axis=0) + 0.1)
                changed[name] = (logged + noise).astype(np.float32)
            else:
                changed[name] = rng.permutation(logged)
        return {"family": family}, self._score(changed)

    def _unknown_checkpoint(self, rng: np.random.Generator) -> tuple[Truth, Floats]:
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 30)))
        changed = {
            name: one + 0.15 * one.std() * torch.randn(one.shape, generator=generator)
            for name, one in self._modules[BASELINE].named_parameters()
            if one.numel() > 1
        }
        return {}, self._score({}, self._remade({name: one.detach() for name, one in changed.items()}))

    def _remade(self, changed: Mapping[str, torch.Tensor]) -> TwoTower:
        module = TwoTower(**self._layout.sizes())
        module.load_state_dict({**self._modules[BASELINE].state_dict(), **changed})
        return module.eval()


def _pick(rng: np.random.Generator, several: tuple[Any, ...]) -> Any:
    return several[rng.integers(len(several))]


def _cast(tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    """Round to a narrower type and back; int8 in equal steps up to the tensor's largest magnitude."""
    if dtype != "int8":
        return tensor.to(getattr(torch, dtype)).to(tensor.dtype)
    step = tensor.abs().max() / 127.0
    return torch.round(tensor / step) * step if step > 0 else tensor


def newest_before(entity: NDArray[np.int64], time_us: NDArray[np.int64], lag_us: int) -> NDArray[np.int64]:
    """For each row the newest row of its entity that is at least so old, -1 for none.

    Args:
        entity: ``(num_rows,)``.
        time_us: ``(num_rows,)``, ascending.
        lag_us: Above 0.

    >>> newest_before(np.array([5, 6, 5, 5]), np.array([0, 10, 20, 30]), 10).tolist()
    [-1, -1, 0, 2]
    """
    found = np.full(len(entity), -1, np.int64)
    order = np.argsort(entity, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(entity[order]) != 0])
    for mine in np.split(order, starts[1:]):
        place = np.searchsorted(time_us[mine], time_us[mine] - lag_us, side="right") - 1
        found[mine] = np.where(place >= 0, mine[place], -1)
    return found
