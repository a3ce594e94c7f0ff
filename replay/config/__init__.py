"""One YAML file to one frozen, validated object; every problem reported at once, with its line."""

from replay.config.fingerprint import fingerprint, to_resolved_dict, to_short_dict
from replay.config.load import build_config, load_config
from replay.config.names import NoMatch, expand_globs, nearest
from replay.config.sections.base import Section
from replay.config.sections.checkpoints import (
    AnyCheckpoint,
    CheckpointConfig,
    DerivedConfig,
    RouteConfig,
    ServedRouteConfig,
    SpliceConfig,
)
from replay.config.sections.diagnosis import DiagnosisConfig
from replay.config.sections.diff import DiffConfig, Tolerance, parse_duration, render_duration
from replay.config.sections.dtypes import DType
from replay.config.sections.engine import EngineConfig
from replay.config.sections.gates import AnyGate, AuditGate, Gate
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.hash import HASHES, Hash
from replay.config.sections.model.input import Input, Scalar
from replay.config.sections.model.output import Output
from replay.config.sections.model.transform import TRANSFORMS
from replay.config.sections.op_arguments import OPS
from replay.config.sections.other_tables.audits import AuditConfig, FeaturesConfig
from replay.config.sections.other_tables.sources import SourceConfig
from replay.config.sections.replay import ReplayConfig
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.skew import SkewLimit, SkewMatrixConfig, skew_variant
from replay.config.sections.traffic import Sample, TableConfig, TimeColumn, TrafficConfig
from replay.config.sections.variant_names import Scenario, sensitivity_name
from replay.config.sections.window import TrafficWindow, UtcTime, Window
from replay.config.variants import expand_scenarios, variant_names
from replay.errors import ConfigError, Problem

__all__ = [
    "Scenario",
    "expand_scenarios",
    "sensitivity_name",
    "skew_variant",
    "variant_names",
    "SkewMatrixConfig",
    "SkewLimit",
    "Perturbation",
    "AnyGate",
    "AuditConfig",
    "AuditGate",
    "FeaturesConfig",
    "Gate",
    "SourceConfig",
    "DiagnosisConfig",
    "ServedRouteConfig",
    "SpliceConfig",
    "RouteConfig",
    "DerivedConfig",
    "OPS",
    "AnyCheckpoint",
    "CheckpointConfig",
    "ConfigError",
    "DType",
    "DiffConfig",
    "EngineConfig",
    "HASHES",
    "Hash",
    "Input",
    "ModelConfig",
    "NoMatch",
    "Output",
    "Problem",
    "ReplayConfig",
    "Sample",
    "Scalar",
    "Section",
    "TRANSFORMS",
    "TableConfig",
    "TimeColumn",
    "Tolerance",
    "TrafficConfig",
    "TrafficWindow",
    "UtcTime",
    "Window",
    "build_config",
    "expand_globs",
    "fingerprint",
    "load_config",
    "nearest",
    "parse_duration",
    "render_duration",
    "to_resolved_dict",
    "to_short_dict",
]
