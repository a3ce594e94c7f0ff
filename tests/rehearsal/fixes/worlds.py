"""A small model, traffic that it served under one contract, and a config that has another."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from replay.checkpoints import FunctionScorer
from replay.config import ReplayConfig, build_config, to_resolved_dict
from replay.rehearsal import RehearsedRows

NAMES = ("clicks", "views", "price", "age", "match", "rank")
ITEMS = ("apple", "banana", "cherry", "date", "elder", "fig", "grape")

INPUTS: tuple[dict[str, Any], ...] = (
    {"name": "dense", "features": ["clicks", "views", "price", "age", "match", "rank"], "missing": 0.0},
    {"name": "item", "dtype": "int64", "feature": "item", "vocabulary": "items.json", "unknown": 0, "missing": 0},
    {"name": "user", "dtype": "int64", "feature": "user"},
)


class World:
    """Logged rows and a model of two heads: ``ctr``, a logit, and ``cvr``, another one.

    Args:
        seed: Of rows and weights.
        directory: For the vocabulary.
        nulls: Share of nulls, by feature.
        num_rows: Logged.
    """

    def __init__(
        self, seed: int, directory: Path, nulls: Mapping[str, float] | None = None, num_rows: int = 1500
    ) -> None:
        rng = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        self.directory = directory
        (directory / "items.json").write_text(json.dumps({name: place + 1 for place, name in enumerate(ITEMS)}))
        columns: dict[str, Any] = {
            "clicks": rng.poisson(3.0, num_rows),
            "views": rng.poisson(5.0, num_rows),
            "price": rng.lognormal(1.0, 0.6, num_rows),
            "age": rng.uniform(0.0, 4.0, num_rows),
            "match": rng.normal(0.0, 1.0, num_rows),
            "rank": rng.integers(0, 6, num_rows),
            "item": rng.choice([*ITEMS, "kiwi"], num_rows),
            "user": rng.integers(1, 19, num_rows),
        }
        self.columns = {
            name: pa.array(values, mask=rng.random(num_rows) < (nulls or {}).get(name, 0.0))
            for name, values in columns.items()
        }
        self.num_rows = num_rows
        self._first = torch.randn(len(NAMES), 8, generator=generator) * 0.3
        self._items = torch.randn(20, 8, generator=generator)
        self.users = torch.randn(20, 8, generator=generator)
        self._last = torch.randn(8, 2, generator=generator)

    def model(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Two logits, (num_rows, 2)."""
        hidden = tensors["dense"] @ self._first + self._items[tensors["item"]] + 0.7 * self.users[tensors["user"]]
        return torch.tanh(hidden) @ self._last

    def ctr(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The first logit alone, (num_rows,)."""
        return self.model(tensors)[:, 0]

    def ctr_probability(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Its sigmoid, (num_rows,)."""
        return torch.sigmoid(self.ctr(tensors))

    def served(self, dense: np.ndarray | None = None, item: np.ndarray | None = None) -> dict[str, torch.Tensor]:
        """Tensors as serving makes them: nulls are 0, unknown items too; or with other ones in their place."""
        stack = np.stack([self.filled(name) for name in NAMES], axis=1) if dense is None else dense
        return {
            "dense": torch.from_numpy(stack.astype(np.float32)),
            "item": torch.from_numpy(self.items() if item is None else item),
            "user": torch.from_numpy(np.array(self.columns["user"].fill_null(0))),
        }

    def filled(self, name: str, value: float = 0.0) -> np.ndarray:
        """A column of numbers with its nulls filled."""
        return np.array([value if one is None else one for one in self.columns[name].to_pylist()], dtype=np.float64)

    def items(self, unknown: int = 0, shift: int = 0) -> np.ndarray:
        """Indices of items."""
        index = {name: place + 1 + shift for place, name in enumerate(ITEMS)}
        return np.array([index.get(one, unknown) for one in self.columns["item"].to_pylist()])

    def rows(
        self,
        online: np.ndarray | torch.Tensor,
        model: Mapping[str, Any] | None = None,
        forward: Callable[..., Any] | None = None,
        **sections: Any,
    ) -> RehearsedRows:
        """What a rehearsal draws.

        Args:
            online: (num_rows,) logged scores.
            model: Keys of ``model`` beside the usual.
            forward: The checkpoint; default: the first logit.
            **sections: Others of the config.
        """
        config = self.config(model, **sections)
        batch = pa.RecordBatch.from_pydict(
            {"id": pa.array(range(self.num_rows)), **self.columns, "score": pa.array(np.asarray(online))}
        )
        self.forward = forward or self.ctr
        scorer = FunctionScorer(self.forward, output=config.model.output)
        return RehearsedRows(config, batch, {"prod": scorer}, np.zeros(self.num_rows, np.int64), 0)

    def config(self, model: Mapping[str, Any] | None = None, **sections: Any) -> ReplayConfig:
        """The config."""
        return build_config(
            {
                "version": 1,
                "traffic": {"path": "traffic", "key": ["id"], "score": "score"},
                "model": {"inputs": list(INPUTS), **(model or {})},
                "checkpoints": {"prod": {"path": "model.pt"}},
                "output": "out",
                **sections,
            },
            self.directory,
        )

    def with_config(self, rows: RehearsedRows, config: ReplayConfig) -> RehearsedRows:
        """The same rows and model under another config."""
        opened = FunctionScorer(self.forward, output=config.model.output)
        return RehearsedRows(config, rows.batch, {"prod": opened}, rows.blocks, rows.of_blocks)


def config_file(config: ReplayConfig, directory: Path) -> Path:
    """A config as a file."""
    file = directory / "replay.yaml"
    file.write_text(json.dumps(to_resolved_dict(config)), encoding="utf-8")
    return file
