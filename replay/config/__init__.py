"""One YAML file to one frozen, validated object; every problem reported at once, with its line."""

from replay.config.base import Section
from replay.config.checkpoints import CheckpointConfig
from replay.config.diff import DiffConfig, Tolerance, parse_duration
from replay.config.engine import EngineConfig
from replay.config.model import Hash, Input, ModelConfig, Output
from replay.config.replay import ReplayConfig
from replay.config.traffic import Sample, TimeColumn, TrafficConfig, Window

__all__ = [
    "CheckpointConfig",
    "DiffConfig",
    "EngineConfig",
    "Hash",
    "Input",
    "ModelConfig",
    "Output",
    "ReplayConfig",
    "Sample",
    "Section",
    "TimeColumn",
    "Tolerance",
    "TrafficConfig",
    "Window",
    "parse_duration",
]
