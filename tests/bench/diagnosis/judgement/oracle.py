"""What a told cause would have made online answer, by plain torch: nothing of the engine's but its words is used."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis
from tests.bench.diagnosis.causes import Scene
from tests.bench.diagnosis.causes.layers import through_layer
from tests.bench.diagnosis.causes.weights import cast
from tests.bench.diagnosis.judgement.steps import CannotReplay, Columns, take_step
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import CHECKPOINTS, Floats, Served

Integers = NDArray[np.int64]


class Oracle:
    """Replays told causes.

    Args:
        scene: Traffic and models.
        versions: ``(num_rows,)`` the checkpoint that the log names, where it does.
    """

    def __init__(self, scene: Scene, versions: NDArray[np.str_] | None = None) -> None:
        self._scene, self._versions = scene, versions
        self.baseline = self._run(None, None, scene.traffic.served, np.arange(len(scene.traffic)))

    def answers(self, told: Hypothesis, rows: Integers) -> Floats:
        """What a told cause gives, before it is logged, ``(len(rows),)``.

        Raises:
            CannotReplay: It is of a kind that is not known here.
        """
        columns = Columns(
            self._scene.layout,
            self._scene.traffic,
            dict(self._scene.traffic.served),
            dict(self._scene.traffic.null),
        )
        for step in told.perturbations:
            take_step(columns, step.model_dump(by_alias=True))
        recipe = None if told.recipe is None else told.recipe.model_dump(by_alias=True)
        scores = self._run(told.checkpoint, recipe, columns.served, rows)
        for part in told.parts or (told,):
            scores = self._through(part, scores)
        return scores

    def _run(self, checkpoint: str | None, recipe: Mapping[str, Any] | None, served: Served, rows: Integers) -> Floats:
        if recipe is not None:
            return self._scene.score(served, rows, self._made(recipe))
        if checkpoint in CHECKPOINTS:
            return self._scene.score(served, rows, self._scene.modules[checkpoint])
        if self._versions is None:
            return self._scene.score(served, rows)
        scores = np.empty(len(rows))
        for version in np.unique(self._versions[rows]):
            chosen = self._versions[rows] == version
            scores[chosen] = self._scene.score(served, rows[chosen], self._scene.modules[str(version)])
        return scores

    def _made(self, recipe: Mapping[str, Any]) -> TwoTower:
        """A checkpoint that is made of others."""
        modules = self._scene.modules
        if recipe.get("splice"):
            sources = recipe["splice"]
            changed = {
                name: modules[next(source for glob, source in sources.items() if fnmatchcase(name, glob))].state_dict()[
                    name
                ]
                for name in next(iter(modules.values())).state_dict()
            }
            return self._scene.remade(changed)
        if recipe.get("cast"):
            state, glob = modules[recipe["from"]].state_dict(), recipe.get("params") or "*"
            globs = (glob,) if isinstance(glob, str) else glob
            return self._scene.remade(
                {name: self._cast(one, recipe["cast"], name, globs) for name, one in state.items()}
            )
        raise CannotReplay(f"recipe {sorted(recipe)}")

    def _cast(self, tensor: torch.Tensor, dtype: str, name: str, globs: tuple[str, ...]) -> torch.Tensor:
        chosen = tensor.is_floating_point() and any(fnmatchcase(name, glob) for glob in globs)
        return cast(tensor, dtype) if chosen else tensor

    def _through(self, part: Hypothesis, scores: Floats) -> Floats:
        if part.layer is None:
            return scores
        offset, slope = part.get("offset"), part.get("slope")
        if offset is None or slope is None:
            raise CannotReplay(f"a layer of kind {part.kind}")
        return through_layer(scores, offset, slope) if part.get("space") == "logit" else offset + slope * scores
