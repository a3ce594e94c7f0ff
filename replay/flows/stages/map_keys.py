"""Globs over the keys of a map, which no schema lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import CheckpointConfig, ReplayConfig
from replay.errors import TrafficError
from replay.features import globbed_maps, with_map_keys
from replay.traffic import PinnedTraffic, scan_dataframe
from replay.traffic.paths import require_column
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_MAP_KEYS = 10_000
"""Keys of a map that a glob may stand for."""


def name_map_keys(config: ReplayConfig, spark: SparkSession, traffic: PinnedTraffic) -> ReplayConfig:
    """The same config with globs over maps written out, by the keys that are logged."""
    from pyspark.sql import functions as F

    maps = globbed_maps(config.encoded_model, traffic.schema)
    keys = {}
    for name in maps:
        path = require_column(traffic.schema, name)
        found = scan_dataframe(spark, traffic, [name]).select(F.explode(F.map_keys(spark_column(path))).alias("key"))
        logged = found.distinct().limit(MOST_MAP_KEYS + 1).toArrow().column(0).to_pylist()
        if len(logged) > MOST_MAP_KEYS:
            raise TrafficError(
                f"the map `{name}` has more than {MOST_MAP_KEYS:,} keys: name those that the model reads"
            )
        keys[name] = sorted(str(key) for key in logged)
    return write_out_globs(config, traffic.schema, keys) if maps else config


def write_out_globs(config: ReplayConfig, schema: pa.Schema, keys: Mapping[str, Sequence[str]]) -> ReplayConfig:
    """The same config with each input's globs written out.

    Args:
        config: The replay.
        schema: Of the traffic.
        keys: Keys by the name of a map, for globs over maps.
    """
    checkpoints = {
        name: entry.model_copy(update={"model": with_map_keys(entry.model, schema, keys)})
        if isinstance(entry, CheckpointConfig) and entry.model is not None
        else entry
        for name, entry in config.checkpoints.items()
    }
    model = with_map_keys(config.model, schema, keys)
    return config.model_copy(update={"model": model, "checkpoints": checkpoints})
