"""A model left in training mode: layers that look at the batch, or that answer by chance."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from tests.bench.diagnosis.causes.cause import Cause, Rows, Scene, cause, pick
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import BASELINE, Floats, Served, tensors_of


@cause("batch_norm", has_name=False)
def batch_norm(scene: Scene, rng: np.random.Generator) -> Cause:
    """Batch norm takes mean and variance of the batch: of so many rows that came one after another."""
    module, rows = _in_training(scene, nn.BatchNorm1d), pick(rng, (16, 64, 256))
    return Cause(scene, {"batch": rows}, run=lambda served, chosen: _in_batches(scene, module, served, rows)[chosen])


@cause("dropout", has_name=False)
def dropout(scene: Scene, rng: np.random.Generator) -> Cause:
    """Dropout is active: equal inputs get other answers."""
    module, seed = _in_training(scene, nn.Dropout), int(rng.integers(1 << 30))

    def run(served: Served, chosen: Rows) -> Floats:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _in_batches(scene, module, served, 5_000)[chosen]

    return Cause(scene, {}, run=run)


def _in_training(scene: Scene, layers: type[nn.Module]) -> TwoTower:
    module = copy.deepcopy(scene.modules[BASELINE])
    for layer in module.modules():
        if isinstance(layer, layers):
            layer.train()
            if isinstance(layer, nn.BatchNorm1d):
                layer.momentum = 0.0  # the service does not learn
    return module


@torch.inference_mode()
def _in_batches(scene: Scene, module: TwoTower, served: Served, rows: int) -> Floats:
    total = len(scene.traffic)
    bounds = [*range(0, max(total - rows, 1), rows), total]  # the last batch takes what is left
    return np.concatenate(
        [
            torch.sigmoid(module(*tensors_of(scene.layout, served, slice(start, stop)))).double().numpy()
            for start, stop in pairwise(bounds)
        ]
    )
