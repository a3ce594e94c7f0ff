"""Small scenarios, models and batches for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from replay.config.schema import config_schema
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.scenarios import Perturbation
from replay.features.codecs.base import NUMPY_TYPES
from replay.scenarios import Donors, ScenarioPlan, Touched, TouchedRows, row_keys

INTEGERS = [kind for kind in NUMPY_TYPES if pa.types.is_integer(kind)]
FLOATS = [kind for kind in NUMPY_TYPES if pa.types.is_floating(kind)]


@dataclass(frozen=True)
class AScenario:
    """What a plan reads of a scenario."""

    name: str
    salt: str
    perturbations: tuple[Perturbation, ...]


def scenario(*steps: Mapping[str, Any], salt: str = "s") -> AScenario:
    return AScenario(salt, salt, tuple(Perturbation(**step) for step in steps))


def model(*features: str, families: Mapping[str, tuple[str, ...]] | None = None, **of_input: Any) -> ModelConfig:
    """A model with one input for each feature."""
    inputs = tuple(Input(name=f"input{i}", feature=name, **of_input) for i, name in enumerate(features))
    return ModelConfig(inputs=inputs, families=dict(families or {}))


def rows(columns: Mapping[str, pa.Array], keys: np.ndarray | None = None, **changes: Any) -> TouchedRows:
    """A batch in which every row is accepted and has the key of its place."""
    count = len(next(iter(columns.values())))
    keys = row_keys([pa.array(range(count), pa.int64())]) if keys is None else keys
    given = {"accepted": np.ones(count, bool), "time_us": None, "has_time": None, "side": {}.__getitem__, **changes}
    return TouchedRows(keys=keys, column=columns.__getitem__, **given)


def plan(
    columns: Mapping[str, pa.Array], *steps: Mapping[str, Any], using: ModelConfig | None = None, **options: Any
) -> ScenarioPlan:
    types = {name: array.type for name, array in columns.items()}
    salt = options.pop("salt", "s")
    return ScenarioPlan(scenario(*steps, salt=salt), using or model(*columns), types, **{"seed": 0, **options})


def touch(
    columns: Mapping[str, pa.Array], *steps: Mapping[str, Any], using: ModelConfig | None = None, **options: Any
) -> Touched:
    return plan(columns, *steps, using=using, **options).touch(rows(columns))


def changed(array: pa.Array, donors: Donors | None = None, using: ModelConfig | None = None, **step: Any) -> pa.Array:
    """One feature ``x``, after one step over all rows."""
    touched = touch({"x": array}, {"features": ("x",), **step}, using=using, donors=donors)
    assert touched.rows.tolist() == list(range(len(array)))
    return touched.columns["x"]


def described(*keys: str) -> list[str]:
    """What the schema of the config says of keys of a step."""
    properties = config_schema()["$defs"]["Perturbation"]["properties"]
    return [properties[key]["description"] for key in keys]
