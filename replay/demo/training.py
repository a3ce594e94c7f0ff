"""Train the demo's model, score with it as the online service did, and export it."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from replay.demo.model import DENSE_FEATURES, ID_FEATURES, TwoTower
from replay.demo.world import COUNTRIES, MAX_HISTORY
from replay.scoring.local import one_thread

COUNTRY_INDEX = {country: index for index, country in enumerate(COUNTRIES, start=1)}

Features = tuple[torch.Tensor, ...]


def encode(table: pa.Table) -> Features:
    """Turn logged columns into the model's five arguments, missing values to 0, as the online service does.

    Written apart from the engine's own encoder on purpose: were that one wrong, the demo's replay would show it.
    """
    dense = np.stack([_numbers(table[name]) for name in DENSE_FEATURES], axis=1)
    ids = np.stack([_numbers(table[name]) for name in ID_FEATURES], axis=1)
    country = [COUNTRY_INDEX[name] for name in table["country"].to_pylist()]
    recent = table["recent_items"].combine_chunks()
    lengths = recent.value_lengths().to_numpy()
    mask = np.arange(MAX_HISTORY) < lengths[:, None]
    history = np.zeros(mask.shape, dtype=np.int64)
    history[mask] = recent.flatten().to_numpy()
    return (
        torch.from_numpy(dense.astype(np.float32)),
        torch.from_numpy(ids.astype(np.int64)),
        torch.tensor(country, dtype=torch.int64),
        torch.from_numpy(history),
        torch.from_numpy(mask.astype(np.float32)),
    )


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    numbers: np.ndarray = column.fill_null(0).to_numpy()
    return numbers


def train(table: pa.Table, seed: int, start: TwoTower | None = None, batch_rows: int = 1024) -> TwoTower:
    """Train on logged clicks: one pass, in seconds.

    Args:
        table: Traffic as `make_traffic` makes it.
        seed: Of the initial weights and of the order of rows; the same seed gives the same weights.
        start: A model to go on from, left as it is; default: a new one.
        batch_rows: Rows a step.

    Returns:
        The model, in eval mode.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        features, labels = encode(table), torch.from_numpy(table["label"].to_numpy().astype(np.float32))
        model = _new_model(features[0], labels) if start is None else copy.deepcopy(start)
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
        steps = -(-len(labels) // batch_rows)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=steps)
        for rows in torch.split(torch.randperm(len(labels)), batch_rows):
            optimizer.zero_grad()
            logits = model(*(tensor[rows] for tensor in features))
            loss = binary_cross_entropy_with_logits(logits, labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        return model.eval()


def _new_model(dense: torch.Tensor, labels: torch.Tensor) -> TwoTower:
    """A model that knows the scale of its features and the click rate, and nothing else."""
    model = TwoTower()
    squashed = model.squash(dense)
    model.mean.copy_(squashed.mean(0))
    model.std.copy_(squashed.std(0).clamp(min=1e-3))
    rate = labels.mean().clamp(1e-3, 1 - 1e-3)
    with torch.no_grad():
        model.answer.bias.copy_(torch.logit(rate))
    return model


@torch.inference_mode()
def score(model: TwoTower, table: pa.Table, batch_rows: int = 8192) -> np.ndarray:
    """Predict the probability of a click: (num_rows,), float32."""
    with one_thread():
        batches = zip(*(torch.split(tensor, batch_rows) for tensor in encode(table)), strict=True)
        return torch.cat([torch.sigmoid(model(*batch)) for batch in batches]).numpy()


def export(model: TwoTower, table: pa.Table, path: Path) -> None:
    """Write the model as a ``torch.export`` archive that takes any number of rows."""
    example = tuple(tensor for tensor in encode(table.slice(0, 8)))
    rows = torch.export.Dim("rows")
    program = torch.export.export(model, example, dynamic_shapes=({0: rows},) * len(example))
    torch.export.save(program, path)
