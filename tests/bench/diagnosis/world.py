"""What all worlds share: a model's contract, logged traffic, and the same rows as the online service took them.

Nothing here uses the engine's encoder: what online answered is computed from plain arrays, by plain torch.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.model.output import Output
from tests.bench.diagnosis.towers import TwoTower

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Served = dict[str, NDArray]
Values = Mapping[str, float]

MINUTE_US = 60_000_000
BASELINE = "v1"
CHECKPOINTS = ("v1", "v2", "v3")
HOSTS = tuple(f"h{number:02d}" for number in range(12))


@dataclass(frozen=True)
class Layout:
    """Which features go where.

    Attributes:
        query: Floats of the query tower.
        query_ids: Ids of the query tower.
        vector: The list feature.
        vector_length: Its places in the model.
        item: Floats of the item tower.
        item_ids: Ids of the item tower.
        id_rows: Rows of an embedding; id 0 is what missing becomes.
        hashed: Whether ids are hashed strings, else they are logged as indices.
        families: Features by family.
        missing: What a null float becomes, where it is not 0.
        quantities: Floats that may be scaled or stuck.
        aging: Features that change between an entity's rows, by what goes stale at once.
        segments: Columns by which traffic is cut; one of them is ``host``.
        clock: The feature that holds the hour, 0 to 23.
    """

    query: tuple[str, ...]
    query_ids: tuple[str, ...]
    vector: str
    vector_length: int
    item: tuple[str, ...]
    item_ids: tuple[str, ...]
    id_rows: int
    hashed: bool
    families: Mapping[str, tuple[str, ...]]
    missing: Values
    quantities: tuple[str, ...]
    aging: tuple[tuple[str, ...], ...]
    segments: tuple[str, ...]
    clock: str = "hour"

    @property
    def features(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.query, *self.query_ids, self.vector, *self.item, *self.item_ids)

    def sizes(self) -> dict[str, int]:
        """The factory's arguments."""
        return {
            "query": len(self.query),
            "query_ids": len(self.query_ids),
            "vector": self.vector_length,
            "item": len(self.item),
            "item_ids": len(self.item_ids),
            "id_rows": self.id_rows,
        }

    def model(self) -> ModelConfig:
        """The contract, as a config says it."""
        by_hash = {"hash": {"function": "crc32", "buckets": self.id_rows}} if self.hashed else {}
        ids = {"dtype": "int64", "missing": 0, **by_hash}
        return ModelConfig(
            inputs=(
                Input(name="query", features=self.query, missing=self._defaults(self.query)),
                Input.model_validate({"name": "query_ids", "features": self.query_ids, **ids}),
                Input(name="vector", feature=self.vector, length=self.vector_length, pad=0.0, missing=0.0),
                Input(name="item", features=self.item, missing=self._defaults(self.item)),
                Input.model_validate({"name": "item_ids", "features": self.item_ids, **ids}),
            ),
            output=Output(transform="sigmoid"),
            families=dict(self.families),
        )

    def indices(self, values: Iterable[Any]) -> list[int]:
        """What the model takes for logged ids: null is 0, a text its hash, an index itself."""
        if self.hashed:
            return [0 if one is None else zlib.crc32(str(one).encode()) % self.id_rows for one in values]
        return [0 if one is None else int(one) for one in values]

    def _defaults(self, names: tuple[str, ...]) -> dict[str, float]:
        return {**{name: self.missing[name] for name in names if name in self.missing}, "*": 0.0}


@dataclass(frozen=True, eq=False)
class Traffic:
    """One stretch of traffic, sorted by time.

    Attributes:
        table: Logged rows: ``row_id``, ``time``, ``entity``, perhaps ``request_id``, segments and features.
        served: By feature ``(num_rows,)`` float32 or int64, the vector ``(num_rows, length)``: as the model takes them.
        null: Rows in which a feature was logged as null, where there are any.
        time_us: ``(num_rows,)``.
        entity: ``(num_rows,)`` int64.
        group: ``(num_rows,)`` requests, or None.
        label: ``(num_rows,)``.
    """

    table: pa.Table
    served: Served
    null: Mapping[str, Mask]
    time_us: NDArray[np.int64]
    entity: NDArray[np.int64]
    group: NDArray[np.int64] | None
    label: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.time_us)

    def with_versions(self, versions: NDArray[np.str_]) -> Traffic:
        """The same with a column ``model_version``: which checkpoint the log names, ``(num_rows,)``."""
        return replace(self, table=self.table.append_column("model_version", pa.array(versions)))

    def in_slice(self, segments: Mapping[str, str]) -> Mask:
        """Rows that have all these values."""
        inside = np.ones(len(self), dtype=bool)
        for name, value in segments.items():
            inside &= self.table[name].to_numpy(zero_copy_only=False) == value
        return inside


def tensors_of(layout: Layout, served: Served, rows: slice | NDArray = np.s_[:]) -> tuple[torch.Tensor, ...]:
    """forward()'s arguments, in order."""

    def stack(names: tuple[str, ...], dtype: type) -> torch.Tensor:
        return torch.from_numpy(np.stack([served[name][rows] for name in names], axis=1).astype(dtype))

    return (
        stack(layout.query, np.float32),
        stack(layout.query_ids, np.int64),
        torch.from_numpy(np.ascontiguousarray(served[layout.vector][rows], dtype=np.float32)),
        stack(layout.item, np.float32),
        stack(layout.item_ids, np.int64),
    )


@torch.inference_mode()
def answer(module: TwoTower, layout: Layout, served: Served, batch_rows: int = 5_000) -> Floats:
    """What a model answers, ``(num_rows,)``: probabilities, computed in float32."""
    num_rows = len(served[layout.vector])
    if not num_rows:
        return np.empty(0)
    parts = [
        torch.sigmoid(module(*tensors_of(layout, served, slice(start, start + batch_rows))))
        for start in range(0, num_rows, batch_rows)
    ]
    return torch.cat(parts).double().numpy()


def draw_hosts(rng: np.random.Generator, request: NDArray[np.int64]) -> NDArray[np.str_]:
    """Which host answered each row, ``(num_rows,)``: one a request.

    Args:
        rng: Decides.
        request: ``(num_rows,)``, from 0.
    """
    return np.array(HOSTS)[rng.integers(0, len(HOSTS), int(request.max()) + 1)][request]


def train(layout: Layout, traffic: Traffic, start: TwoTower | None, seed: int, epochs: int, rate: float) -> TwoTower:
    """Train a new model, or go on with a copy of one: a few seconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = TwoTower(**layout.sizes())
        tensors, clicks = tensors_of(layout, traffic.served), torch.from_numpy(traffic.label.astype(np.float32))
        if start is not None:
            module.load_state_dict(start.state_dict())
        optimizer = torch.optim.Adam(module.parameters(), lr=rate)
        for _ in range(epochs):
            for rows in torch.randperm(len(clicks)).split(1_024):
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    module(*(tensor[rows] for tensor in tensors)), clicks[rows]
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return module.eval()
