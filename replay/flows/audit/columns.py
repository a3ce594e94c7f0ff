"""Which features an audit is of, and what the other table calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import AuditConfig, Input, ReplayConfig
from replay.config.names import matches
from replay.config.plain import plain_data
from replay.config.sections.dtypes import DTYPES
from replay.config.sections.model.transform import fills_nulls
from replay.config.sections.other_tables.audits import CoreShare
from replay.config.sections.other_tables.sources import PLACEHOLDER
from replay.errors import ConfigError, Problem
from replay.features import resolve_features
from replay.features.codecs.buffers import plain_type
from replay.features.codecs.numeric import is_text
from replay.features.resolve import Resolution
from replay.flows.stages.prepare import Prepared
from replay.traffic import PinnedSource, PinnedTraffic, draw_direct, find_column, plan_splits, scan_dataframe

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def compared_features(prepared: Prepared, name: str, audit: AuditConfig) -> tuple[str, ...]:
    """The features that an audit is of; all of them where they are those that matter, and these are measured.

    Raises:
        ConfigError: It names none of the model's.
    """
    core, globs = prepared.config.features.core, audit.features
    if audit.core_only:
        if isinstance(core, CoreShare):
            return prepared.features
        globs = core
    found = tuple(each for each in prepared.features if any(matches(glob, each) for glob in globs))
    if not found:
        message = f"none of the model's features is called {' or '.join(f'`{each}`' for each in globs)}"
        raise ConfigError([prepared.config.locate(Problem(message, f"audits.{name}.features"))])
    return found


def names_there(source: PinnedSource, compared: Iterable[str], name: str) -> dict[str, str]:
    """What the other table calls the features that it has.

    Raises:
        ConfigError: It has none of them.
    """
    found = {each: source.column_of(each) for each in compared}
    names = {each: source.config.name_of(each) for each, path in found.items() if path is not None}
    if not names:
        message = (
            f"{source.table.location} has none of the {len(found)} features: say under "
            f"`sources.{source.name}.columns` what it calls them"
        )
        raise ConfigError([Problem(message, f"audits.{name}.against")])
    return names


def columns_beside(schema: pa.Schema, template: str, names: Mapping[str, str]) -> dict[str, str]:
    """The columns beside those of features that a table has, by feature.

    Args:
        schema: Of the table.
        template: Their name, with a placeholder for that of the feature.
        names: The table's column or path, by feature.
    """
    found = {each: template.replace(PLACEHOLDER, column) for each, column in names.items()}
    return {each: column for each, column in found.items() if find_column(schema, column) is not None}


def time_columns_beside(schema: pa.Schema, template: str, names: Mapping[str, str]) -> dict[str, str]:
    """Those of :func:`columns_beside` that hold times."""
    return {
        each: column for each, column in columns_beside(schema, template, names).items() if _is_time(schema, column)
    }


def _is_time(schema: pa.Schema, column: str) -> bool:
    path = find_column(schema, column)
    return path is not None and (pa.types.is_timestamp(path.type) or pa.types.is_date(path.type))


def sample_rows(spark: SparkSession, table: PinnedTraffic, columns: Sequence[str], most: int) -> pa.RecordBatch:
    """At most so many selected rows of a table, from all over it where tasks can read it, else by Spark the first."""
    plan = plan_splits(spark, table, columns)
    if plan.reader == "spark" or not plan.splits:
        return some_rows(scan_dataframe(spark, table, columns), most)
    return draw_direct(plan, most).batch


def some_rows(rows: DataFrame, most: int) -> pa.RecordBatch:
    """At most so many rows of a table as one batch, of no rows where it has none."""
    table = rows.limit(most).toArrow().combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)


def resolved(prepared: Prepared) -> Resolution:
    """What all contracts read of the traffic."""
    return resolve_features(prepared.config.encoded_model, prepared.traffic.schema)


def inputs_of(prepared: Prepared) -> Mapping[str, Input]:
    """The input that takes each feature."""
    inputs = resolved(prepared).inputs
    return {
        each.feature.name: entry
        for entry in prepared.config.encoded_model.inputs
        for each in inputs.get(entry.name, ())
    }


def types_of(prepared: Prepared) -> Mapping[str, pa.DataType]:
    """The logged type of each feature."""
    return {each.name: each.type for each in resolved(prepared).features}


def families_of(prepared: Prepared) -> Mapping[str, Sequence[str]]:
    """Features by family."""
    return resolved(prepared).families


def categorical_features(prepared: Prepared) -> Mapping[str, bool]:
    """By feature, whether the model takes its values for names."""
    inputs = inputs_of(prepared)
    return {name: is_categorical(inputs[name], kind) for name, kind in types_of(prepared).items()}


def is_categorical(entry: Input, kind: pa.DataType) -> bool:
    """Whether an input takes values of a type for names: it looks them up, hashes them, or takes them as indices."""
    kind = plain_type(kind)
    looked_up = entry.vocabulary is not None or entry.hash is not None
    index = entry.dtype in DTYPES and DTYPES[entry.dtype].kind == "i"
    return looked_up or is_text(kind) or (pa.types.is_integer(kind) and index)


def takes_null(entry: Input, feature: str) -> bool:
    """Whether a null becomes something that the model takes."""
    missing = entry.missing
    held = any(matches(glob, feature) for glob in missing) if isinstance(missing, dict) else missing is not None
    return held or fills_nulls(plain_data(entry.transform), feature)


def nullable_features(config: ReplayConfig, inputs: Mapping[str, Input]) -> tuple[str, ...]:
    """Features whose null the model takes, where what matters is to be measured."""
    if not isinstance(config.features.core, CoreShare):
        return ()
    return tuple(name for name, entry in inputs.items() if takes_null(entry, name))
