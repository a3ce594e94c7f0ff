"""Real models in every format, and the way from a file to a scorer. Also the module that factories are taken from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine
from replay.checkpoints.open import open_scorer
from replay.checkpoints.scorers.scorer import ModelScorer
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig

HERE = str(Path(__file__).parent)
FACTORY = "tests.checkpoints.models:build"
FORMATS = ("torch.export", "torchscript", "torchscript_frozen", "state_dict", "safetensors", "onnx", "pickled_module")


class Ranker(nn.Module):
    """Embedding, linear layers, a saved buffer and one that is not saved."""

    def __init__(self, rows: int = 20, width: int = 4) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, width)
        self.hidden = nn.Linear(2 * width + 3, 8)
        self.out = nn.Linear(8, 1)
        self.register_buffer("shift", torch.tensor([0.5, -1.0, 2.0]))
        self.register_buffer("scale", torch.tensor([2.0, 3.0, 0.25]), persistent=False)

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        features = torch.cat([(dense + self.shift) * self.scale, self.table(ids).flatten(1)], dim=1)
        return self.out(torch.relu(self.hidden(features))).squeeze(-1)


class TwoHeads(nn.Module):
    """A dict that holds a (batch, 2) tensor and a tuple."""

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {"logits": torch.stack([x.sum(1), x.prod(1)], dim=1), "aux": (x[:, 0], x[:, 1])}


def build(rows: int = 20, width: int = 4) -> Ranker:
    return Ranker(rows, width)


def ranker(seed: int = 0, **kwargs: int) -> Ranker:
    torch.manual_seed(seed)
    return Ranker(**kwargs).eval()


def rows(count: int, table: int = 20, seed: int = 1) -> dict[str, torch.Tensor]:
    """Inputs of the ranker."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "dense": torch.randn(count, 3, generator=generator),
        "ids": torch.randint(0, table, (count, 2), generator=generator),
    }


def contract(*names: str, call: str = "positional", output: dict[str, Any] | None = None, **dtypes: str) -> ModelConfig:
    """A model section with inputs of these names."""
    inputs = [
        {"name": name, "dtype": dtypes.get(name, "int64" if name == "ids" else "float32"), "features": [f"{name}_*"]}
        for name in names or ("dense", "ids")
    ]
    return ModelConfig.model_validate({"call": call, "inputs": inputs, "output": output or {}})


@contextmanager
def quiet() -> Iterator[None]:
    """Exporters and TorchScript warn of themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def save(form: str, model: nn.Module, path: Path, example: tuple[torch.Tensor, ...] | None = None) -> Path:
    """Save a model in one of ``FORMATS``, its batch dynamic."""
    example = example if example is not None else tuple(rows(4).values())
    with quiet():
        if form == "torch.export":
            batch = torch.export.Dim("batch")
            shapes = tuple({0: batch} for _ in example)
            torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)
        elif form.startswith("torchscript"):
            scripted = torch.jit.script(model)
            torch.jit.save(torch.jit.freeze(scripted) if form.endswith("frozen") else scripted, str(path))
        elif form == "state_dict":
            torch.save(model.state_dict(), path)
        elif form == "safetensors":
            save_file(model.state_dict(), path)
        elif form == "onnx":
            names = ["dense", "ids"][: len(example)]
            torch.onnx.export(
                model,
                example,
                str(path),
                dynamo=False,
                input_names=names,
                output_names=["score"],
                dynamic_axes={name: {0: "batch"} for name in names},
            )
        else:
            torch.save(model, path)
    return path


def examined(path: Path, *, base_dir: str = HERE, name: str = "prod", **config: Any) -> Checkpoint:
    return examine(
        CheckpointConfig(path=str(path), **config), name, base_dir=base_dir, allow_pickle=True, allow_non_finite=True
    )


def opened(path: Path, model: ModelConfig | None = None, **config: Any) -> ModelScorer:
    return open_scorer(examined(path, **config), model or contract())


def config_for(form: str, **kwargs: int) -> dict[str, Any]:
    """What a checkpoint of this format needs in the config."""
    return {"factory": FACTORY, "kwargs": kwargs} if form in ("state_dict", "safetensors") else {}
