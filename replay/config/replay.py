"""The whole file: one replay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replay.config.base import Name, Section
from replay.config.checkpoints import CheckpointConfig
from replay.config.diff import DiffConfig
from replay.config.engine import EngineConfig
from replay.config.model import ModelConfig
from replay.config.traffic import TrafficConfig


class ReplayConfig(Section):
    """One replay, frozen and validated."""

    version: Literal[1]
    traffic: TrafficConfig
    model: ModelConfig
    checkpoints: Annotated[dict[Name, CheckpointConfig], Field(min_length=1)]
    baseline: str = ""
    """The checkpoint that should reproduce the online scores; default: the first."""
    diff: DiffConfig = DiffConfig()
    engine: EngineConfig = EngineConfig()
    seed: int = 0
    output: str

    @model_validator(mode="before")
    @classmethod
    def _default_baseline(cls, data: object) -> object:
        if isinstance(data, dict) and not data.get("baseline"):
            checkpoints = data.get("checkpoints")
            if isinstance(checkpoints, dict) and checkpoints:
                return {**data, "baseline": next(iter(checkpoints))}
        return data

    @model_validator(mode="after")
    def _baseline_exists(self) -> ReplayConfig:
        if self.baseline not in self.checkpoints:
            raise ValueError(f"baseline {self.baseline!r} is not under `checkpoints` ({', '.join(self.checkpoints)})")
        return self
