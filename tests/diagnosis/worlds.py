"""Small worlds with a planted cause: a two-tower model, logged traffic, and what online answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.checkpoints import FunctionScorer
from replay.config.sections.checkpoints import SpliceConfig
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Diagnosis, find_causes
from replay.diagnosis.causes.hypothesis import Recipe

Columns = dict[str, NDArray]

COUNTS = tuple(f"count_{index}" for index in range(4))
USER = tuple(f"user_{index}" for index in range(4))
ITEM = tuple(f"item_{index}" for index in range(4))
CONTEXT = tuple(f"context_{index}" for index in range(3))
USER_IDS, ITEM_IDS = ("user_city", "user_cluster"), ("item_topic", "item_shop")
FLOATS = (*COUNTS, *USER, *ITEM, *CONTEXT)
IDS = (*USER_IDS, *ITEM_IDS)
FAMILIES = {
    "counts": COUNTS,
    "user": (*USER, *USER_IDS),
    "item": (*ITEM, *ITEM_IDS),
    "context": CONTEXT,
}
MISSING = {"user_0": 0.5, "*": 0.0}
ID_VALUES = 50
MODEL = ModelConfig(
    inputs=(
        Input(name="dense", dtype="float32", features=FLOATS, missing=MISSING),
        Input(name="ids", dtype="int64", features=IDS, missing=0),
    ),
    families=FAMILIES,
)
HOUR = 3_600_000_000
MODULES = ("query_tower", "item_tower", "query_ids", "item_ids", "final")
TOLERANCE = Tolerance(abs=1e-6, rel=1e-5)


class TwoTowers(torch.nn.Module):
    """A query tower over counts and user, an item tower over item and context, a dot product and a bias."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.query_tower = _tower(len(COUNTS) + len(USER))
        self.item_tower = _tower(len(ITEM) + len(CONTEXT))
        self.query_ids = torch.nn.ModuleList(torch.nn.Embedding(ID_VALUES, 4) for _ in USER_IDS)
        self.item_ids = torch.nn.ModuleList(torch.nn.Embedding(ID_VALUES, 4) for _ in ITEM_IDS)
        self.final = torch.nn.Linear(8, 1)
        with torch.no_grad():
            self.final.bias.fill_(-1.0)

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        split = len(COUNTS) + len(USER)
        query_ids = [table(ids[:, place]) for place, table in enumerate(self.query_ids)]
        item_ids = [table(ids[:, len(USER_IDS) + place]) for place, table in enumerate(self.item_ids)]
        query = self.query_tower(torch.cat([dense[:, :split].clamp(-1e6, 1e6), *query_ids], 1))
        item = self.item_tower(torch.cat([dense[:, split:].clamp(-1e6, 1e6), *item_ids], 1))
        return torch.sigmoid(self.final(query * item)).squeeze(1)


def _tower(dense: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(dense + 8, 24), torch.nn.Tanh(), torch.nn.Linear(24, 8))


def scorer_of(module: torch.nn.Module, name: str) -> FunctionScorer:
    def forward(tensors: Mapping[str, torch.Tensor]) -> object:
        with torch.no_grad():
            return module(tensors["dense"], tensors["ids"])

    return FunctionScorer(forward, fingerprint=name)


def nudged(module: TwoTowers, seed: int, size: float = 0.05) -> TwoTowers:
    """A later checkpoint of the same training run."""
    other = TwoTowers(0)
    other.load_state_dict(module.state_dict())
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)
    return other


def make_columns(rng: np.random.Generator, num_rows: int, entity: NDArray, time_us: NDArray) -> Columns:
    """Logged features; those of the user change over time."""
    columns: Columns = {}
    hours = time_us / HOUR
    for place, name in enumerate((*COUNTS, *USER)):
        level, phase = rng.normal(size=1000)[entity], rng.uniform(0, 6, 1000)[entity]
        wave = np.sin(hours / (3 + 2 * place) + phase) + 0.3 * np.sin(hours * 3 + phase)
        columns[name] = (np.exp(0.5 * (level + wave)) if name in COUNTS else level + wave).astype(np.float32)
    for name in (*ITEM, *CONTEXT):
        columns[name] = rng.normal(size=num_rows).astype(np.float32)
    for name in USER_IDS:
        columns[name] = rng.integers(1, ID_VALUES, 1000)[entity]
    for name in ITEM_IDS:
        columns[name] = np.minimum(rng.geometric(0.1, num_rows), ID_VALUES - 1)
    return columns


def score_columns(module: TwoTowers, columns: Columns) -> NDArray[np.float64]:
    """The oracle: plain torch over numpy columns, no engine involved."""
    dense = torch.from_numpy(np.stack([columns[name].astype(np.float32) for name in FLOATS], 1))
    ids = torch.from_numpy(np.stack([columns[name].astype(np.int64) for name in IDS], 1))
    with torch.no_grad():
        return module(dense, ids).double().numpy()


def null_columns(columns: Columns, names: tuple[str, ...]) -> Columns:
    """What null becomes by the model's contract, written out by hand."""
    changed = {name: np.full_like(columns[name], 0.5 if name == "user_0" else 0) for name in names}
    return {**columns, **changed}


def stale_columns(columns: Columns, names: tuple[str, ...], entity: NDArray, time_us: NDArray, lag_us: int) -> Columns:
    """Brute force: for each row the newest row of its entity that is at least so old, else missing."""
    changed = {name: null_columns(columns, (name,))[name].copy() for name in names}
    for one in np.unique(entity):
        mine = np.flatnonzero(entity == one)
        mine = mine[np.argsort(time_us[mine], kind="stable")]
        place = np.searchsorted(time_us[mine], time_us[mine] - lag_us, side="right") - 1
        for name in names:
            changed[name][mine[place >= 0]] = columns[name][mine[place[place >= 0]]]
    return {**columns, **changed}


@dataclass(frozen=True, eq=False)
class World:
    """Traffic of some days, of which the last rows are the incident."""

    rng: np.random.Generator
    columns: Columns
    entity: NDArray[np.int64]
    time_us: NDArray[np.int64]
    models: dict[str, TwoTowers]
    bad: NDArray[np.int64]
    base: NDArray[np.float64]

    def counterfactual(
        self,
        online: NDArray[np.float64],
        tolerance: Tolerance = TOLERANCE,
        budget: int = 1_000_000,
        most: int = 2000,
        control: int = 1000,
        evidence: Evidence | None = None,
        open_recipe: Callable[[Recipe], FunctionScorer] | None = None,
        **given: object,
    ) -> CounterfactualReplay:
        """Evidence as the incident finder would draw it."""
        off = np.abs(self.base - online) > tolerance.abs + tolerance.rel * np.abs(online)
        inside = np.zeros(len(online), bool)
        inside[self.bad] = True
        bad = self.rng.permutation(np.flatnonzero(inside & off))[:most]
        good = self.rng.permutation(np.flatnonzero(~off))[:control]
        rows = np.sort(np.concatenate([bad, good]))
        order = np.lexsort((self.time_us, self.entity))
        table = pa.table(self.columns)
        history = table.append_column("entity", pa.array(self.entity)).append_column("time_us", pa.array(self.time_us))
        batch = table.take(pa.array(rows)).combine_chunks().to_batches()[0]
        evidence = evidence or Evidence(
            batch,
            online[rows],
            np.isin(rows, bad),
            entity=pa.array(self.entity[rows]),
            time_us=self.time_us[rows],
            history=history.take(pa.array(order)),
            mismatch_rate=float(off[self.bad].mean()),
        )
        scorers = {name: scorer_of(module, name) for name, module in self.models.items()}
        return CounterfactualReplay(
            MODEL,
            evidence,
            scorers,
            "prod",
            tolerance,
            budget,
            open_recipe=open_recipe or self.open_recipe,
            parameters=[f"{module}.weight" for module in MODULES],
            **given,
        )  # type: ignore[arg-type]

    def open_recipe(self, recipe: Recipe) -> FunctionScorer:
        if isinstance(recipe, SpliceConfig):
            return scorer_of(self.spliced(recipe.splice), "spliced")
        assert recipe.cast is not None
        return scorer_of(self.casted(recipe.source, recipe.cast, recipe.params), recipe.model_dump_json())

    def spliced(self, sources: dict[str, str]) -> TwoTowers:
        module = TwoTowers(0)
        state = {}
        for name in module.state_dict():
            source = next(c for glob, c in sources.items() if glob == "*" or name.startswith(glob.removesuffix("*")))
            state[name] = self.models[source].state_dict()[name]
        module.load_state_dict(state)
        return module

    def casted(self, checkpoint: str, dtype: str, params: tuple[str, ...] = ("*",)) -> TwoTowers:
        module = TwoTowers(0)
        module.load_state_dict(self.models[checkpoint].state_dict())
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if not name.startswith(tuple(glob.removesuffix("*") for glob in params)):
                    continue
                if dtype == "int8":
                    step = parameter.abs().max() / 127
                    parameter.copy_(torch.round(parameter / step) * step)
                else:
                    parameter.copy_(parameter.to(getattr(torch, dtype)).float())
        return module

    def online_if(self, changed: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Online answered ``changed`` on some rows, the baseline's score elsewhere."""
        online = self.base.copy()
        online[rows] = changed[rows]
        return online

    def score(self, columns: Columns, model: str = "prod") -> NDArray[np.float64]:
        return score_columns(self.models[model], columns)

    def some(self, rate: float) -> NDArray[np.int64]:
        """A random share of the incident's rows."""
        return self.bad[self.rng.random(len(self.bad)) < rate]

    def scaled(self, name: str, factor: float) -> Columns:
        return {**self.columns, name: (self.columns[name].astype(np.float64) * factor).astype(np.float32)}

    def with_value(self, name: str, value: float) -> Columns:
        return {**self.columns, name: np.full_like(self.columns[name], value)}


def make_world(seed: int, num_rows: int = 12_000, incident: int = 3_000) -> World:
    """A world whose every draw follows from the seed."""
    rng = np.random.default_rng(seed)
    entity = rng.integers(0, 300, num_rows)
    time_us = np.sort(rng.integers(0, 96 * HOUR, num_rows)) + 1_700_000_000_000_000
    columns = make_columns(rng, num_rows, entity, time_us)
    prod = TwoTowers(seed)
    models = {"prod": prod, "next": nudged(prod, seed + 1), "old": nudged(prod, seed + 2)}
    bad = np.arange(num_rows - incident, num_rows)
    return World(rng, columns, entity, time_us, models, bad, score_columns(prod, columns))


def diagnose(
    world: World,
    changed: NDArray[np.float64],
    rows: NDArray[np.int64] | None = None,
    *,
    background_rate: float = 0.0,
    most: int = 400,
    budget: int = 200_000,
    **given: Any,
) -> Diagnosis:
    """Causes of an incident in which online answered ``changed`` on some rows; by default on all of its rows."""
    online = world.online_if(changed, world.bad if rows is None else rows)
    counterfactual = world.counterfactual(online, most=most, control=200, budget=budget, **given)
    return find_causes(counterfactual, background_rate=background_rate)


def with_drift(world: World, online: NDArray[np.float64], rate: float = 0.03) -> NDArray[np.float64]:
    """A feature moved a little between scoring and logging, on a few rows at all times."""
    hit = np.flatnonzero(world.rng.random(len(online)) < rate)
    name = FLOATS[world.rng.integers(len(FLOATS))]
    moved = world.columns[name] + 0.1 * world.rng.normal(size=len(online)).astype(np.float32)
    scores = world.score({**world.columns, name: moved.astype(np.float32)})
    drifted = online.copy()
    drifted[hit] = scores[hit]
    return drifted


def as_float16(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Online scores that went through float16."""
    return scores.astype(np.float16).astype(np.float64)


FLOAT16_TOLERANCE = Tolerance(abs=1e-6, rel=6e-4)
